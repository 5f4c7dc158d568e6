//! One pass over all operations of one TPM. Each operation is exactly one command; what it needs and leaves is not timed.

use super::Samples;
use ironroot_tpm_client::{Client, Error, Template, curve};

/// Both indices that the pass defines: plain bytes and a counter.
const PLAIN: u32 = 0x0150_0010;
const COUNTER: u32 = 0x0150_0011;
/// authWrite, authRead, ownerWrite, ownerRead, noDA
const NV: u32 = 1 << 1 | 1 << 2 | 1 << 17 | 1 << 18 | 1 << 25;
const NV_COUNTER: u32 = NV | 1 << 4;

struct Pass<'a> {
    tpm: &'a mut Client,
    samples: &'a mut Samples,
    /// Times of an ordinary operation.
    runs: u32,
    /// Times of one that takes milliseconds.
    slow: u32,
    /// Tells this pass's keys from those of others.
    serial: u32,
    /// Only operations with this in their name are measured.
    only: &'a str,
}

type Result<T> = std::result::Result<T, Error>;

/// How often.
#[derive(Clone, Copy)]
pub struct Runs<'a> {
    /// Each ordinary operation.
    pub runs: u32,
    /// Each that takes milliseconds.
    pub slow: u32,
    /// Only operations with this in their name.
    pub only: &'a str,
}

/// Runs every operation.
///
/// # Errors
/// The client's, with nothing to be had from the pass.
pub fn pass(
    tpm: &mut Client,
    samples: &mut Samples,
    serial: u32,
    Runs { runs, slow, only }: Runs<'_>,
) -> Result<()> {
    let mut pass = Pass {
        tpm,
        samples,
        runs,
        slow,
        serial,
        only,
    };
    pass.small()?;
    pass.primaries()?;
    let parent = pass
        .tpm
        .create_primary(&Template::ecc_storage(curve::P256))?;
    pass.creations(parent)?;
    pass.curves(parent)?;
    pass.rsa(parent)?;
    pass.sealed(parent)?;
    pass.symmetric(parent)?;
    pass.tpm.flush(parent)?;
    pass.nv()?;
    pass.sessions()?;
    let few = pass.slow.min(10);
    pass.time("SelfTest(full)", few, Client::self_test)
}

