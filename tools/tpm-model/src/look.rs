//! Everything that a TPM tells of itself, against the model.

use crate::hash::BANKS;
use crate::numbers::{cc, nv, rh};
use crate::nv::Index;
use crate::runner::Runner;
use crate::wire::Command;

impl Runner<'_> {
    /// Compares all that can be seen without authorisation.
    pub(crate) fn look(&mut self) {
        self.look_at_handles();
        self.look_at_properties();
        self.look_at_indices();
        self.look_at_clock();
        self.look_at_pcrs();
    }

    fn look_at_handles(&mut self) {
        let model = &self.model;
        let loaded: Vec<u32> = model.sessions.loaded().collect();
        let saved: Vec<u32> = model
            .sessions
            .active
            .iter()
            .filter(|(_, session)| session.saved.is_some())
            .map(|(handle, _)| *handle)
            .collect();
        let lists: [(u32, Vec<u32>); 5] = [
            (0x8000_0000, model.objects.loaded.keys().copied().collect()),
            (
                0x8100_0000,
                model.objects.persistent.keys().copied().collect(),
            ),
            (0x0100_0000, model.nv.indices.keys().copied().collect()),
            (0x0200_0000, loaded),
            (0x0300_0000, saved),
        ];
        for (first, wanted) in lists {
            let mut told = self.handles(first);
            told.sort_unstable();
            assert_eq!(told, wanted, "handles from {first:#x} on");
        }
    }

    fn handles(&mut self, first: u32) -> Vec<u32> {
        let command = Command::new(cc::GET_CAPABILITY).u32(1).u32(first).u32(64);
        let (_, answer) = self.plain(&command, |_| Ok(())).expect("it is always told");
        let mut reader = answer.reader();
        assert_eq!((reader.u8(), reader.u32()), (0, 1));
        (0..reader.u32()).map(|_| reader.u32()).collect()
    }

    fn look_at_properties(&mut self) {
        let model = &self.model;
        let lockout = &model.lockout;
        let bit = |number: u32, set: bool| u32::from(set) << number;
        let has_auth = |hierarchy: u32| !model.roots[&hierarchy].auth.is_empty();
        let on = |hierarchy: u32| model.roots[&hierarchy].enabled;
        let permanent = bit(0, has_auth(rh::OWNER))
            | bit(1, has_auth(rh::ENDORSEMENT))
            | bit(2, !model.lockout_auth.is_empty())
            | bit(8, model.clear_disabled)
            | bit(9, lockout.is_locked())
            | bit(10, true);
        let startup_clear = bit(0, on(rh::PLATFORM))
            | bit(1, on(rh::OWNER))
            | bit(2, on(rh::ENDORSEMENT))
            | bit(3, model.platform_nv)
            | bit(31, model.found_orderly);
        let counters = model.nv.indices.values();
        let counters = counters.filter(|index| index.kind() == crate::nv::COUNTER);
        let wanted = [
            (0x200, permanent),
            (0x201, startup_clear),
            (0x202, model.nv.indices.len() as u32),
            (0x203, model.sessions.loaded().count() as u32),
            (0x205, model.sessions.active.len() as u32),
            (0x208, model.objects.persistent.len() as u32),
            (0x20a, counters.count() as u32),
            (0x20e, lockout.tries),
            (0x20f, lockout.max_tries),
            (0x210, lockout.recovery),
            (0x211, lockout.lockout_recovery),
        ];
        for (number, wanted) in wanted {
            let told = self.property(number);
            assert_eq!(told, wanted, "property {number:#x}: {told:#x}, {wanted:#x}");
        }
    }

    fn look_at_indices(&mut self) {
        let handles: Vec<u32> = self.model.nv.indices.keys().copied().collect();
        for handle in handles {
            self.look_at_index(handle);
        }
    }

    /// NV_ReadPublic. A lock that a cut of the power may have taken is then known.
    pub(crate) fn look_at_index(&mut self, handle: u32) {
        let command = Command::new(cc::NV_READ_PUBLIC).handle(handle);
        let Some(((), answer)) = self.plain(&command, |_| Ok(())) else {
            return;
        };
        let mut reader = answer.reader();
        let (public, name) = (reader.sized(), reader.sized());
        let Some(index) = self.model.nv.indices.get_mut(&handle) else {
            panic!("an index that is not there was told: {handle:#x}");
        };
        let told = public
            .get(6..10)
            .map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
        let may_be_unlocked = Index {
            attributes: index.attributes & !nv::WRITE_LOCKED,
            ..index.clone()
        };
        if index.lock_unsure && told == Some(may_be_unlocked.attributes) {
            *index = may_be_unlocked;
        }
        index.lock_unsure = false;
        assert_eq!(public, index.public(handle), "public area of {handle:#x}");
        assert_eq!(name, index.name(handle), "name of {handle:#x}");
    }

    pub(crate) fn look_at_clock(&mut self) {
        let Some(((), answer)) = self.plain(&Command::new(cc::READ_CLOCK), |_| Ok(())) else {
            return;
        };
        let mut reader = answer.reader();
        let (time, clock) = (reader.u64(), reader.u64());
        let counts = (reader.u32(), reader.u32());
        let safe = reader.u8() == 1;
        let model = &mut self.model;
        assert_eq!(time, model.clock.time, "Time");
        let known = model.clock.clone();
        assert!(
            model.clock.told(clock, safe),
            "Clock {clock}, safe {safe}: {known:?}"
        );
        assert_eq!(
            counts,
            (model.reset_count, model.restart_count),
            "resetCount and restartCount"
        );
    }

    fn look_at_pcrs(&mut self) {
        for bank in BANKS {
            for first in [0, 8, 16] {
                self.look_at_some_pcrs(bank, first);
            }
        }
    }

    /// Eight registers of one bank.
    fn look_at_some_pcrs(&mut self, bank: u16, first: u32) {
        let bits = 0xffu32 << first;
        let command = Command::new(cc::PCR_READ)
            .u32(1)
            .u16(bank)
            .u8(3)
            .raw(&bits.to_le_bytes()[..3]);
        let Some(((), answer)) = self.plain(&command, |_| Ok(())) else {
            return;
        };
        let mut reader = answer.reader();
        let counter = reader.u32();
        let known = self.model.pcrs.counter.get_or_insert(counter);
        assert_eq!(counter, *known, "pcrUpdateCounter");
        let wanted: Vec<(u32, Vec<u8>)> = (first..first + 8)
            .filter_map(|number| Some((number, self.model.pcrs.value(bank, number)?.clone())))
            .collect();
        let told = wanted
            .iter()
            .fold(0, |bits, (number, _)| bits | 1u32 << number);
        let head = [
            &1u32.to_be_bytes()[..],
            &bank.to_be_bytes(),
            &[3],
            &told.to_le_bytes()[..3],
            &(wanted.len() as u32).to_be_bytes(),
        ];
        assert_eq!(
            reader.take(14),
            head.concat(),
            "selection of bank {bank:#x}"
        );
        for (number, value) in wanted {
            assert_eq!(reader.sized(), value, "PCR {number} of bank {bank:#x}");
        }
        assert!(reader.0.is_empty(), "bytes behind PCR_Read's answer");
    }
}
