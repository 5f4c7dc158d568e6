//! A machine with a TPM in it.

use super::client::{Command, Reply};
use super::session::{self, Auth, Session, Start};
use super::store::{MemoryStore, TestPlatform};
use super::{cc, rh};
use ironroot_tpm::{
    Locality, MAX_COMMAND, Memory, ObjectSlot, Profile, Progress, SessionSlot, Tpm,
};

/// A TPM, its store and its platform.
pub struct Machine {
    tpm: Tpm<'static>,
    profile: &'static Profile,
    pub store: MemoryStore,
    pub platform: TestPlatform,
}

impl Machine {
    /// A new TPM, started.
    pub fn new() -> Self {
        Self::with_profile(&Profile::FULL)
    }

    /// A new TPM of that profile, started.
    pub fn with_profile(profile: &'static Profile) -> Self {
        let mut machine = Self::off(profile, MemoryStore::default(), TestPlatform::new(1));
        machine.tpm.power_on().unwrap();
        machine.startup(0).unwrap();
        machine
    }

    /// A TPM over what is in `store`, without power.
    pub fn off(profile: &'static Profile, store: MemoryStore, platform: TestPlatform) -> Self {
        let objects: Vec<ObjectSlot> = (0..profile.loaded_objects)
            .map(|_| ObjectSlot::EMPTY)
            .collect();
        let sessions: Vec<SessionSlot> = (0..profile.loaded_sessions)
            .map(|_| SessionSlot::EMPTY)
            .collect();
        let memory = Memory {
            objects: objects.leak(),
            sessions: sessions.leak(),
        };
        let (store_view, platform_view) = (
            Box::leak(Box::new(store.clone())),
            Box::leak(Box::new(platform.clone())),
        );
        Self {
            tpm: Tpm::new(memory, store_view, platform_view, profile).expect("the TPM starts"),
            profile,
            store,
            platform,
        }
    }

    /// The same with a pool of primes.
    #[cfg(feature = "full")]
    pub fn with_primes(mut self, primes: &'static mut dyn ironroot_tpm::Primes) -> Self {
        self.tpm = self.tpm.with_primes(primes);
        self
    }

    /// The process dies and comes back: a new TPM over the same records, powered, before Startup.
    pub fn reopen(&mut self) {
        *self = Self::off(self.profile, self.store.clone(), self.platform.clone());
        self.tpm.power_on().expect("the TPM starts");
    }

    /// The TPM itself: signals, steps.
    pub fn tpm(&mut self) -> &mut Tpm<'static> {
        &mut self.tpm
    }

    /// Power off and on, without Startup.
    pub fn power_cycle(&mut self) {
        self.tpm.power_off();
        self.tpm.power_on().unwrap();
    }

    /// Power off and on, Startup(CLEAR).
    pub fn reset(&mut self) {
        self.power_cycle();
        self.startup(0).unwrap();
    }

    /// Startup: 0 is CLEAR, 1 is STATE.
    pub fn startup(&mut self, kind: u16) -> Result<Reply, u32> {
        self.send(&Command::new(cc::STARTUP).u16(kind), &mut [])
    }

    /// Shutdown: 0 is CLEAR, 1 is STATE.
    pub fn shutdown(&mut self, kind: u16) -> Result<Reply, u32> {
        self.send(&Command::new(cc::SHUTDOWN).u16(kind), &mut [])
    }

    /// Sends bytes as they are, to the end of the command.
    pub fn raw(&mut self, locality: u8, bytes: &[u8]) -> Vec<u8> {
        let mut response = vec![0; MAX_COMMAND];
        let mut progress = self
            .tpm
            .begin(Locality::new(locality).unwrap(), bytes, &mut response);
        loop {
            match progress {
                Progress::Done(len) => {
                    response.truncate(len);
                    return response;
                }
                Progress::Pending => progress = self.tpm.step(64, &mut response),
            }
        }
    }

    /// Sends bytes as they are; gives the response code.
    pub fn code(&mut self, bytes: &[u8]) -> u32 {
        let response = self.raw(0, bytes);
        assert!(response.len() >= 10, "an answer has a header");
        let size = u32::from_be_bytes(response[2..6].try_into().unwrap());
        assert_eq!(size as usize, response.len(), "size of the answer");
        u32::from_be_bytes(response[6..10].try_into().unwrap())
    }

    /// Sends a command and checks all HMACs of its answer.
    pub fn send(&mut self, command: &Command, auths: &mut [Auth<'_>]) -> Result<Reply, u32> {
        let bytes = session::seal(command, auths);
        self.send_sealed(command, &bytes, auths)
    }

    /// As [`Machine::send`], with the bytes that were made before (and perhaps spoilt since).
    pub fn send_sealed(
        &mut self,
        command: &Command,
        bytes: &[u8],
        auths: &mut [Auth<'_>],
    ) -> Result<Reply, u32> {
        let response = self.raw(command.locality, bytes);
        let size = u32::from_be_bytes(response[2..6].try_into().unwrap());
        assert_eq!(size as usize, response.len(), "size of the answer");
        match u32::from_be_bytes(response[6..10].try_into().unwrap()) {
            0 => Ok(session::open(command, bytes, auths, &response)),
            code => {
                assert_eq!(response.len(), 10, "an error has no more than a header");
                Err(code)
            }
        }
    }

    /// The bytes of a command, to be spoilt and given to [`Machine::raw`].
    pub fn sealed(&self, command: &Command, auths: &mut [Auth<'_>]) -> Vec<u8> {
        session::seal(command, auths)
    }

    /// Starts a session.
    pub fn start(&mut self, start: Start) -> Session {
        let reply = self
            .send(&start.command(), &mut [])
            .expect("the session starts");
        start.finish(&reply)
    }

    /// Flushes an object or a session.
    pub fn flush(&mut self, handle: u32) -> Result<Reply, u32> {
        self.send(&Command::new(cc::FLUSH_CONTEXT).u32(handle), &mut [])
    }

    /// A command of the policy kind: its handle is the session, it takes no authorisation.
    pub fn policy(
        &mut self,
        code: u32,
        session: &Session,
        params: impl FnOnce(Command) -> Command,
    ) -> Result<Reply, u32> {
        self.send(&params(Command::new(code).handle(session.handle)), &mut [])
    }

    /// The digest of a policy session.
    pub fn policy_digest(&mut self, session: &Session) -> Vec<u8> {
        let reply = self
            .policy(cc::POLICY_GET_DIGEST, session, |command| command)
            .expect("there is a digest");
        reply.reader().sized().to_vec()
    }

    /// Gives the owner an auth value (HierarchyChangeAuth); the old one is empty.
    pub fn own(&mut self, auth: &[u8]) {
        let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
            .handle(rh::OWNER)
            .sized(auth);
        self.send(&command, &mut [Auth::password(b"")])
            .expect("the owner's auth value is changed");
    }

    /// Gives a hierarchy an auth value, out of any state: with the old one.
    pub fn change_auth(&mut self, hierarchy: u32, old: &[u8], new: &[u8]) {
        let command = Command::new(cc::HIERARCHY_CHANGE_AUTH)
            .handle(hierarchy)
            .sized(new);
        self.send(&command, &mut [Auth::password(old)])
            .expect("the auth value is changed");
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
