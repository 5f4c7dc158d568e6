//! Power, Startup and Shutdown (Part 1, section 12; Part 3, section 9).

use crate::model::Model;
use crate::numbers::{rc, rh};
use std::collections::BTreeMap;

/// How the TPM was last shut down; every command that may change something makes it `No`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    No,
    Clear,
    State {
        measured: bool,
        locality_three: bool,
    },
}

/// Which start it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Reset,
    Restart,
    Resume,
}

/// What Shutdown(STATE) kept that signals may change since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pcrs: BTreeMap<(u16, u32), Vec<u8>>,
    restart_count: u32,
}

impl Model {
    /// `_TPM_Init`.
    pub(crate) fn power_on(&mut self) {
        self.running = false;
        self.pcrs.power_on();
        self.lockout.power_on();
        self.clock.power_on(self.shut != Shut::No);
        self.objects.loaded.clear();
    }

    /// Startup; gives which start it is.
    pub(crate) fn startup(&mut self, kind: u16, locality: u8) -> Result<Start, u32> {
        if self.running {
            return Err(rc::INITIALIZE);
        }
        if kind > 1 {
            return Err(rc::parameter(rc::VALUE, 1));
        }
        if !matches!(locality, 0 | 3) {
            return Err(rc::LOCALITY);
        }
        let from_three = locality == 3 && !self.pcrs.measured;
        let start = match (kind, self.shut) {
            (
                1,
                Shut::State {
                    measured,
                    locality_three,
                },
            ) => {
                if measured != self.pcrs.measured {
                    return Err(rc::parameter(rc::VALUE, 1));
                }
                if locality_three != from_three {
                    return Err(rc::LOCALITY);
                }
                Start::Resume
            }
            (1, _) => return Err(rc::parameter(rc::VALUE, 1)),
            (_, Shut::State { .. }) => Start::Restart,
            _ => Start::Reset,
        };
        self.started(start, from_three);
        Ok(start)
    }

    fn started(&mut self, start: Start, from_three: bool) {
        let orderly = self.shut != Shut::No;
        self.pcrs.measurement = None;
        self.lockout.start(orderly);
        self.found_orderly = orderly;
        self.shut = Shut::No;
        self.running = true;
        self.pcrs.locality_three = from_three;
        match start {
            Start::Reset => {
                self.reset_count = self.reset_count.wrapping_add(1);
                self.restart_count = 0;
                self.resets += 1;
                self.sessions.active.clear();
                let (seed, proof) = (self.number(), self.number());
                let null = self.root(rh::NULL);
                (null.seed, null.proof) = (seed, proof);
            }
            Start::Restart | Start::Resume => {
                self.restart_count = self.kept.restart_count + 1;
                self.sessions.restart();
            }
        }
        if start != Start::Resume {
            self.clears += 1;
            self.nv.start(start == Start::Reset, orderly);
            self.roots.values_mut().for_each(|root| root.enabled = true);
            self.platform_nv = true;
            self.root(rh::PLATFORM).auth.clear();
        }
        self.root(rh::PLATFORM).enabled = true;
        let kept = core::mem::take(&mut self.kept.pcrs);
        self.pcrs.start((start == Start::Resume).then_some(&kept));
    }

    pub(crate) fn shutdown(&mut self, kind: u16) -> Result<(), u32> {
        let shut = match kind {
            0 => Shut::Clear,
            1 if self.pcrs.reallocated => return Err(rc::parameter(rc::TYPE, 1)),
            1 => Shut::State {
                measured: self.pcrs.measured,
                locality_three: self.pcrs.locality_three,
            },
            _ => return Err(rc::parameter(rc::VALUE, 1)),
        };
        self.shut = shut;
        self.lockout.keep();
        self.clock.keep();
        self.kept = Kept {
            pcrs: self.pcrs.kept(),
            restart_count: self.restart_count,
        };
        Ok(())
    }

    /// `_TPM_Hash_End`.
    pub(crate) fn hash_end(&mut self) {
        if self.pcrs.measure(self.running) && self.running {
            self.restart_count += 1;
        }
    }
}