impl Pass<'_> {
    fn time<T>(
        &mut self,
        name: &'static str,
        runs: u32,
        mut one: impl FnMut(&mut Client) -> Result<T>,
    ) -> Result<()> {
        self.time_and(name, runs, |tpm| one(tpm), |_, _| Ok(()))
    }

    /// `after` gets what `one` gave and is not timed. The first two are warm-up.
    fn time_and<T>(
        &mut self,
        name: &'static str,
        runs: u32,
        mut one: impl FnMut(&mut Client) -> Result<T>,
        mut after: impl FnMut(&mut Client, T) -> Result<()>,
    ) -> Result<()> {
        if !name.contains(self.only) {
            return Ok(());
        }
        let warm_up = if runs > 20 { 2 } else { 0 };
        for run in 0..runs + warm_up {
            let value = one(self.tpm)?;
            let time = self.tpm.last;
            after(self.tpm, value)?;
            if run >= warm_up {
                self.samples.add(name, time);
            }
        }
        Ok(())
    }

    fn small(&mut self) -> Result<()> {
        let runs = self.runs;
        self.time("GetRandom(32)", runs, |tpm| tpm.get_random(32))?;
        self.time("GetCapability(1 property)", runs, |tpm| {
            tpm.property(0x100, 1)
        })?;
        self.time("PCR_Extend(SHA-256)", runs, |tpm| {
            tpm.pcr_extend(16, &[0x11; 32])
        })?;
        self.time("PCR_Read(1 PCR)", runs, |tpm| tpm.pcr_read(&[0]))?;
        self.time("Hash(1 KiB, SHA-256)", runs, |tpm| tpm.hash(&[0; 1024]))?;
        self.time("ReadClock", runs, Client::read_clock)
    }

    fn primaries(&mut self) -> Result<()> {
        let (runs, slow) = (self.runs, self.slow);
        let flush = |tpm: &mut Client, handle| tpm.flush(handle);
        let p256 = |tpm: &mut Client| tpm.create_primary(&Template::ecc_storage(curve::P256));
        self.time_and("CreatePrimary ECC P-256 storage", runs, p256, flush)?;
        let p384 = |tpm: &mut Client| tpm.create_primary(&Template::ecc_storage(curve::P384));
        self.time_and("CreatePrimary ECC P-384 storage", slow, p384, flush)?;
        let same = |tpm: &mut Client| tpm.create_primary(&Template::rsa_storage(2048, &[]));
        // The first makes it; what is measured is asking again.
        let handle = same(self.tpm)?;
        self.tpm.flush(handle)?;
        self.time_and("CreatePrimary RSA-2048 (same template)", slow, same, flush)?;
        let mut number = self.serial.wrapping_mul(1_000_000);
        let fresh = |tpm: &mut Client| {
            number = number.wrapping_add(1);
            let unique = number.to_be_bytes().repeat(64);
            tpm.create_primary(&Template::rsa_storage(2048, &unique))
        };
        self.time_and("CreatePrimary RSA-2048 (fresh unique)", slow, fresh, flush)
    }

    fn creations(&mut self, parent: u32) -> Result<()> {
        let (runs, slow) = (self.runs, self.slow);
        let rsa = |tpm: &mut Client| tpm.create(parent, &Template::rsa_sign(2048), &[]);
        self.time("Create RSA-2048 signing key", slow, rsa)?;
        let larger = |tpm: &mut Client| tpm.create(parent, &Template::rsa_sign(3072), &[]);
        self.time("Create RSA-3072 signing key", slow.div_ceil(4), larger)?;
        let ecc = |tpm: &mut Client| tpm.create(parent, &Template::ecc_sign(false), &[]);
        self.time("Create ECC P-256 signing key", runs, ecc)
    }

    fn curves(&mut self, parent: u32) -> Result<()> {
        let runs = self.runs;
        let created = self.tpm.create(parent, &Template::ecc_sign(false), &[])?;
        let load = |tpm: &mut Client| tpm.load(parent, &created);
        self.time_and("Load ECC P-256 key", runs, load, |tpm, handle| {
            tpm.flush(handle)
        })?;
        let key = self.tpm.load(parent, &created)?;
        self.time("Sign ECDSA P-256", runs, |tpm| tpm.sign(key, &[7; 32]))?;
        let signature = self.tpm.sign(key, &[7; 32])?;
        self.time("VerifySignature ECDSA P-256", runs, |tpm| {
            tpm.verify(key, &[7; 32], &signature)
        })?;
        self.tpm.flush(key)?;
        let created = self.tpm.create(parent, &Template::ecc_sign(true), &[])?;
        let key = self.tpm.load(parent, &created)?;
        self.time("Quote ECDSA P-256 (3 PCRs)", runs, |tpm| {
            tpm.quote(key, &[0, 1, 7], &[9; 20])
        })?;
        self.tpm.flush(key)
    }

    fn rsa(&mut self, parent: u32) -> Result<()> {
        let runs = self.runs;
        let created = self.tpm.create(parent, &Template::rsa_sign(2048), &[])?;
        let load = |tpm: &mut Client| tpm.load(parent, &created);
        self.time_and("Load RSA-2048 key", runs, load, |tpm, handle| {
            tpm.flush(handle)
        })?;
        let key = self.tpm.load(parent, &created)?;
        self.time("Sign RSASSA-2048", runs, |tpm| tpm.sign(key, &[7; 32]))?;
        let signature = self.tpm.sign(key, &[7; 32])?;
        self.time("VerifySignature RSASSA-2048", runs, |tpm| {
            tpm.verify(key, &[7; 32], &signature)
        })?;
        self.tpm.flush(key)?;
        let created = self.tpm.create(parent, &Template::rsa_decrypt(2048), &[])?;
        let key = self.tpm.load(parent, &created)?;
        self.time("RSA_Encrypt OAEP-2048", runs, |tpm| {
            tpm.rsa_encrypt(key, &[3; 32])
        })?;
        let cipher = self.tpm.rsa_encrypt(key, &[3; 32])?;
        self.time("RSA_Decrypt OAEP-2048", runs, |tpm| {
            tpm.rsa_decrypt(key, &cipher)
        })?;
        self.tpm.flush(key)
    }

    fn sealed(&mut self, parent: u32) -> Result<()> {
        let runs = self.runs;
        let seal = |tpm: &mut Client| tpm.create(parent, &Template::sealed(), &[5; 32]);
        self.time("Create sealed object (32 B)", runs, seal)?;
        let created = seal(self.tpm)?;
        let load = |tpm: &mut Client| tpm.load(parent, &created);
        self.time_and("Load sealed object", runs, load, |tpm, handle| {
            tpm.flush(handle)
        })?;
        let handle = load(self.tpm)?;
        self.time("Unseal", runs, |tpm| tpm.unseal(handle))?;
        self.tpm.flush(handle)
    }

    fn symmetric(&mut self, parent: u32) -> Result<()> {
        let runs = self.runs;
        let created = self.tpm.create(parent, &Template::aes(), &[])?;
        let key = self.tpm.load(parent, &created)?;
        self.time("EncryptDecrypt2 AES-128-CFB 1 KiB", runs, |tpm| {
            tpm.encrypt(key, &[0; 1024], &[0; 16])
        })?;
        self.time("ContextSave (symmetric key)", runs, |tpm| {
            tpm.context_save(key)
        })?;
        let context = self.tpm.context_save(key)?;
        let load = |tpm: &mut Client| tpm.context_load(&context);
        self.time_and("ContextLoad (symmetric key)", runs, load, |tpm, handle| {
            tpm.flush(handle)
        })?;
        self.tpm.flush(key)
    }

    fn nv(&mut self) -> Result<()> {
        let runs = self.runs;
        self.tpm.nv_define(PLAIN, 64, NV)?;
        self.tpm.nv_define(COUNTER, 8, NV_COUNTER)?;
        let mut number = 0u8;
        let write = |tpm: &mut Client| {
            number = number.wrapping_add(1);
            tpm.nv_write(PLAIN, &[number; 64])
        };
        self.time("NV_Write(64 B)", runs, write)?;
        self.time("NV_Read(64 B)", runs, |tpm| tpm.nv_read(PLAIN, 64))?;
        self.time("NV_Increment", runs, |tpm| tpm.nv_increment(COUNTER))?;
        self.tpm.nv_undefine(PLAIN)?;
        self.tpm.nv_undefine(COUNTER)
    }

    fn sessions(&mut self) -> Result<()> {
        let runs = self.runs;
        self.time_and(
            "StartAuthSession(policy)",
            runs,
            Client::policy_session,
            |tpm, handle| tpm.flush(handle),
        )?;
        let name = "StartAuthSession+PolicyPCR+GetDigest";
        for _ in (0..runs).filter(|_| name.contains(self.only)) {
            let session = self.tpm.policy_session()?;
            let mut time = self.tpm.last;
            self.tpm.policy_pcr(session, &[0, 1, 7])?;
            time += self.tpm.last;
            self.tpm.policy_digest(session)?;
            time += self.tpm.last;
            self.samples.add(name, time);
            self.tpm.flush(session)?;
        }
        let mut session = self.tpm.hmac_session()?;
        self.time("GetRandom(32) in an HMAC session", runs, |tpm| {
            tpm.get_random_in(&mut session, 32)
        })?;
        self.tpm.flush(session.handle)
    }
}
