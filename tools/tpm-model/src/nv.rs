//! NV indices (Part 1, section 37; Part 3, section 31).

use crate::hash::{SHA256, sha256};
use crate::numbers::{nv, rc, rh};
use std::collections::BTreeMap;

/// Steps of an orderly counter that a cut of the power may skip, less one (`TPM_PT_ORDERLY_COUNT`).
const SKIPPED: u64 = 0xff;

/// What one write may move (`TPM_PT_NV_BUFFER_MAX`).
const MAX_BUFFER: u16 = 1024;
/// Room for what lives in memory, of the TPM that is judged, in bytes.
const ORDERLY_ROOM: usize = 1024;

/// What an index is for (`TPM_NT`).
pub(crate) const ORDINARY: u32 = 0;
pub(crate) const COUNTER: u32 = 1;
pub(crate) const BITS: u32 = 2;
pub(crate) const EXTEND: u32 = 4;
pub(crate) const PIN_FAIL: u32 = 8;
pub(crate) const PIN_PASS: u32 = 9;

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) attributes: u32,
    pub(crate) auth: Vec<u8>,
    pub(crate) policy: Vec<u8>,
    /// A byte that nobody wrote may have either value of erased memory.
    pub(crate) data: Vec<Option<u8>>,
    /// A cut of the power may have taken a lock that lived in memory.
    pub(crate) lock_unsure: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Nv {
    pub(crate) indices: BTreeMap<u32, Index>,
    /// The highest count of a counter that is gone.
    highest_gone: u64,
}

impl Index {
    pub(crate) fn has(&self, bits: u32) -> bool {
        self.attributes & bits == bits
    }

    pub(crate) fn kind(&self) -> u32 {
        self.attributes >> 4 & 0xf
    }

    pub(crate) fn is_pin(&self) -> bool {
        matches!(self.kind(), PIN_FAIL | PIN_PASS)
    }

    /// `TPMS_NV_PUBLIC`.
    pub(crate) fn public(&self, handle: u32) -> Vec<u8> {
        let mut public = handle.to_be_bytes().to_vec();
        public.extend(SHA256.to_be_bytes());
        public.extend(self.attributes.to_be_bytes());
        public.extend((self.policy.len() as u16).to_be_bytes());
        public.extend(&self.policy);
        public.extend((self.data.len() as u16).to_be_bytes());
        public
    }

    pub(crate) fn name(&self, handle: u32) -> Vec<u8> {
        let digest = sha256(&[&self.public(handle)]);
        [&SHA256.to_be_bytes()[..], &digest].concat()
    }

    /// Counters, bits and PINs; `None`: never written.
    pub(crate) fn number(&self) -> Option<u64> {
        if !self.has(nv::WRITTEN) {
            return None;
        }
        let bytes: Vec<u8> = self
            .data
            .iter()
            .map(|byte| byte.unwrap_or_default())
            .collect();
        bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// Uses and limit.
    pub(crate) fn pin(&self) -> Option<(u32, u32)> {
        let value = self.number().filter(|_| self.is_pin())?;
        Some(((value >> 32) as u32, value as u32))
    }

    pub(crate) fn set_pin_uses(&mut self, uses: u32) {
        let bytes = uses.to_be_bytes().map(Some);
        self.data[..4].copy_from_slice(&bytes);
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if !self.has(nv::WRITTEN) {
            self.data.fill(None);
        }
        for (to, byte) in self.data[offset..].iter_mut().zip(bytes) {
            *to = Some(*byte);
        }
        self.attributes |= nv::WRITTEN;
    }

    fn check_write(&self, handle: u32, authority: u32) -> Result<(), u32> {
        if self.has(nv::WRITE_LOCKED) {
            return Err(rc::NV_LOCKED);
        }
        self.check_authority(handle, authority, nv::OWNER_WRITE, nv::PP_WRITE)
    }

    fn check_read(&self, handle: u32, authority: u32) -> Result<(), u32> {
        if self.has(nv::READ_LOCKED) {
            return Err(rc::NV_LOCKED);
        }
        self.check_authority(handle, authority, nv::OWNER_READ, nv::PP_READ)?;
        match self.has(nv::WRITTEN) {
            true => Ok(()),
            false => Err(rc::NV_UNINITIALIZED),
        }
    }

    fn check_authority(
        &self,
        handle: u32,
        authority: u32,
        owner: u32,
        platform: u32,
    ) -> Result<(), u32> {
        let may = match authority {
            rh::OWNER => self.has(owner),
            rh::PLATFORM => self.has(platform),
            other => other == handle,
        };
        match may {
            true => Ok(()),
            false => Err(rc::NV_AUTHORIZATION),
        }
    }

    /// A reset (`reset`) or restart.
    fn start(&mut self, reset: bool, orderly: bool) {
        let in_memory = self.has(nv::ORDERLY);
        let counter = self.kind() == COUNTER;
        self.attributes &= !nv::READ_LOCKED;
        if (self.has(nv::CLEAR_ST_CLEAR) || reset && in_memory) && !counter {
            self.attributes &= !nv::WRITTEN;
        }
        if !self.has(nv::WRITTEN | nv::WRITE_DEFINE) {
            self.attributes &= !nv::WRITE_LOCKED;
        }
        if in_memory && !orderly {
            self.lock_unsure = self.has(nv::WRITE_LOCKED);
            if let Some(count) = self.number().filter(|_| counter) {
                self.put(0, &(count | SKIPPED).to_be_bytes());
            }
        }
    }
}

impl Nv {
    pub(crate) fn start(&mut self, reset: bool, orderly: bool) {
        self.indices
            .values_mut()
            .for_each(|index| index.start(reset, orderly));
    }

