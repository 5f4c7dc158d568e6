//! What the TPM is asked, one command after the other; each is named on the console with its response code.

use ironroot_codec::{Cursor, Writer};
use ironroot_port_armv8m::say;
use ironroot_tpm::{Locality, Progress, Tpm};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const INDEX: u32 = 0x0150_0001;
/// An empty password.
const PASSWORD: &[u8] = &[0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 1, 0, 0];
/// A storage key on P-256: AES-128-CFB for what it protects.
const STORAGE: &[u8] = &[
    0, 0x1a, 0, 0x23, 0, 0x0b, 0, 3, 4, 0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10,
    0, 0, 0, 0,
];
/// A signing key on P-256: ECDSA with SHA-256.
const SIGNING: &[u8] = &[
    0, 0x18, 0, 0x23, 0, 0x0b, 0, 4, 4, 0x72, 0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10, 0, 0,
    0, 0,
];
/// No auth value, no data.
const NO_SECRETS: &[u8] = &[0, 4, 0, 0, 0, 0];
/// No words of the caller, no PCRs.
const NOTHING_ELSE: &[u8] = &[0, 0, 0, 0, 0, 0];
const DIGEST: [u8; 32] = [0x5a; 32];

/// A TPM and its last answer.
pub(crate) struct Commands<'t, 'm> {
    tpm: &'t mut Tpm<'m>,
    answer: [u8; 2048],
    len: usize,
}

type Result<T> = core::result::Result<T, u32>;

/// A frame of ours, or an answer, that does not parse.
const MALFORMED: u32 = 0xffff_ffff;

impl<'t, 'm> Commands<'t, 'm> {
    pub(crate) fn new(tpm: &'t mut Tpm<'m>) -> Self {
        Self {
            tpm,
            answer: [0; 2048],
            len: 0,
        }
    }

    /// Everything, up to the first refusal. What is on the stack above this function is not the engine's work: its
    /// memory, the store's, ours.
    #[inline(never)]
    pub(crate) fn run(&mut self) -> Result<()> {
        let here = 0u8;
        say!(
            "tpm: memory: commands begin at {:#x}",
            core::ptr::from_ref(&here).addr()
        );
        self.ask("Startup", 0x144, &[], false, &[&[0, 0]])?;
        self.ask("SelfTest", 0x143, &[], false, &[&[1]])?;
        self.ask("GetRandom", 0x17b, &[], false, &[&[0, 32]])?;
        self.ask(
            "PCR_Extend",
            0x182,
            &[16],
            true,
            &[&[0, 0, 0, 1, 0, 0x0b], &DIGEST],
        )?;
        let parts = [NO_SECRETS, STORAGE, NOTHING_ELSE];
        self.ask("CreatePrimary", 0x131, &[OWNER], true, &parts)?;
        let parent = self.handle()?;
        let parts = [NO_SECRETS, SIGNING, NOTHING_ELSE];
        self.ask("Create", 0x153, &[parent], true, &parts)?;
        let (key, len) = self.two_buffers()?;
        let created = key.get(..len).ok_or(MALFORMED)?;
        self.ask("Load", 0x157, &[parent], true, &[created])?;
        let key = self.handle()?;
        let ticket = [0x80, 0x24, 0x40, 0, 0, 7, 0, 0];
        self.ask(
            "Sign",
            0x15d,
            &[key],
            true,
            &[&[0, 32], &DIGEST, &[0, 0x10], &ticket],
        )?;
        let signature: [u8; 72] = self.body(14)?.first_chunk().copied().ok_or(MALFORMED)?;
        self.ask(
            "VerifySignature",
            0x177,
            &[key],
            false,
            &[&[0, 32], &DIGEST, &signature],
        )?;
        let mut altered = DIGEST;
        altered[0] ^= 1;
        let refused = self.ask(
            "VerifySignature, altered",
            0x177,
            &[key],
            false,
            &[&[0, 32], &altered, &signature],
        );
        if refused != Err(0x2db) {
            return Err(MALFORMED);
        }
        // ownerWrite, authWrite, ownerRead, authRead
        let public = [0, 14, 1, 0x50, 0, 1, 0, 0x0b, 0, 6, 0, 6, 0, 0, 0, 8];
        self.ask("NV_DefineSpace", 0x12a, &[OWNER], true, &[&[0, 0], &public])?;
        self.ask(
            "NV_Write",
            0x137,
            &[INDEX, INDEX],
            true,
            &[&[0, 8], b"ironroot", &[0, 0]],
        )?;
        self.ask("NV_Read", 0x14e, &[INDEX, INDEX], true, &[&[0, 8, 0, 0]])?;
        match self.body(16)?.starts_with(b"ironroot") {
            true => Ok(()),
            false => Err(MALFORMED),
        }?;
        let session = [0u8; 16];
        let parts: [&[u8]; 4] = [&[0, 16], &session, &[0, 0, 1, 0, 0x10], &[0, 0x0b]];
        self.ask("StartAuthSession", 0x176, &[NULL, NULL], false, &parts)?;
        self.ask("Shutdown", 0x145, &[], false, &[&[0, 0]])
    }

    fn ask(
        &mut self,
        name: &str,
        code: u32,
        handles: &[u32],
        password: bool,
        parts: &[&[u8]],
    ) -> Result<()> {
        let mut frame = [0; 1024];
        let len = write(&mut frame, code, handles, password, parts).ok_or(MALFORMED)?;
        let frame = frame.get(..len).ok_or(MALFORMED)?;
        let Progress::Done(len) = self.tpm.begin(Locality::ZERO, frame, &mut self.answer) else {
            return Err(MALFORMED);
        };
        self.len = len;
        let code = Cursor::new(self.body(6)?).u32_be().map_err(|_| MALFORMED)?;
        say!("tpm: {name}: 0x{code:03x}");
        match code {
            0 => Ok(()),
            refused => Err(refused),
        }
    }

    /// The answer from `at` on.
    fn body(&self, at: usize) -> Result<&[u8]> {
        self.answer.get(at..self.len).ok_or(MALFORMED)
    }

    fn handle(&self) -> Result<u32> {
        Cursor::new(self.body(10)?).u32_be().map_err(|_| MALFORMED)
    }

    /// Private and public part of Create's answer, sizes and all.
    fn two_buffers(&self) -> Result<([u8; 512], usize)> {
        let body = self.body(14)?;
        let mut cursor = Cursor::new(body);
        for _ in 0..2 {
            let len = cursor.u16_be().map_err(|_| MALFORMED)?;
            cursor.skip(len.into()).map_err(|_| MALFORMED)?;
        }
        let len = body.len().saturating_sub(cursor.rest().len());
        let mut copy = [0; 512];
        let both = body.get(..len).ok_or(MALFORMED)?;
        crate::store::copy(copy.get_mut(..len).ok_or(MALFORMED)?, both);
        Ok((copy, len))
    }
}

fn write(
    frame: &mut [u8],
    code: u32,
    handles: &[u32],
    password: bool,
    parts: &[&[u8]],
) -> Option<usize> {
    let mut out = Writer::new(frame);
    out.u16_be(if password { 0x8002 } else { 0x8001 }).ok()?;
    out.u32_be(0).ok()?;
    out.u32_be(code).ok()?;
    for handle in handles {
        out.u32_be(*handle).ok()?;
    }
    if password {
        out.put(PASSWORD).ok()?;
    }
    for part in parts {
        out.put(part).ok()?;
    }
    let len = out.written().len();
    out.patch(2, &u32::try_from(len).ok()?.to_be_bytes()).ok()?;
    Some(len)
}
