//! What a TPM must hold, in plain collections, and the hierarchies.

use crate::clock::Clock;
use crate::lockout::Lockout;
use crate::numbers::{cc, nv, rc, rh};
use crate::nv::Nv;
use crate::object::{Loaded, Object, Objects};
use crate::pcr::Pcrs;
use crate::session::Sessions;
use crate::starts::{Kept, Shut};
use std::collections::BTreeMap;

/// A hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) auth: Vec<u8>,
    pub(crate) enabled: bool,
    /// Numbers that stand for its secrets.
    pub(crate) seed: u64,
    pub(crate) proof: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) running: bool,
    pub(crate) shut: Shut,
    /// How it was shut down before it was started.
    pub(crate) found_orderly: bool,
    pub(crate) kept: Kept,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) platform_nv: bool,
    pub(crate) lockout_auth: Vec<u8>,
    pub(crate) clear_disabled: bool,
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    /// Resets and restarts in its life.
    pub(crate) resets: u64,
    pub(crate) clears: u64,
    pub(crate) pcrs: Pcrs,
    pub(crate) nv: Nv,
    pub(crate) lockout: Lockout,
    pub(crate) clock: Clock,
    pub(crate) objects: Objects,
    pub(crate) sessions: Sessions,
    /// Of the command at hand: what was guarded, and the PIN index that was used with what it then counts.
    pub(crate) guarded: bool,
    pub(crate) pin_used: Option<(u32, u32)>,
    last_number: u64,
}

impl Model {
    pub(crate) fn new() -> Self {
        let mut model = Self {
            running: false,
            // Manufacture leaves it so.
            shut: Shut::Clear,
            found_orderly: false,
            kept: Kept::default(),
            roots: BTreeMap::new(),
            platform_nv: true,
            lockout_auth: Vec::new(),
            clear_disabled: false,
            reset_count: 0,
            restart_count: 0,
            resets: 0,
            clears: 0,
            pcrs: Pcrs::new(),
            nv: Nv::default(),
            lockout: Lockout::new(),
            clock: Clock::new(),
            objects: Objects::default(),
            sessions: Sessions::default(),
            guarded: false,
            pin_used: None,
            last_number: 0,
        };
        for hierarchy in [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::NULL] {
            let root = Root {
                auth: Vec::new(),
                enabled: true,
                seed: model.number(),
                proof: model.number(),
            };
            model.roots.insert(hierarchy, root);
        }
        model
    }

    /// A number that was never given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn root(&mut self, hierarchy: u32) -> &mut Root {
        self.roots.get_mut(&hierarchy).expect("a hierarchy")
    }

    /// What comes before each command (its code is known).
    pub(crate) fn begin(&mut self, code: u32) -> Result<(), u32> {
        (self.guarded, self.pin_used) = (false, None);
        if !self.running {
            return match code {
                cc::STARTUP => Ok(()),
                _ => Err(rc::INITIALIZE),
            };
        }
        self.pcrs.measurement = None;
        self.lockout.heal(self.clock.time);
        if !cc::READ_ONLY.contains(&code) {
            self.shut = Shut::No;
        }
        Ok(())
    }

    /// The handle names something that is there and enabled.
    pub(crate) fn there(&self, handle: u32, number: u32) -> Result<(), u32> {
        let enabled = |hierarchy: u32| self.roots[&hierarchy].enabled;
        let absent = Err(rc::handle(rc::HANDLE, number));
        match handle >> 24 {
            0x00 => Ok(()),
            0x01 => match self.nv.indices.get(&handle) {
                Some(index) if index.has(nv::PLATFORM_CREATE) && self.platform_nv => Ok(()),
                Some(index) if !index.has(nv::PLATFORM_CREATE) && enabled(rh::OWNER) => Ok(()),
                _ => absent,
            },
            0x02 | 0x03 => match self.sessions.get(handle) {
                Some(_) => Ok(()),
                None => Err(rc::REFERENCE_H0 + number - 1),
            },
            0x80 => match self.objects.loaded.contains_key(&handle) {
                true => Ok(()),
                false => Err(rc::REFERENCE_H0 + number - 1),
            },
            0x81 => match self.objects.persistent.get(&handle) {
                Some(object)
                    if enabled(object.hierarchy)
                        && (handle < 0x8180_0000 || enabled(rh::PLATFORM)) =>
                {
                    Ok(())
                }
                _ => absent,
            },
            _ => match self.roots.get(&handle) {
                Some(root) if !root.enabled => Err(rc::handle(rc::HIERARCHY, number)),
                _ => Ok(()),
            },
        }
    }

    pub(crate) fn object(&self, handle: u32) -> Option<&Object> {
        match self.objects.loaded.get(&handle) {
            Some(loaded) => loaded.object(),
            None => self.objects.persistent.get(&handle),
        }
    }

    pub(crate) fn is_sequence(&self, handle: u32) -> bool {
        matches!(self.objects.loaded.get(&handle), Some(Loaded::Sequence(_)))
    }

    /// Its name (Part 1, section 16).
    pub(crate) fn name(&self, handle: u32) -> Vec<u8> {
        match handle >> 24 {
            0x01 => self
                .nv
                .indices
                .get(&handle)
                .map_or_else(Vec::new, |index| index.name(handle)),
            0x80 | 0x81 => self
                .object(handle)
                .map_or_else(Vec::new, |object| object.name.clone()),
            _ => handle.to_be_bytes().to_vec(),
        }
    }

    /// Part 3, section 24.6.
    pub(crate) fn clear(&mut self) -> Result<(), u32> {
        if self.clear_disabled {
            return Err(rc::DISABLED);
        }
        for hierarchy in [rh::OWNER, rh::ENDORSEMENT] {
            let (seed, proof) = (self.number(), self.number());
            let root = self.root(hierarchy);
            root.auth.clear();
            root.enabled = true;
            root.proof = proof;
            if hierarchy == rh::OWNER {
                root.seed = seed;
            }
            self.objects.flush_hierarchy(hierarchy);
            self.objects.evict_hierarchy(hierarchy);
        }
        self.lockout_auth.clear();
        self.lockout = Lockout::new();
        self.nv.clear();
        (self.reset_count, self.restart_count) = (0, 0);
        self.clock.cleared();
        self.pcrs.changed(0);
        Ok(())
    }

    pub(crate) fn hierarchy_control(
        &mut self,
        authority: u32,
        which: u32,
        on: bool,
    ) -> Result<(), u32> {
        let own = matches!(which, rh::OWNER | rh::ENDORSEMENT) && authority == which;
        if authority != rh::PLATFORM && !own {
            return Err(rc::AUTH_TYPE);
        }
        if which == rh::PLATFORM_NV {
            self.platform_nv = on;
            return Ok(());
        }
        self.root(which).enabled = on;
        if !on {
            self.objects.flush_hierarchy(which);
        }
        Ok(())
    }

    /// A hierarchy gets another seed (ChangeEPS, ChangePPS).
    pub(crate) fn change_seed(&mut self, hierarchy: u32) {
        let (seed, proof) = (self.number(), self.number());
        let root = self.root(hierarchy);
        (root.seed, root.proof) = (seed, proof);
        if hierarchy == rh::ENDORSEMENT {
            root.auth.clear();
            root.enabled = true;
        }
        self.objects.flush_hierarchy(hierarchy);
        self.objects.evict_hierarchy(hierarchy);
    }
}
