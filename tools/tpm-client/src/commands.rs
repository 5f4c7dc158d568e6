//! The commands that tests and the benchmark use, each one frame.

use crate::template::Template;
use crate::wire::{Answer, Client, Error, Parts, sized};

/// `TPM_RH_OWNER`
const OWNER: u32 = 0x4000_0001;
/// `TPM_RH_ENDORSEMENT`
const ENDORSEMENT: u32 = 0x4000_000b;
/// `TPM_RH_NULL`
const NULL: u32 = 0x4000_0007;
/// `TPM_ALG_SHA256`
const SHA256: [u8; 2] = [0, 0x0b];
/// `TPM_ALG_NULL`
const NULL_ALG: [u8; 2] = [0, 0x10];

/// What Create gives.
pub struct Created {
    /// The private part, wrapped by the parent.
    pub private: Vec<u8>,
    /// The public part.
    pub public: Vec<u8>,
}

type Result<T> = std::result::Result<T, Error>;

impl Client {
    /// Startup(CLEAR); one that was done already is no error.
    ///
    /// # Errors
    /// As [`Client::command`]; so for all that follow.
    pub fn startup(&mut self) -> Result<()> {
        match self.plain(0x144, &[0, 0]) {
            Err(Error::Refused { code: 0x100, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// GetRandom.
    pub fn get_random(&mut self, len: u16) -> Result<Vec<u8>> {
        self.plain(0x17b, &len.to_be_bytes())?.sized()
    }

    /// GetCapability of fixed and variable properties.
    pub fn property(&mut self, first: u32, count: u32) -> Result<Vec<u8>> {
        let params = [6u32, first, count].map(u32::to_be_bytes).concat();
        Ok(self.plain(0x17a, &params)?.rest())
    }

    /// PCR_Extend of the SHA-256 bank.
    pub fn pcr_extend(&mut self, pcr: u32, digest: &[u8]) -> Result<()> {
        let params = [&1u32.to_be_bytes()[..], &SHA256, digest].concat();
        self.authorised(0x182, &[pcr], &params).map(drop)
    }

    /// PCR_Read of the SHA-256 bank.
    pub fn pcr_read(&mut self, pcrs: &[u8]) -> Result<Vec<u8>> {
        Ok(self.plain(0x17e, &selection(pcrs))?.rest())
    }

    /// Hash by SHA-256.
    pub fn hash(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let params = [&sized(data)[..], &SHA256, &NULL.to_be_bytes()].concat();
        self.plain(0x17d, &params)?.sized()
    }

    /// ReadClock.
    pub fn read_clock(&mut self) -> Result<()> {
        self.plain(0x181, &[]).map(drop)
    }

    /// SelfTest(full).
    pub fn self_test(&mut self) -> Result<()> {
        self.plain(0x143, &[1]).map(drop)
    }

    /// CreatePrimary in the owner hierarchy: the handle.
    pub fn create_primary(&mut self, template: &Template) -> Result<u32> {
        let parts = Parts {
            handles: &[OWNER],
            passwords: 1,
            params: &creation(template, &[]),
            out_handles: 1,
        };
        Ok(self.command(0x131, &parts)?.handle)
    }

    /// Create under a loaded parent.
    pub fn create(&mut self, parent: u32, template: &Template, data: &[u8]) -> Result<Created> {
        let mut answer = self.authorised(0x153, &[parent], &creation(template, data))?;
        Ok(Created {
            private: answer.sized()?,
            public: answer.sized()?,
        })
    }

    /// Load: the handle.
    pub fn load(&mut self, parent: u32, created: &Created) -> Result<u32> {
        let parts = Parts {
            handles: &[parent],
            passwords: 1,
            params: &[sized(&created.private), sized(&created.public)].concat(),
            out_handles: 1,
        };
        Ok(self.command(0x157, &parts)?.handle)
    }

    /// FlushContext.
    pub fn flush(&mut self, handle: u32) -> Result<()> {
        self.plain(0x165, &handle.to_be_bytes()).map(drop)
    }

    /// Unseal.
    pub fn unseal(&mut self, handle: u32) -> Result<Vec<u8>> {
        self.authorised(0x15e, &[handle], &[])?.sized()
    }

    /// Sign by the key's own scheme: the signature structure.
    pub fn sign(&mut self, key: u32, digest: &[u8]) -> Result<Vec<u8>> {
        let ticket = [&[0x80, 0x24][..], &NULL.to_be_bytes(), &[0, 0]].concat();
        let params = [&sized(digest)[..], &NULL_ALG, &ticket].concat();
        Ok(self.authorised(0x15d, &[key], &params)?.rest())
    }

    /// VerifySignature.
    pub fn verify(&mut self, key: u32, digest: &[u8], signature: &[u8]) -> Result<()> {
        let parts = Parts {
            handles: &[key],
            params: &[&sized(digest)[..], signature].concat(),
            ..Parts::default()
        };
        self.command(0x177, &parts).map(drop)
    }

    /// RSA_Encrypt by the key's own scheme.
    pub fn rsa_encrypt(&mut self, key: u32, message: &[u8]) -> Result<Vec<u8>> {
        let parts = Parts {
            handles: &[key],
            params: &[&sized(message)[..], &NULL_ALG, &[0, 0]].concat(),
            ..Parts::default()
        };
        self.command(0x174, &parts)?.sized()
    }

    /// RSA_Decrypt by the key's own scheme.
    pub fn rsa_decrypt(&mut self, key: u32, cipher: &[u8]) -> Result<Vec<u8>> {
        let params = [&sized(cipher)[..], &NULL_ALG, &[0, 0]].concat();
        self.authorised(0x159, &[key], &params)?.sized()
    }

    /// Quote of PCRs of the SHA-256 bank.
    pub fn quote(&mut self, key: u32, pcrs: &[u8], nonce: &[u8]) -> Result<()> {
        let params = [&sized(nonce)[..], &NULL_ALG, &selection(pcrs)].concat();
        self.authorised(0x158, &[key], &params).map(drop)
    }

    /// The same, with what was signed and the signature, for [`check_quote`](crate::check_quote).
    pub fn quoted(&mut self, key: u32, pcrs: &[u8], nonce: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let params = [&sized(nonce)[..], &NULL_ALG, &selection(pcrs)].concat();
        let mut answer = self.authorised(0x158, &[key], &params)?;
        Ok((answer.sized()?, answer.rest()))
    }

    /// GetTime: what was signed, and the signature.
    pub fn time_attested(&mut self, key: u32, nonce: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let parts = Parts {
            handles: &[ENDORSEMENT, key],
            passwords: 2,
            params: &[&sized(nonce)[..], &NULL_ALG].concat(),
            ..Parts::default()
        };
        let mut answer = self.command(0x14c, &parts)?;
        Ok((answer.sized()?, answer.rest()))
    }

    /// EncryptDecrypt2, encrypting.
    pub fn encrypt(&mut self, key: u32, data: &[u8], iv: &[u8]) -> Result<Vec<u8>> {
        let params = [&sized(data)[..], &[0], &[0, 0x43], &sized(iv)].concat();
        self.authorised(0x193, &[key], &params)?.sized()
    }

    /// ContextSave: the whole context structure.
    pub fn context_save(&mut self, handle: u32) -> Result<Vec<u8>> {
        let parts = Parts {
            handles: &[handle],
            ..Parts::default()
        };
        Ok(self.command(0x162, &parts)?.rest())
    }

    /// ContextLoad: the handle.
    pub fn context_load(&mut self, context: &[u8]) -> Result<u32> {
        let parts = Parts {
            params: context,
            out_handles: 1,
            ..Parts::default()
        };
        Ok(self.command(0x161, &parts)?.handle)
    }

    /// NV_DefineSpace by the owner; `attributes` as `TPMA_NV`.
    pub fn nv_define(&mut self, index: u32, size: u16, attributes: u32) -> Result<()> {
        let public = [
            &index.to_be_bytes()[..],
            &SHA256,
            &attributes.to_be_bytes(),
            &[0, 0],
            &size.to_be_bytes(),
        ]
        .concat();
        let params = [sized(&[]), sized(&public)].concat();
        self.authorised(0x12a, &[OWNER], &params).map(drop)
    }

    /// NV_UndefineSpace by the owner.
    pub fn nv_undefine(&mut self, index: u32) -> Result<()> {
        self.authorised(0x122, &[OWNER, index], &[]).map(drop)
    }

    /// NV_Write by the index's own auth value.
    pub fn nv_write(&mut self, index: u32, data: &[u8]) -> Result<()> {
        let params = [&sized(data)[..], &[0, 0]].concat();
        self.authorised(0x137, &[index, index], &params).map(drop)
    }

    /// NV_Read by the index's own auth value.
    pub fn nv_read(&mut self, index: u32, len: u16) -> Result<Vec<u8>> {
        let params = [&len.to_be_bytes()[..], &[0, 0]].concat();
        self.authorised(0x14e, &[index, index], &params)?.sized()
    }

    /// NV_Increment by the index's own auth value.
    pub fn nv_increment(&mut self, index: u32) -> Result<()> {
        self.authorised(0x134, &[index, index], &[]).map(drop)
    }

    /// StartAuthSession of a policy session, SHA-256, unsalted and unbound: the handle.
    pub fn policy_session(&mut self) -> Result<u32> {
        let params = [&sized(&[0x5a; 32])[..], &[0, 0], &[1], &NULL_ALG, &SHA256].concat();
        let parts = Parts {
            handles: &[NULL, NULL],
            params: &params,
            out_handles: 1,
            ..Parts::default()
        };
        Ok(self.command(0x176, &parts)?.handle)
    }

    /// PolicyPCR over the current values.
    pub fn policy_pcr(&mut self, session: u32, pcrs: &[u8]) -> Result<()> {
        let parts = Parts {
            handles: &[session],
            params: &[&[0, 0][..], &selection(pcrs)].concat(),
            ..Parts::default()
        };
        self.command(0x17f, &parts).map(drop)
    }

    /// PolicyGetDigest.
    pub fn policy_digest(&mut self, session: u32) -> Result<Vec<u8>> {
        let parts = Parts {
            handles: &[session],
            ..Parts::default()
        };
        self.command(0x189, &parts)?.sized()
    }

    fn plain(&mut self, code: u32, params: &[u8]) -> Result<Answer> {
        let parts = Parts {
            params,
            ..Parts::default()
        };
        self.command(code, &parts)
    }

    /// With an empty password for the first handle.
    fn authorised(&mut self, code: u32, handles: &[u32], params: &[u8]) -> Result<Answer> {
        let parts = Parts {
            handles,
            passwords: 1,
            params,
            out_handles: 0,
        };
        self.command(code, &parts)
    }
}

fn creation(template: &Template, data: &[u8]) -> Vec<u8> {
    let sensitive = [sized(&[]), sized(data)].concat();
    [
        sized(&sensitive),
        sized(&template.0),
        vec![0; 2],
        vec![0; 4],
    ]
    .concat()
}

fn selection(pcrs: &[u8]) -> Vec<u8> {
    let bits = pcrs.iter().fold(0u32, |bits, pcr| bits | 1 << pcr);
    let [a, b, c, _] = bits.to_le_bytes();
    [&1u32.to_be_bytes()[..], &SHA256, &[3, a, b, c]].concat()
}
