//! Objects, sequences and their saved contexts (Part 1, sections 26 to 32).

use crate::numbers::rc;
use std::collections::BTreeMap;

/// Slots of the TPM that is judged (`TPM_PT_HR_TRANSIENT_MIN`).
pub(crate) const SLOTS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sealed,
    Mac,
    Parent,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// The handle of its hierarchy.
    pub(crate) hierarchy: u32,
    pub(crate) auth: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) no_da: bool,
    pub(crate) user_with_auth: bool,
    pub(crate) st_clear: bool,
    pub(crate) policy: Vec<u8>,
    pub(crate) public: Vec<u8>,
    pub(crate) name: Vec<u8>,
    /// Two parents of one number are the same key.
    pub(crate) identity: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Hash(u16),
    Event,
    Mac(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) auth: Vec<u8>,
    pub(crate) work: Work,
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    Object(Object),
    Sequence(Sequence),
}

impl Loaded {
    pub(crate) fn auth(&self) -> &[u8] {
        match self {
            Self::Object(object) => &object.auth,
            Self::Sequence(sequence) => &sequence.auth,
        }
    }

    pub(crate) fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Sequence(_) => None,
        }
    }
}

/// What Create gave.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) parent: u64,
    pub(crate) private: Vec<u8>,
    pub(crate) object: Object,
}

/// What ContextSave gave of an object or sequence.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) bytes: Vec<u8>,
    pub(crate) loaded: Loaded,
    pub(crate) hierarchy: u32,
    /// The proof of the hierarchy, resets and (`stClear`) restarts, as they were.
    pub(crate) proof: u64,
    pub(crate) resets: u64,
    pub(crate) clears: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    pub(crate) loaded: BTreeMap<u32, Loaded>,
    pub(crate) persistent: BTreeMap<u32, Object>,
    /// Names by what a primary object is derived from.
    pub(crate) primaries: BTreeMap<(u64, Vec<u8>), (Vec<u8>, u64)>,
}

impl Objects {
    pub(crate) fn room(&self) -> Result<(), u32> {
        match self.loaded.len() < SLOTS {
            true => Ok(()),
            false => Err(rc::OBJECT_MEMORY),
        }
    }

    pub(crate) fn flush_hierarchy(&mut self, hierarchy: u32) {
        self.loaded.retain(|_, loaded| match loaded {
            Loaded::Object(object) => object.hierarchy != hierarchy,
            Loaded::Sequence(_) => true,
        });
    }

    pub(crate) fn evict_hierarchy(&mut self, hierarchy: u32) {
        self.persistent
            .retain(|_, object| object.hierarchy != hierarchy);
    }
}
