//! Commands as bytes, and answers as parts (Part 1, section 18).

use crate::hash::{hmac, sha256};
use crate::numbers::{cc, rh};

/// A command, before it is sealed.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) code: u32,
    pub(crate) locality: u8,
    pub(crate) handles: Vec<u32>,
    pub(crate) params: Vec<u8>,
}

impl Command {
    pub(crate) fn new(code: u32) -> Self {
        Self {
            code,
            locality: 0,
            handles: Vec::new(),
            params: Vec::new(),
        }
    }

    pub(crate) fn locality(mut self, locality: u8) -> Self {
        self.locality = locality;
        self
    }

    pub(crate) fn handle(mut self, handle: u32) -> Self {
        self.handles.push(handle);
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.params.extend(bytes);
        self
    }

    pub(crate) fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn sized(self, bytes: &[u8]) -> Self {
        self.u16(bytes.len() as u16).raw(bytes)
    }

    /// The whole command with these entries of the session area; `names` are those of its handles.
    pub(crate) fn frame(&self, proofs: &[Proof], names: &[Vec<u8>]) -> Vec<u8> {
        let mut body = Vec::new();
        for handle in &self.handles {
            body.extend(handle.to_be_bytes());
        }
        if !proofs.is_empty() {
            let cp_hash = sha256(&[&self.code.to_be_bytes(), &names.concat(), &self.params]);
            let area: Vec<u8> = proofs
                .iter()
                .flat_map(|proof| proof.entry(&cp_hash))
                .collect();
            body.extend((area.len() as u32).to_be_bytes());
            body.extend(area);
        }
        body.extend(&self.params);
        let tag: u16 = if proofs.is_empty() { 0x8001 } else { 0x8002 };
        let mut all = tag.to_be_bytes().to_vec();
        all.extend((body.len() as u32 + 10).to_be_bytes());
        all.extend(self.code.to_be_bytes());
        all.extend(body);
        all
    }

    fn returns_handle(&self) -> bool {
        matches!(
            self.code,
            cc::CREATE_PRIMARY
                | cc::LOAD
                | cc::HMAC_START
                | cc::CONTEXT_LOAD
                | cc::START_AUTH_SESSION
                | cc::HASH_SEQUENCE_START
        )
    }
}

/// How a session proves the auth value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// In plain.
    Plain(Vec<u8>),
    /// By an HMAC that this is the key of.
    Hmac(Vec<u8>),
    /// Not at all.
    Nothing,
}

/// One entry of a session area.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) session: u32,
    pub(crate) nonce_tpm: Vec<u8>,
    pub(crate) nonce_caller: Vec<u8>,
    pub(crate) shown: Shown,
    /// Whether the session goes on after the command.
    pub(crate) goes_on: bool,
}

impl Proof {
    pub(crate) fn password(value: &[u8]) -> Self {
        Self {
            session: rh::PASSWORD,
            nonce_tpm: Vec::new(),
            nonce_caller: Vec::new(),
            shown: Shown::Plain(value.to_vec()),
            goes_on: true,
        }
    }

    fn entry(&self, cp_hash: &[u8]) -> Vec<u8> {
        let attributes = [u8::from(self.goes_on)];
        let shown = match &self.shown {
            Shown::Plain(value) => value.clone(),
            Shown::Nothing => Vec::new(),
            Shown::Hmac(key) => hmac(
                key,
                &[cp_hash, &self.nonce_caller, &self.nonce_tpm, &attributes],
            ),
        };
        let mut entry = self.session.to_be_bytes().to_vec();
        entry.extend((self.nonce_caller.len() as u16).to_be_bytes());
        entry.extend(&self.nonce_caller);
        entry.extend(attributes);
        entry.extend((shown.len() as u16).to_be_bytes());
        entry.extend(shown);
        entry
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u32,
    pub(crate) handle: u32,
    pub(crate) params: Vec<u8>,
    /// Of each session: new nonce, attributes, HMAC.
    pub(crate) sessions: Vec<(Vec<u8>, u8, Vec<u8>)>,
}

impl Answer {
    /// Takes it apart; panics where its form is wrong.
    pub(crate) fn read(command: &Command, with_sessions: usize, bytes: &[u8]) -> Self {
        let mut all = Reader(bytes);
        let tag = all.u16();
        let size = all.u32();
        assert_eq!(
            size as usize,
            bytes.len(),
            "the answer's size is not its length"
        );
        let mut answer = Self {
            code: all.u32(),
            handle: 0,
            params: Vec::new(),
            sessions: Vec::new(),
        };
        if answer.code != 0 {
            assert!(all.0.is_empty(), "an error is more than a header");
            return answer;
        }
        assert_eq!(tag, if with_sessions == 0 { 0x8001 } else { 0x8002 });
        if command.returns_handle() {
            answer.handle = all.u32();
        }
        if with_sessions == 0 {
            answer.params = all.0.to_vec();
            return answer;
        }
        let len = all.u32() as usize;
        answer.params = all.take(len).to_vec();
        for _ in 0..with_sessions {
            answer
                .sessions
                .push((all.sized().to_vec(), all.u8(), all.sized().to_vec()));
        }
        assert!(all.0.is_empty(), "bytes behind the session area");
        answer
    }

    /// The HMAC that session must show for this answer.
    pub(crate) fn proof(&self, command: &Command, at: usize, sent: &Proof, key: &[u8]) -> Vec<u8> {
        let rp_hash = sha256(&[&[0; 4], &command.code.to_be_bytes(), &self.params]);
        let (nonce, attributes, _) = &self.sessions[at];
        hmac(key, &[&rp_hash, nonce, &sent.nonce_caller, &[*attributes]])
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader(&self.params)
    }
}

/// Reads an answer; panics when it is too short.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    pub(crate) fn sized(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.take(len.into())
    }
}
