//! A sequence of commands, given to a TPM and to the model, and compared after each.

use crate::authorise::{By, Given};
use crate::input::Choices;
use crate::model::Model;
use crate::numbers::{cc, rc, rh};
use crate::object::{Blob, Saved};
use crate::session::{Kind, SavedSession};
use crate::steps::{self, Step};
use crate::wire::{Answer, Command, Proof, Shown};
use crate::{Device, Fault};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Any code but success: the specification leaves it open, or names several.
pub(crate) const SOME_ERROR: u32 = u32::MAX;

/// How often each command was answered with success, and with an error.
pub type Tally = BTreeMap<u32, (u64, u64)>;

/// A TPM, the model of it, and what a client holds.
pub struct Runner<'d> {
    pub(crate) device: &'d mut dyn Device,
    pub(crate) model: Model,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) contexts: Vec<Saved>,
    pub(crate) session_contexts: Vec<SavedSession>,
    /// What the sequence is made of.
    pub(crate) steps: Vec<Step>,
    /// Every random number that was ever given.
    pub(crate) randoms: BTreeSet<Vec<u8>>,
    tally: Tally,
    nonces: u64,
}

impl core::fmt::Debug for Runner<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.debug_struct("Runner")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl<'d> Runner<'d> {
    /// Begins with a new TPM, and starts it.
    pub fn new(device: &'d mut dyn Device) -> Self {
        let mut runner = Self {
            device,
            model: Model::new(),
            blobs: Vec::new(),
            contexts: Vec::new(),
            session_contexts: Vec::new(),
            steps: Vec::new(),
            randoms: BTreeSet::new(),
            tally: Tally::new(),
            nonces: 0,
        };
        runner.device.power_cycle();
        runner.startup(0, 0);
        runner
    }

    /// Goes on until there is nothing left to choose by, at most `most` steps, then compares everything.
    ///
    /// # Panics
    /// The TPM and the model differ.
    pub fn run(&mut self, choices: &mut Choices<'_>, most: usize) -> &Tally {
        self.steps = steps::of_a_theme(choices);
        for _ in 0..most {
            if choices.is_empty() {
                break;
            }
            steps::one(self, choices);
        }
        self.fail(None);
        if !self.model.running {
            self.startup(0, 0);
        }
        self.look();
        &self.tally
    }

    pub(crate) fn fail(&mut self, fault: Option<Fault>) {
        trace(|| format!("the store: {fault:?}"));
        self.device.fail(fault);
    }

    /// Sends a command that takes no authorisation.
    pub(crate) fn plain<T>(
        &mut self,
        command: &Command,
        judge: impl FnOnce(&mut Model) -> Result<T, u32>,
    ) -> Option<(T, Answer)> {
        self.send(command, &[], judge)
    }

    /// Sends a command, and compares its response code with what the model says. `given` authorises the first handles.
    /// `judge` is the command's own part; it is asked when all before was found right. `None`: both refused.
    pub(crate) fn send<T>(
        &mut self,
        command: &Command,
        given: &[Given],
        judge: impl FnOnce(&mut Model) -> Result<T, u32>,
    ) -> Option<(T, Answer)> {
        let before = self.model.clone();
        let proofs: Vec<Proof> = given.iter().map(|given| self.proof(given)).collect();
        let names: Vec<_> = command
            .handles
            .iter()
            .map(|handle| self.model.name(*handle))
            .collect();
        let bytes = command.frame(&proofs, &names);
        let wanted = judged(&mut self.model, command, given, judge);
        let (taken, failed) = self.device.writes();
        let response = self.device.command(command.locality, &bytes);
        let answer = Answer::read(command, proofs.len(), &response);
        trace(|| {
            let wanted = wanted.as_ref().map_or_else(|code| *code, |_| 0);
            format!(
                "{command:x?} by {given:x?}: {:#x}, model {wanted:#x}",
                answer.code
            )
        });
        let (taken_now, failed_now) = self.device.writes();
        let counts = self.tally.entry(command.code).or_default();
        match answer.code {
            0 => counts.0 += 1,
            _ => counts.1 += 1,
        }
        if failed_now > failed {
            assert!(
                matches!(answer.code, rc::NV_UNAVAILABLE | rc::NV_SPACE),
                "the store failed, and {:#x} was answered with {:#x}",
                command.code,
                answer.code
            );
            let wrong = matches!(wanted, Err(code) if code & 0x0bf == rc::AUTH_FAIL);
            let judged = core::mem::replace(&mut self.model, before);
            self.model
                .after_fault(command.code, taken_now - taken, &judged, wrong);
            self.ask_for_tries();
            return None;
        }
        match (wanted, answer.code) {
            (Ok(wanted), 0) => {
                self.check_proofs(command, given, &proofs, &answer);
                Some((wanted, answer))
            }
            (Err(wanted), code) if code == wanted || wanted == SOME_ERROR && code != 0 => None,
            (wanted, code) => {
                let wanted = wanted.err().unwrap_or_default();
                panic!("{command:x?} by {given:x?}: the TPM says {code:#x}, the model {wanted:#x}")
            }
        }
    }