    fn index(&mut self, handle: u32) -> &mut Index {
        self.indices.get_mut(&handle).expect("it was looked for")
    }

    /// NV_DefineSpace, once it is authorised (Part 3, section 31.3.1).
    pub(crate) fn define(
        &mut self,
        authority: u32,
        handle: u32,
        attributes: u32,
        policy: &[u8],
        size: u16,
        auth: &[u8],
    ) -> Result<(), u32> {
        let wrong_attributes = rc::parameter(rc::ATTRIBUTES, 2);
        let kind = attributes >> 4 & 0xf;
        let fits = match kind {
            ORDINARY => true,
            EXTEND => size == 32,
            COUNTER | BITS | PIN_FAIL | PIN_PASS => size == 8,
            _ => return Err(wrong_attributes),
        };
        if !fits {
            return Err(rc::parameter(rc::SIZE, 2));
        }
        let has = |bits: u32| attributes & bits == bits;
        let any = |bits: u32| attributes & bits != 0;
        let readers = nv::OWNER_READ | nv::PP_READ | nv::AUTH_READ | nv::POLICY_READ;
        let writers = nv::OWNER_WRITE | nv::PP_WRITE | nv::AUTH_WRITE | nv::POLICY_WRITE;
        let not_for_pins = nv::AUTH_WRITE | nv::GLOBAL_LOCK | nv::WRITE_DEFINE;
        let wrong = any(nv::WRITTEN | nv::READ_LOCKED | nv::WRITE_LOCKED)
            || !any(readers)
            || !any(writers)
            || has(nv::CLEAR_ST_CLEAR | nv::WRITE_DEFINE)
            || kind == COUNTER && has(nv::CLEAR_ST_CLEAR)
            || matches!(kind, PIN_FAIL | PIN_PASS) && any(not_for_pins)
            || kind == PIN_FAIL && !has(nv::NO_DA);
        if wrong {
            return Err(wrong_attributes);
        }
        if has(nv::PLATFORM_CREATE) != (authority == rh::PLATFORM) {
            return Err(rc::handle(rc::ATTRIBUTES, 1));
        }
        if has(nv::POLICY_DELETE) && authority != rh::PLATFORM {
            return Err(wrong_attributes);
        }
        if has(nv::WRITE_ALL) && size > MAX_BUFFER {
            return Err(rc::parameter(rc::SIZE, 2));
        }
        if self.indices.contains_key(&handle) {
            return Err(rc::NV_DEFINED);
        }
        if has(nv::ORDERLY) && self.in_memory() + usize::from(size) > ORDERLY_ROOM {
            return Err(rc::NV_SPACE);
        }
        let index = Index {
            attributes,
            auth: auth.to_vec(),
            policy: policy.to_vec(),
            data: vec![None; size.into()],
            lock_unsure: false,
        };
        self.indices.insert(handle, index);
        Ok(())
    }

    /// Bytes of those whose data lives in memory.
    fn in_memory(&self) -> usize {
        let all = self.indices.values();
        all.filter(|index| index.has(nv::ORDERLY))
            .map(|index| index.data.len())
            .sum()
    }

