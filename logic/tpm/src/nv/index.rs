//! One NV index: its public area, its auth value, its data; and the record that keeps them.
//!
//! A record is stamped with the number of starts and of global write locks that the TPM had seen when it was written.
//! What a start takes away (read locks, values that are cleared) and what a global lock gives is worked out from the
//! stamps when the record is read: neither has to rewrite all indices.

use crate::attributes::NvAttributes;
use crate::handle::{Handle, Kind};
use crate::profile::MAX_NV_INDEX;
use crate::rc::{Rc, Result};
use crate::state::Permanent;
use crate::structures::{Alg, AuthValue, DigestBytes, Name};
use crate::wire::{Input, Marshal, Output, Unmarshal, copy};
use ironroot_crypto::Secret;
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};

/// Layout of the record.
const VERSION: u16 = 1;

/// `TPM_NT`: what an index is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NvKind {
    /// Bytes.
    Ordinary,
    /// Counts up only.
    Counter,
    /// 64 bits that can only be set.
    Bits,
    /// Extended like a PCR.
    Extend,
    /// Counts failed authorisations with its auth value.
    PinFail,
    /// Counts authorisations with its auth value.
    PinPass,
}

impl NvKind {
    /// What the attributes say; `None`: a type that there is not.
    pub(crate) const fn of(attributes: NvAttributes) -> Option<Self> {
        match attributes.kind() {
            0 => Some(Self::Ordinary),
            1 => Some(Self::Counter),
            2 => Some(Self::Bits),
            4 => Some(Self::Extend),
            8 => Some(Self::PinFail),
            9 => Some(Self::PinPass),
            _ => None,
        }
    }

    /// Whether using its auth value is counted.
    pub(crate) const fn is_pin(self) -> bool {
        matches!(self, Self::PinFail | Self::PinPass)
    }
}

/// `TPMS_NV_PUBLIC`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NvPublic {
    /// Its handle.
    pub(crate) handle: Handle,
    /// The hash algorithm of its name, its policy, and its value if it is extended.
    pub(crate) name_alg: HashAlgorithm,
    /// What may be done with it, and its state.
    pub(crate) attributes: NvAttributes,
    /// The digest of its policy; empty: none.
    pub(crate) policy: DigestBytes,
    /// Bytes of data; at most [`MAX_NV_INDEX`].
    pub(crate) size: u16,
}

impl NvPublic {
    /// What it is for. Nothing is ever defined with another type.
    pub(crate) fn kind(&self) -> NvKind {
        NvKind::of(self.attributes).unwrap_or(NvKind::Ordinary)
    }

    /// Whether these attributes are set.
    pub(crate) const fn has(&self, attributes: NvAttributes) -> bool {
        self.attributes.has(attributes)
    }

    /// Bytes of data.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.size)
    }

    /// Its name: hash algorithm and digest of its public area.
    ///
    /// # Errors
    /// `FAILURE`
    pub(crate) fn name(&self) -> Result<Name> {
        let mut area = [0; 128];
        let mut out = Output::new(&mut area);
        out.put(self)?;
        let mut hash = Hasher::new(self.name_alg);
        hash.update(out.written());
        let mut name = [0; 66];
        let mut out = Output::new(&mut name);
        out.put(&Alg::from(self.name_alg))?;
        out.raw(hash.finish().as_slice())?;
        Name::new(out.written()).ok_or(Rc::FAILURE)
    }
}

impl Unmarshal for NvPublic {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let handle: Handle = input.get()?;
        if handle.kind() != Kind::Nv {
            return Err(Rc::VALUE);
        }
        let public = Self {
            handle,
            name_alg: input.get()?,
            attributes: input.get()?,
            policy: input.get()?,
            size: input.get()?,
        };
        match public.len() > MAX_NV_INDEX {
            true => Err(Rc::SIZE),
            false => Ok(public),
        }
    }
}

impl Marshal for NvPublic {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.handle)?;
        out.put(&self.name_alg)?;
        out.put(&self.attributes)?;
        out.put(&self.policy)?;
        out.put(&self.size)
    }
}

/// An index as it is now. Wiped when dropped.
pub(crate) struct NvIndex {
    /// Its public area, state included.
    pub(crate) public: NvPublic,
    /// Its auth value, without trailing zeroes.
    pub(crate) auth: AuthValue,
    data: Secret<MAX_NV_INDEX>,
}

impl NvIndex {
    /// A new one, not written yet.
    pub(crate) fn new(public: NvPublic, auth: AuthValue) -> Self {
        Self {
            public,
            auth,
            data: Secret::zeroed(),
        }
    }

