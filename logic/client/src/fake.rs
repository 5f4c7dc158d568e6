//! A transport for tests: records the call and answers from a script.

use crate::transport::{Output, Transport};
use ironroot_psa_api::crypto::CryptoRequest;
use ironroot_psa_api::{Error, Handle, Status};
use std::vec::Vec;

/// One call as it went out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) handle: Handle,
    pub(crate) kind: i32,
    pub(crate) inputs: Vec<Vec<u8>>,
    /// Lengths of the output buffers.
    pub(crate) outputs: Vec<usize>,
}

impl Call {
    pub(crate) fn request(&self) -> CryptoRequest {
        CryptoRequest::from_bytes(self.inputs[0].as_slice().try_into().unwrap()).unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) calls: Vec<Call>,
    /// Answers in the order of the calls; success with nothing written when used up.
    pub(crate) answers: std::collections::VecDeque<(i32, Vec<Vec<u8>>)>,
}

impl Fake {
    pub(crate) fn answering(answers: &[(i32, &[&[u8]])]) -> Self {
        let answers = answers
            .iter()
            .map(|(status, outputs)| (*status, outputs.iter().map(|o| o.to_vec()).collect()))
            .collect();
        Self {
            calls: Vec::new(),
            answers,
        }
    }
}

impl Transport for Fake {
    fn call(
        &mut self,
        handle: Handle,
        kind: i32,
        inputs: &[&[u8]],
        outputs: &mut [Output<'_>],
    ) -> Status {
        assert!(inputs.len() + outputs.len() <= 4, "too many vectors");
        self.calls.push(Call {
            handle,
            kind,
            inputs: inputs.iter().map(|input| input.to_vec()).collect(),
            outputs: outputs
                .iter_mut()
                .map(|output| output.buffer().len())
                .collect(),
        });
        let (status, written) = self.answers.pop_front().unwrap_or_default();
        for (output, bytes) in outputs.iter_mut().zip(written) {
            output.buffer()[..bytes.len()].copy_from_slice(&bytes);
            output.set_written(bytes.len());
        }
        Status(status)
    }

    fn connect(&mut self, _: u32, _: u32) -> Result<Handle, Error> {
        Err(Error::ConnectionRefused)
    }
    fn close(&mut self, _: Handle) {}
    fn version(&mut self, _: u32) -> u32 {
        1
    }
    fn framework_version(&mut self) -> u32 {
        0x0101
    }
}
