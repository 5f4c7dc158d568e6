//! Objects: set, open, remove. Each change is one call to Internal Trusted Storage.

use crate::MAX_OBJECT_SIZE;
use crate::index::{Entry, Index, Slot};
use crate::object::{BODY, HEAD_LEN, Head, MAX_STORED, NONCE_LEN, Name};
use crate::seal::Sealer;
use ironroot_client::{Transport, its};
use ironroot_psa_api::Error;
use ironroot_psa_api::storage::CreateFlags;

/// All objects, the key and the buffers.
pub(crate) struct Store {
    index: Index,
    sealer: Sealer,
    write_once: bool,
    /// Data in the clear; wiped after every call.
    data: [u8; MAX_OBJECT_SIZE],
    stored: [u8; MAX_STORED],
}

impl Store {
    /// Nothing known yet. `write_once` says whether that flag binds.
    pub(crate) const fn new(write_once: bool) -> Self {
        Self {
            index: Index::UNKNOWN,
            sealer: Sealer::new(),
            write_once,
            data: [0; MAX_OBJECT_SIZE],
            stored: [0; MAX_STORED],
        }
    }

    /// Reads the heads and derives the key. What fails is tried again with the first call that needs it.
    pub(crate) fn mount<T: Transport>(&mut self, transport: &mut T) {
        self.look_at_unknown(transport);
        let _ = self.sealer.key(transport);
    }

