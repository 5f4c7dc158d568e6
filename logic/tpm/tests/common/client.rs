//! Commands as bytes, and answers as parts.

use super::codes::cc;

/// Commands whose answer begins with a handle.
const RETURN_HANDLE: [u32; 8] = [
    cc::CREATE_PRIMARY,
    cc::LOAD,
    cc::LOAD_EXTERNAL,
    cc::START_AUTH_SESSION,
    cc::CONTEXT_LOAD,
    cc::HASH_SEQUENCE_START,
    0x15b,
    cc::CREATE_LOADED,
];

/// A command, without its sessions.
#[derive(Clone)]
pub struct Command {
    pub code: u32,
    pub locality: u8,
    pub handles: Vec<(u32, Vec<u8>)>,
    pub params: Vec<u8>,
}

impl Command {
    pub fn new(code: u32) -> Self {
        Self {
            code,
            locality: 0,
            handles: Vec::new(),
            params: Vec::new(),
        }
    }

    /// From that locality.
    pub fn locality(mut self, locality: u8) -> Self {
        self.locality = locality;
        self
    }

    /// A handle that is its own name: hierarchies, PCRs, sessions.
    pub fn handle(mut self, handle: u32) -> Self {
        self.handles.push((handle, handle.to_be_bytes().to_vec()));
        self
    }

    /// An object or NV index with its name (needed only if a session computes a cpHash).
    pub fn named(mut self, handle: u32, name: &[u8]) -> Self {
        self.handles.push((handle, name.to_vec()));
        self
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.params.extend_from_slice(bytes);
        self
    }

    pub fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A `TPM2B`.
    pub fn sized(self, bytes: &[u8]) -> Self {
        self.u16(bytes.len() as u16).raw(bytes)
    }

    pub fn returns_handle(&self) -> bool {
        RETURN_HANDLE.contains(&self.code)
    }

    /// The whole command; `area` is the session area, `None`: without sessions.
    pub fn frame(&self, area: Option<&[u8]>) -> Vec<u8> {
        let mut body = Vec::new();
        for (handle, _) in &self.handles {
            body.extend(handle.to_be_bytes());
        }
        if let Some(area) = area {
            body.extend((area.len() as u32).to_be_bytes());
            body.extend(area);
        }
        body.extend(&self.params);
        let tag: u16 = if area.is_some() { 0x8002 } else { 0x8001 };
        let mut all = tag.to_be_bytes().to_vec();
        all.extend((body.len() as u32 + 10).to_be_bytes());
        all.extend(self.code.to_be_bytes());
        all.extend(body);
        all
    }
}

/// A good answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub handle: u32,
    /// Its parameters, decrypted.
    pub params: Vec<u8>,
    /// Attributes of the sessions of the answer.
    pub attributes: Vec<u8>,
}

impl Reply {
    pub fn reader(&self) -> Reader<'_> {
        Reader(&self.params)
    }
}

/// Reads an answer; panics when it is too short.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    pub fn sized(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.take(len.into())
    }

    pub fn end(&self) {
        assert!(self.0.is_empty(), "{} bytes are left", self.0.len());
    }
}