    pub(crate) fn undefine(&mut self, authority: u32, handle: u32) -> Result<(), u32> {
        let index = self.index(handle);
        if index.has(nv::POLICY_DELETE) {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        if authority == rh::OWNER && index.has(nv::PLATFORM_CREATE) {
            return Err(rc::NV_AUTHORIZATION);
        }
        self.remove(handle);
        Ok(())
    }

    fn remove(&mut self, handle: u32) {
        if let Some(index) = self.indices.remove(&handle)
            && index.kind() == COUNTER
        {
            self.highest_gone = self.highest_gone.max(index.number().unwrap_or_default());
        }
    }

    /// Clear: the owner's go.
    pub(crate) fn clear(&mut self) {
        let gone = self
            .indices
            .iter()
            .filter(|(_, index)| !index.has(nv::PLATFORM_CREATE));
        let gone: Vec<u32> = gone.map(|(handle, _)| *handle).collect();
        gone.into_iter().for_each(|handle| self.remove(handle));
    }

    pub(crate) fn write(
        &mut self,
        authority: u32,
        handle: u32,
        offset: usize,
        data: &[u8],
    ) -> Result<(), u32> {
        let index = self.index(handle);
        index.check_write(handle, authority)?;
        if matches!(index.kind(), COUNTER | BITS | EXTEND) {
            return Err(rc::ATTRIBUTES);
        }
        let size = index.data.len();
        if offset > size {
            return Err(rc::parameter(rc::VALUE, 2));
        }
        if offset + data.len() > size || index.has(nv::WRITE_ALL) && data.len() != size {
            return Err(rc::NV_RANGE);
        }
        index.put(offset, data);
        Ok(())
    }

    pub(crate) fn increment(&mut self, authority: u32, handle: u32) -> Result<(), u32> {
        let first = self.highest_gone;
        let index = self.index(handle);
        index.check_write(handle, authority)?;
        if index.kind() != COUNTER {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        let next = index.number().unwrap_or(first) + 1;
        index.put(0, &next.to_be_bytes());
        Ok(())
    }

    pub(crate) fn set_bits(&mut self, authority: u32, handle: u32, bits: u64) -> Result<(), u32> {
        let index = self.index(handle);
        index.check_write(handle, authority)?;
        if index.kind() != BITS {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        let set = index.number().unwrap_or_default() | bits;
        index.put(0, &set.to_be_bytes());
        Ok(())
    }

    pub(crate) fn extend(&mut self, authority: u32, handle: u32, data: &[u8]) -> Result<(), u32> {
        let index = self.index(handle);
        index.check_write(handle, authority)?;
        if index.kind() != EXTEND {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        let old: Vec<u8> = match index.has(nv::WRITTEN) {
            true => index
                .data
                .iter()
                .map(|byte| byte.unwrap_or_default())
                .collect(),
            false => vec![0; 32],
        };
        let new = sha256(&[&old, data]);
        index.put(0, &new);
        Ok(())
    }

    /// What NV_Read must give.
    pub(crate) fn read(
        &mut self,
        authority: u32,
        handle: u32,
        offset: usize,
        len: usize,
    ) -> Result<(), u32> {
        let index = self.index(handle);
        index.check_read(handle, authority)?;
        let size = index.data.len();
        if offset > size {
            return Err(rc::parameter(rc::VALUE, 2));
        }
        match offset + len > size {
            true => Err(rc::NV_RANGE),
            false => Ok(()),
        }
    }

    pub(crate) fn write_lock(&mut self, authority: u32, handle: u32) -> Result<(), u32> {
        let index = self.index(handle);
        match index.check_write(handle, authority) {
            Err(rc::NV_LOCKED) => return Ok(()),
            other => other?,
        }
        if index.attributes & (nv::WRITE_DEFINE | nv::WRITE_ST_CLEAR) == 0 {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        index.attributes |= nv::WRITE_LOCKED;
        Ok(())
    }

    pub(crate) fn read_lock(&mut self, authority: u32, handle: u32) -> Result<(), u32> {
        let index = self.index(handle);
        match index.check_read(handle, authority) {
            Err(rc::NV_LOCKED) => return Ok(()),
            Ok(()) | Err(rc::NV_UNINITIALIZED) => {}
            Err(code) => return Err(code),
        }
        if !index.has(nv::READ_ST_CLEAR) {
            return Err(rc::handle(rc::ATTRIBUTES, 2));
        }
        index.attributes |= nv::READ_LOCKED;
        Ok(())
    }

    pub(crate) fn global_lock(&mut self) {
        for index in self.indices.values_mut() {
            if index.has(nv::GLOBAL_LOCK) {
                index.attributes |= nv::WRITE_LOCKED;
            }
        }
    }
}
