//! A message as a service in a partition sees it, and the loop that serves messages.

use crate::kernel::{Incoming, Kernel};
use ironroot_psa_api::{ClientId, Error, Status};

/// Serves messages until there are no more: calls `answer` for each and replies what it returns.
///
/// Returns only on a host, when the partition manager is gone.
pub fn serve<K, A>(kernel: &mut K, mut answer: A)
where
    K: Kernel,
    A: FnMut(&mut Request<'_, K>) -> Status,
{
    let mut answered = None;
    while let Some(incoming) = kernel.next(answered) {
        let handle = incoming.message.handle;
        let status = match Request::new(kernel, incoming) {
            Some(mut request) => answer(&mut request),
            // No client has id zero; refuse rather than store things under nobody's name.
            None => Error::GenericError.status(),
        };
        answered = Some((handle, status));
    }
}

/// One message: who, what, and the client's buffers.
///
/// Every byte of an input can be read once, front to back; every byte of an output written once,
/// front to back. Buffers of the client may overlap: read what you need before you write.
#[derive(Debug)]
pub struct Request<'a, K> {
    kernel: &'a mut K,
    incoming: Incoming,
    client: ClientId,
    /// Written so far, per output.
    written: [u32; 4],
}

impl<'a, K: Kernel> Request<'a, K> {
    /// From what the kernel gave; nothing if the sender is nobody.
    pub fn new(kernel: &'a mut K, incoming: Incoming) -> Option<Self> {
        let client = ClientId::new(incoming.message.client)?;
        Some(Self {
            kernel,
            incoming,
            client,
            written: [0; 4],
        })
    }

    /// Who sent it.
    #[must_use]
    pub const fn client(&self) -> ClientId {
        self.client
    }

    /// The signal it came with: which of the partition's services is meant.
    #[must_use]
    pub const fn signal(&self) -> u32 {
        self.incoming.signal
    }

    /// The client's type, or [`CONNECT`](ironroot_psa_api::message::CONNECT) or
    /// [`DISCONNECT`](ironroot_psa_api::message::DISCONNECT).
    #[must_use]
    pub const fn kind(&self) -> i32 {
        self.incoming.message.kind
    }

    /// Whole length of an input in bytes; zero if there is none of that number.
    #[must_use]
    pub fn in_len(&self, input: usize) -> usize {
        self.incoming
            .message
            .in_size
            .get(input)
            .map_or(0, |len| *len as usize)
    }

    /// Whole length of an output in bytes; zero if there is none of that number.
    #[must_use]
    pub fn out_len(&self, output: usize) -> usize {
        self.incoming
            .message
            .out_size
            .get(output)
            .map_or(0, |len| *len as usize)
    }

    /// Copies the next bytes of an input, at most what is left; returns how many.
    pub fn read(&mut self, input: usize, out: &mut [u8]) -> usize {
        // No vector of that number is an empty one here and a broken rule to the partition manager.
        if out.is_empty() || self.in_len(input) == 0 {
            return 0;
        }
        self.kernel
            .read(self.incoming.message.handle, input, out)
            .min(out.len())
    }

    /// A whole input of exactly `N` bytes; nothing if it has another length.
    pub fn read_whole<const N: usize>(&mut self, input: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        if self.in_len(input) != N || self.read(input, &mut bytes) != N {
            return None;
        }
        Some(bytes)
    }

    /// Passes over the next bytes of an input, at most what is left; returns how many.
    pub fn skip(&mut self, input: usize, len: usize) -> usize {
        if len == 0 || self.in_len(input) == 0 {
            return 0;
        }
        self.kernel.skip(self.incoming.message.handle, input, len)
    }