    /// Shows its data to `look`.
    pub(crate) fn expose<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let len = self.public.len();
        self.data
            .expose(|data| look(data.get(..len).unwrap_or_default()))
    }

    /// Writes `bytes` at `offset`. `None`: beyond its end. What was never written then reads as ones, like erased
    /// flash, or as zeroes if it lives in memory: as the reference code has it.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) -> Option<()> {
        let len = self.public.len();
        let fresh = !self.public.has(NvAttributes::WRITTEN);
        let erased = if self.is_orderly() { 0 } else { 0xff };
        self.data.expose_mut(|data| {
            let data = data.get_mut(..len)?;
            let end = offset.checked_add(bytes.len())?;
            if end > data.len() {
                return None;
            }
            if fresh {
                data.fill(erased);
            }
            copy(data.get_mut(offset..end)?, bytes);
            Some(())
        })?;
        self.public.attributes = self.public.attributes.with(NvAttributes::WRITTEN);
        Some(())
    }

    /// Its value as a number: counters, bits and PINs have eight bytes. Never written: `None`.
    pub(crate) fn number(&self) -> Option<u64> {
        if !self.public.has(NvAttributes::WRITTEN) {
            return None;
        }
        self.expose(|data| data.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)))
    }

    /// Counts used and allowed of a PIN index; `None` if it is none, or never written.
    pub(crate) fn pin(&self) -> Option<(u32, u32)> {
        let value = self.number().filter(|_| self.public.kind().is_pin())?;
        Some(((value >> 32) as u32, value as u32))
    }

    /// Whether its data is in memory.
    pub(crate) fn is_orderly(&self) -> bool {
        self.public.has(NvAttributes::ORDERLY)
    }

    /// Its record. Of an orderly index the data and the state are kept elsewhere.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn store(&self, stamps: &Permanent, out: &mut Output<'_>) -> Result<()> {
        let mut public = self.public;
        if self.is_orderly() {
            public.attributes = public.attributes.without(STATE);
        }
        out.put(&VERSION)?;
        out.put(&stamps.starts)?;
        out.put(&stamps.global_locks)?;
        out.put(&public)?;
        out.put(&self.auth)?;
        match self.is_orderly() {
            true => Ok(()),
            false => self.expose(|data| out.raw(data)),
        }
    }

    /// From its record, as it is now.
    ///
    /// # Errors
    /// Any: the record is not whole.
    pub(crate) fn load(record: &[u8], stamps: &Permanent) -> Result<Self> {
        let mut input = Input::new(record);
        if input.get::<u16>()? != VERSION {
            return Err(Rc::FAILURE);
        }
        let (starts, locks) = (input.get()?, input.get()?);
        let mut index = Self::new(input.get()?, input.get()?);
        if !index.is_orderly() {
            let data = input.take(index.public.len())?;
            index.take_data(data);
            index.public.attributes = now(index.public.attributes, starts, locks, stamps);
        }
        match input.is_empty() {
            true => Ok(index),
            false => Err(Rc::SIZE),
        }
    }

    /// Takes the state and data that memory holds for it.
    pub(super) fn overlay(&mut self, attributes: NvAttributes, data: &[u8]) {
        self.public.attributes = attributes;
        self.take_data(data);
    }

    /// Takes the data of another with the same public area.
    pub(crate) fn take_data(&mut self, data: &[u8]) {
        self.data
            .expose_mut(|all| all.iter_mut().zip(data).for_each(|(to, from)| *to = *from));
    }
}

/// Attributes that say what state an index is in.
pub(super) const STATE: NvAttributes = NvAttributes::WRITTEN
    .with(NvAttributes::WRITE_LOCKED)
    .with(NvAttributes::READ_LOCKED);

/// What starts and global locks since the stamps have made of the attributes.
fn now(stored: NvAttributes, starts: u64, locks: u64, stamps: &Permanent) -> NvAttributes {
    let mut attributes = stored;
    let mut seen = starts;
    if locks < stamps.global_locks && stored.has(NvAttributes::GLOBAL_LOCK) {
        if seen < stamps.global_lock_start {
            attributes = started(attributes, false);
            seen = stamps.global_lock_start;
        }
        attributes = attributes.with(NvAttributes::WRITE_LOCKED);
    }
    match seen < stamps.starts {
        true => started(attributes, false),
        false => attributes,
    }
}

/// What a reset or restart makes of the attributes (Part 1, section 37.3).
pub(super) fn started(before: NvAttributes, reset: bool) -> NvAttributes {
    let mut attributes = before.without(NvAttributes::READ_LOCKED);
    let lost =
        before.has(NvAttributes::CLEAR_ST_CLEAR) || reset && before.has(NvAttributes::ORDERLY);
    if lost && NvKind::of(before) != Some(NvKind::Counter) {
        attributes = attributes.without(NvAttributes::WRITTEN);
    }
    match attributes.has(NvAttributes::WRITTEN.with(NvAttributes::WRITE_DEFINE)) {
        true => attributes,
        false => attributes.without(NvAttributes::WRITE_LOCKED),
    }
}