    fn proof(&mut self, given: &Given) -> Proof {
        let By::Session(handle) = given.by else {
            return Proof::password(&given.value);
        };
        self.nonces += 1;
        let session = self.model.sessions.get(handle);
        let policy = session.filter(|session| session.kind != Kind::Hmac);
        let shown = match policy.map(|session| &session.policy) {
            Some(policy) if policy.password => Shown::Plain(given.value.clone()),
            Some(policy) if !policy.auth_value => Shown::Nothing,
            _ => Shown::Hmac(given.value.clone()),
        };
        Proof {
            session: handle,
            nonce_tpm: session.map_or_else(|| vec![0; 16], |session| session.nonce_tpm.clone()),
            nonce_caller: [[0; 8], self.nonces.to_be_bytes()].concat(),
            shown,
            goes_on: given.goes_on,
        }
    }

    fn check_proofs(
        &mut self,
        command: &Command,
        given: &[Given],
        proofs: &[Proof],
        answer: &Answer,
    ) {
        for (at, (given, proof)) in given.iter().zip(proofs).enumerate() {
            let (nonce, attributes, shown) = &answer.sessions[at];
            let entity = command.handles.get(at).copied().unwrap_or(rh::NULL);
            assert_eq!(*attributes, u8::from(proof.goes_on), "session attributes");
            if given.by == By::Password {
                assert!(nonce.is_empty() && shown.is_empty(), "a password's answer");
                continue;
            }
            assert_eq!(nonce.len(), proof.nonce_caller.len(), "length of nonceTPM");
            assert_ne!(*nonce, proof.nonce_tpm, "nonceTPM must roll");
            let wanted = match &proof.shown {
                Shown::Hmac(value) => {
                    let after = self.model.entity(entity).map(|entity| entity.auth);
                    answer.proof(command, at, proof, &after.unwrap_or(value.clone()))
                }
                Shown::Plain(_) | Shown::Nothing => Vec::new(),
            };
            assert_eq!(*shown, wanted, "HMAC of the answer to {command:x?}");
            self.model.used(given, nonce);
        }
    }

    /// After a fault of the store a failed try may count or not.
    fn ask_for_tries(&mut self) {
        if !self.model.lockout.perhaps_one_more {
            return;
        }
        let told = self.property(0x20e);
        let lockout = &mut self.model.lockout;
        assert!(
            told == lockout.tries || told == lockout.tries + 1,
            "{told} failed tries, not {} or one more",
            lockout.tries
        );
        lockout.tries = told;
        lockout.perhaps_one_more = false;
    }

    /// One number of `TPM_CAP_TPM_PROPERTIES`.
    pub(crate) fn property(&mut self, number: u32) -> u32 {
        let command = Command::new(cc::GET_CAPABILITY).u32(6).u32(number).u32(1);
        let (_, answer) = self.plain(&command, |_| Ok(())).expect("it is always told");
        let mut reader = answer.reader();
        let (_, capability, count) = (reader.u8(), reader.u32(), reader.u32());
        assert_eq!((capability, count, reader.u32()), (6, 1, number));
        reader.u32()
    }
}

/// What the model says to the command: in the order of Part 3, section 5.
fn judged<T>(
    model: &mut Model,
    command: &Command,
    given: &[Given],
    judge: impl FnOnce(&mut Model) -> Result<T, u32>,
) -> Result<T, u32> {
    model.begin(command.code)?;
    for (handle, number) in command.handles.iter().zip(1..) {
        model.there(*handle, number)?;
    }
    for given in given {
        if let By::Session(handle) = given.by {
            model.sessions.check(handle)?;
        }
    }
    for ((given, handle), number) in given.iter().zip(&command.handles).zip(1..) {
        model.authorise(command.code, *handle, given, number)?;
    }
    judge(model)
}

/// Tells each step where `TPM_MODEL_TRACE` is set: for one input that was found.
pub(crate) fn trace(text: impl FnOnce() -> String) {
    static WANTED: OnceLock<bool> = OnceLock::new();
    if *WANTED.get_or_init(|| std::env::var_os("TPM_MODEL_TRACE").is_some()) {
        eprintln!("{}", text());
    }
}