    /// Appends to an output.
    ///
    /// # Errors
    /// `BufferTooSmall` when the output cannot hold all of `data`; nothing is written then.
    pub fn write(&mut self, output: usize, data: &[u8]) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        let len = u32::try_from(data.len()).map_err(|_| Error::BufferTooSmall)?;
        let size = self
            .incoming
            .message
            .out_size
            .get(output)
            .copied()
            .unwrap_or(0);
        let written = self.written.get_mut(output).ok_or(Error::BufferTooSmall)?;
        let end = written.checked_add(len).filter(|end| *end <= size);
        *written = end.ok_or(Error::BufferTooSmall)?;
        self.kernel
            .write(self.incoming.message.handle, output, data);
        Ok(())
    }

    /// What the service tied to this connection; zero if nothing.
    #[must_use]
    pub const fn rhandle(&self) -> u32 {
        self.incoming.message.rhandle
    }

    /// Ties a number to this connection. Only for connection-based services.
    pub fn set_rhandle(&mut self, rhandle: u32) {
        self.incoming.message.rhandle = rhandle;
        self.kernel
            .set_rhandle(self.incoming.message.handle, rhandle);
    }

    /// The message as it came, for use beside [`kernel`](Self::kernel).
    #[must_use]
    pub const fn incoming(&self) -> Incoming {
        self.incoming
    }

    /// The kernel, to call other services while this message is being handled.
    pub const fn kernel(&mut self) -> &mut K {
        self.kernel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_psa_api::{Handle, PsaMessage};
    use std::vec::Vec;

    /// One client call after the other, each with one input and one output.
    struct Script {
        calls: Vec<(i32, Vec<u8>, usize)>,
        at: usize,
        read: usize,
        written: Vec<u8>,
        answers: Vec<(Status, Vec<u8>)>,
    }

    impl Script {
        fn new(calls: &[(i32, &[u8], usize)]) -> Self {
            let calls = calls
                .iter()
                .map(|(kind, input, out)| (*kind, input.to_vec(), *out));
            let calls = calls.collect();
            Self {
                calls,
                at: 0,
                read: 0,
                written: Vec::new(),
                answers: Vec::new(),
            }
        }

        fn input(&self) -> &[u8] {
            &self.calls[self.at - 1].1
        }
    }

    impl Kernel for Script {
        fn next(&mut self, answered: Option<(Handle, Status)>) -> Option<Incoming> {
            if let Some((handle, status)) = answered {
                assert_eq!(handle.0 as usize, self.at);
                self.answers
                    .push((status, core::mem::take(&mut self.written)));
            }
            let (kind, input, out) = self.calls.get(self.at)?;
            self.at += 1;
            self.read = 0;
            let message = PsaMessage {
                kind: *kind,
                handle: Handle(self.at as u32),
                client: -1,
                rhandle: 0,
                in_size: [input.len() as u32, 0, 0, 0],
                out_size: [*out as u32, 0, 0, 0],
            };
            Some(Incoming {
                signal: 16,
                message,
            })
        }

        fn read(&mut self, _: Handle, input: usize, out: &mut [u8]) -> usize {
            assert_eq!(input, 0, "the partition manager would end us");
            let left = &self.calls[self.at - 1].1[self.read..];
            let len = left.len().min(out.len());
            out[..len].copy_from_slice(&left[..len]);
            self.read += len;
            len
        }

        fn skip(&mut self, _: Handle, input: usize, len: usize) -> usize {
            assert_eq!(input, 0, "the partition manager would end us");
            let len = len.min(self.input().len() - self.read);
            self.read += len;
            len
        }

        fn write(&mut self, _: Handle, output: usize, data: &[u8]) {
            assert_eq!(output, 0, "the partition manager would end us");
            self.written.extend(data);
            assert!(
                self.written.len() <= self.calls[self.at - 1].2,
                "so it would for this"
            );
        }

        fn set_rhandle(&mut self, _: Handle, _: u32) {}
        fn lifecycle(&mut self) -> u32 {
            0x3000
        }
        fn panic(&mut self) -> ! {
            panic!("psa_panic")
        }
    }

    #[test]
    fn every_message_is_answered_once_with_what_the_service_returns() {
        let mut script = Script::new(&[(1, b"abc", 3), (2, b"", 0), (3, b"0123456789", 10)]);
        serve(&mut script, |request| {
            let mut buffer = [0; 4];
            loop {
                match request.read(0, &mut buffer) {
                    0 => return Status(request.kind()),
                    len => request.write(0, &buffer[..len]).unwrap(),
                }
            }
        });
        let expected = [
            (Status(1), b"abc".to_vec()),
            (Status(2), Vec::new()),
            (Status(3), b"0123456789".to_vec()),
        ];
        assert_eq!(script.answers, expected);
    }

    #[test]
    fn a_write_past_the_end_is_refused_before_it_reaches_the_kernel() {
        let mut script = Script::new(&[(0, b"", 4)]);
        serve(&mut script, |request| {
            assert_eq!(request.write(0, &[1; 5]), Err(Error::BufferTooSmall));
            assert_eq!(request.write(0, &[1; 3]), Ok(()));
            assert_eq!(request.write(0, &[1; 2]), Err(Error::BufferTooSmall));
            assert_eq!(request.write(1, &[1]), Err(Error::BufferTooSmall));
            assert_eq!(request.write(9, &[1]), Err(Error::BufferTooSmall));
            assert_eq!(request.write(9, &[]), Ok(()));
            Status::SUCCESS
        });
        assert_eq!(script.answers, [(Status::SUCCESS, std::vec![1; 3])]);
    }

    #[test]
    fn absent_inputs_read_as_empty_without_asking_the_kernel() {
        let mut script = Script::new(&[(0, b"abcd", 0)]);
        serve(&mut script, |request| {
            let mut byte = [0];
            for input in 1..6 {
                assert_eq!(request.read(input, &mut byte), 0);
                assert_eq!(request.skip(input, 1), 0);
                assert_eq!(request.in_len(input), 0);
            }
            assert_eq!(request.read_whole::<3>(0), None);
            assert_eq!(request.read_whole::<4>(0), Some(*b"abcd"));
            Status::SUCCESS
        });
    }

    #[test]
    fn a_message_from_nobody_is_answered_with_an_error() {
        let mut script = Script::new(&[(0, b"", 0)]);
        let mut incoming = script.next(None).unwrap();
        incoming.message.client = 0;
        assert!(Request::new(&mut script, incoming).is_none());
    }
}