    /// Creates or replaces an object; `fill` puts the data into a buffer of `len` bytes.
    ///
    /// `NotPermitted`, `InsufficientStorage`, `StorageFailure`, `GenericError`, or what `fill` fails with.
    pub(crate) fn set<T: Transport>(
        &mut self,
        transport: &mut T,
        name: Name,
        flags: CreateFlags,
        len: usize,
        fill: impl FnOnce(&mut T, &mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let head = Head::new(name, flags, len).ok_or(Error::InsufficientStorage)?;
        self.look_at_unknown(transport);
        let slot = match self.index.find(name)? {
            Some((_, true)) if self.write_once => return Err(Error::NotPermitted),
            Some((slot, _)) => slot,
            None => self.index.vacant()?,
        };
        let sealed = self.seal(transport, &head, fill);
        self.wipe(len);
        sealed?;
        self.write(transport, slot, &head)
    }

    fn seal<T: Transport>(
        &mut self,
        transport: &mut T,
        head: &Head,
        fill: impl FnOnce(&mut T, &mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let data = self
            .data
            .get_mut(..head.size())
            .ok_or(Error::GenericError)?;
        fill(transport, data)?;
        let bytes = head.to_bytes();
        let split = self.stored.split_first_chunk_mut::<BODY>();
        let (front, body) = split.ok_or(Error::GenericError)?;
        let sealed = body
            .get_mut(..head.sealed_len())
            .ok_or(Error::GenericError)?;
        let nonce = self.sealer.seal(transport, &bytes, data, sealed)?;
        for (place, byte) in front.iter_mut().zip(bytes.iter().chain(&nonce)) {
            *place = *byte;
        }
        Ok(())
    }

    fn write<T: Transport>(
        &mut self,
        transport: &mut T,
        slot: Slot,
        head: &Head,
    ) -> Result<(), Error> {
        let uid = slot.uid().ok_or(Error::GenericError)?;
        let object = self
            .stored
            .get(..head.stored_len())
            .ok_or(Error::GenericError)?;
        // Storage keeps the promise a second time, whatever becomes of us.
        let flags = CreateFlags(head.flags.0 & CreateFlags::WRITE_ONCE.0);
        let result = its::set(transport, uid, object, flags);
        match result {
            Ok(()) => self.index.set(slot, Entry::of(head)),
            // Nothing was changed.
            Err(Error::InsufficientStorage | Error::NotPermitted) => {}
            // Old or new: storage must be asked.
            Err(_) => self.index.set(slot, Entry::Unknown),
        }
        result.map_err(|error| match error {
            Error::InsufficientStorage | Error::NotPermitted => error,
            _ => Error::StorageFailure,
        })
    }

    /// Opens an object and shows its head and its data.
    ///
    /// `DoesNotExist`, `DataCorrupt`, `InvalidSignature`, `StorageFailure`, `GenericError`, or what
    /// `show` fails with.
    pub(crate) fn open<T: Transport, R>(
        &mut self,
        transport: &mut T,
        name: Name,
        show: impl FnOnce(&mut T, &Head, &[u8]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.look_at_unknown(transport);
        let (slot, _) = self.index.find(name)?.ok_or_else(|| self.index.absence())?;
        let head = self.read(transport, slot, name)?;
        let opened = self.decrypt(transport, &head);
        let data = self.data.get(..head.size()).unwrap_or(&[]);
        let result = opened.and_then(|()| show(transport, &head, data));
        self.wipe(head.size());
        result
    }

    /// Brings an object into our buffer.
    fn read<T: Transport>(
        &mut self,
        transport: &mut T,
        slot: Slot,
        name: Name,
    ) -> Result<Head, Error> {
        let uid = slot.uid().ok_or(Error::GenericError)?;
        let len = its::get(transport, uid, 0, &mut self.stored).map_err(from_storage);
        if len == Err(Error::DoesNotExist) {
            self.index.set(slot, Entry::Free);
        }
        let len = len?;
        let bytes = self
            .stored
            .first_chunk::<HEAD_LEN>()
            .ok_or(Error::DataCorrupt)?;
        let head = Head::parse(bytes)?;
        if head.name != name || head.stored_len() != len {
            return Err(Error::DataCorrupt);
        }
        Ok(head)
    }

    fn decrypt<T: Transport>(&mut self, transport: &mut T, head: &Head) -> Result<(), Error> {
        let split = self.stored.split_first_chunk::<BODY>();
        let (front, body) = split.ok_or(Error::GenericError)?;
        let nonce: &[u8; NONCE_LEN] = front.last_chunk().ok_or(Error::GenericError)?;
        let sealed = body.get(..head.sealed_len()).ok_or(Error::DataCorrupt)?;
        let data = self.data.get_mut(..head.size()).ok_or(Error::DataCorrupt)?;
        self.sealer
            .open(transport, &head.to_bytes(), nonce, sealed, data)
    }

    /// Removes an object.
    ///
    /// `DoesNotExist`, `NotPermitted`, `DataCorrupt`, `StorageFailure`.
    pub(crate) fn remove<T: Transport>(
        &mut self,
        transport: &mut T,
        name: Name,
    ) -> Result<(), Error> {
        self.look_at_unknown(transport);
        let (slot, written_once) = self.index.find(name)?.ok_or_else(|| self.index.absence())?;
        if written_once && self.write_once {
            return Err(Error::NotPermitted);
        }
        let uid = slot.uid().ok_or(Error::GenericError)?;
        match its::remove(transport, uid) {
            Ok(()) => {
                self.index.set(slot, Entry::Free);
                Ok(())
            }
            Err(Error::NotPermitted) => Err(Error::NotPermitted),
            Err(error) => {
                self.index.set(slot, Entry::Unknown);
                Err(from_storage(error))
            }
        }
    }

    fn look_at_unknown<T: Transport>(&mut self, transport: &mut T) {
        for slot in Slot::all() {
            if self.index.entry(slot) == Entry::Unknown {
                self.index.set(slot, look(transport, slot));
            }
        }
    }

    fn wipe(&mut self, len: usize) {
        if let Some(used) = self.data.get_mut(..len) {
            used.fill(0);
        }
    }
}

/// What is in a slot, by its head alone.
fn look<T: Transport>(transport: &mut T, slot: Slot) -> Entry {
    let mut head = [0; HEAD_LEN];
    let Some(uid) = slot.uid() else {
        return Entry::Damaged;
    };
    match its::get(transport, uid, 0, &mut head) {
        Ok(HEAD_LEN) => Head::parse(&head).map_or(Entry::Damaged, |head| Entry::of(&head)),
        Ok(_) | Err(Error::DataCorrupt | Error::InvalidSignature) => Entry::Damaged,
        Err(Error::DoesNotExist) => Entry::Free,
        Err(_) => Entry::Unknown,
    }
}

/// What Internal Trusted Storage says of an object, as we say it.
const fn from_storage(error: Error) -> Error {
    match error {
        Error::DoesNotExist => Error::DoesNotExist,
        Error::DataCorrupt | Error::InvalidSignature => Error::DataCorrupt,
        _ => Error::StorageFailure,
    }
}
