//! Part 3, section 18.8: CertifyX509. The caller gives the parts of a certificate that are his to say; the TPM adds its
//! version, a serial number, the subject's public key, and signs. The full build only.
//!
//! Of what the caller gives no more is understood than must be: whether the parts are there, and whether the extensions
//! say of the key what the TPM knows of it.

use super::der::{self, Backwards, Reader};
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{Public, SignScheme};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use ironroot_crypto::tpm::hash::Hasher;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[Command {
    code: 0x197,
    handles: &[Place::Object, Place::Object],
    roles: &[Role::Admin, Role::User],
    traits: DECRYPT | ENCRYPT,
    run: certify_x509,
}];

/// Bytes of a serial number: the most that RFC 5280 allows.
const SERIAL: usize = 20;
/// Version 3, as a certificate has it.
const VERSION_3: [u8; 5] = [0xa0, 3, der::INTEGER, 1, 2];

fn certify_x509(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let reserved = call.params.sized(MAX_BUFFER)?;
    let wanted: Option<SignScheme> = call.params.get()?;
    let given = call.params.sized(MAX_BUFFER)?;
    call.params.end()?;
    if !reserved.is_empty() {
        return Err(Rc::SIZE.parameter(1));
    }
    let [certified, key, _] = call.handles;
    core.check_signer(key, 2)?;
    let (scheme, name_alg, key_name) = core.with_object(key, |object| {
        let public = &object.public;
        (object.sign_scheme(wanted), public.name_alg, object.name)
    })?;
    let scheme = scheme.map_err(|rc| rc.parameter(2))?;
    let name_alg = name_alg.ok_or(Rc::KEY.handle(2))?;
    core.refuse_sequence(certified, Rc::TYPE.handle(1))?;
    let (public, name) =
        core.with_object(certified, |object| (object.public.clone(), object.name))?;
    let parts = Parts::read(given).map_err(|rc| rc.parameter(3))?;
    check_extensions(parts.extensions, &public)?;
    let mut added = Added::of(&public, &parts, scheme)?;
    let mut serial = Hasher::new(name_alg);
    added.hash(&parts, &mut serial);
    serial.update(key_name.as_slice());
    serial.update(name.as_slice());
    let serial = serial.finish();
    added.number(serial.as_slice().get(..SERIAL).unwrap_or_default())?;
    let mut tbs = Hasher::new(scheme.hash());
    let head = der::head(der::SEQUENCE, added.tbs_len(&parts));
    tbs.update(head.as_slice());
    tbs.update(added.front());
    added.hash(&parts, &mut tbs);
    let digest = tbs.finish();
    let signature = core.sign(key, scheme, digest.as_slice());
    let signature = signature.map_err(|rc| match rc {
        Rc::KEY => Rc::KEY.handle(2),
        other => other.parameter(2),
    })?;
    call.out.sized(added.whole()?)?;
    call.out.sized(digest.as_slice())?;
    call.out.put(&signature)
}

/// What the caller gives, each part with its head.
struct Parts<'a> {
    /// How the certificate is signed; empty: the TPM says it.
    algorithm: &'a [u8],
    /// Issuer, validity, subject, one behind the other.
    names: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Parts<'a> {
    /// # Errors
    /// `SIZE`: it is no whole sequence, or bytes follow. `VALUE`: parts are missing, or there are others.
    fn read(given: &'a [u8]) -> Result<Self> {
        let mut outer = Reader::new(given);
        let fault = if given.is_empty() {
            Rc::VALUE
        } else {
            Rc::SIZE
        };
        let whole = outer.next().ok_or(fault)?;
        if whole.tag != der::SEQUENCE || !outer.is_empty() {
            return Err(Rc::SIZE);
        }
        // Bytes of the sequences read so far; the first of them.
        let (mut count, mut len, mut first) = (0u8, 0usize, 0usize);
        let mut inner = Reader::new(whole.content);
        // In the order in which they are signed. The reference takes extensions that stand before a sequence, too, and
        // then signs another order than the one it was given.
        let extensions = loop {
            let part = inner.next().ok_or(Rc::VALUE)?;
            match part.tag {
                der::SEQUENCE if count < 4 => {
                    count = count.saturating_add(1);
                    len = len.saturating_add(part.whole.len());
                    first = if count == 1 { len } else { first };
                }
                der::EXTENSIONS if inner.is_empty() => break part.whole,
                _ => return Err(Rc::VALUE),
            }
        };
        let algorithm_len = match count {
            3 => 0,
            4 => first,
            _ => return Err(Rc::VALUE),
        };
        let sequences = whole.content.get(..len).ok_or(Rc::VALUE)?;
        let parts = sequences.split_at_checked(algorithm_len);
        let (algorithm, names) = parts.ok_or(Rc::VALUE)?;
        Ok(Self {
            algorithm,
            names,
            extensions,
        })
    }
}

/// What the TPM adds: version, serial number, perhaps the signature's algorithm, and the public key.
struct Added {
    made: Backwards,
    /// Where in `made`, counted from its end, each part begins.
    key_at: usize,
    algorithm_at: usize,
    front_at: usize,
}

impl Added {
    /// Key and algorithm.
    ///
    /// # Errors
    /// `ASYMMETRIC` for the first handle: there is no name for such a key. `SCHEME` for the second one: nor for such a
    /// signature.
    fn of(public: &Public, parts: &Parts<'_>, scheme: SignScheme) -> Result<Self> {
        let mut made = Backwards::new();
        der::public_key(&mut made, public).map_err(|rc| rc.handle(1))?;
        let key_at = made.len();
        if parts.algorithm.is_empty() {
            der::algorithm(&mut made, scheme).map_err(|rc| rc.handle(2))?;
        }
        let algorithm_at = made.len();
        Ok(Self {
            made,
            key_at,
            algorithm_at,
            front_at: algorithm_at,
        })
    }

    /// Serial number and version, in front.
    fn number(&mut self, serial: &[u8]) -> Result<()> {
        self.made.number(serial)?;
        self.made.put(&VERSION_3)?;
        self.front_at = self.made.len();
        Ok(())
    }

    /// What in the certificate stands behind its serial number.
    fn hash(&self, parts: &Parts<'_>, hasher: &mut Hasher) {
        hasher.update(parts.algorithm);
        hasher.update(self.made.between(self.algorithm_at, self.key_at));
        hasher.update(parts.names);
        hasher.update(self.made.between(self.key_at, 0));
        hasher.update(parts.extensions);
    }

    /// Version and serial number.
    fn front(&self) -> &[u8] {
        self.made.between(self.front_at, self.algorithm_at)
    }

    /// Bytes of the certificate without its own head.
    fn tbs_len(&self, parts: &Parts<'_>) -> usize {
        [parts.algorithm, parts.names, parts.extensions]
            .iter()
            .fold(self.front_at, |len, part| len.saturating_add(part.len()))
    }

    /// All of it as one sequence.
    fn whole(&mut self) -> Result<&[u8]> {
        self.made.wrap(der::SEQUENCE, 0)?;
        Ok(self.made.between(self.made.len(), 0))
    }
}

/// The key's usage must be said, and must not promise more than the key's attributes do; if the attributes themselves
/// are said, they must be those of the key. Each is said once: of two, a reader may believe the other one.
///
/// # Errors
/// `ATTRIBUTES` for the first handle; `VALUE`, `RESERVED_BITS` for the third parameter.
fn check_extensions(extensions: &[u8], public: &Public) -> Result<()> {
    let fault = Rc::VALUE.parameter(3);
    let outer = Reader::new(extensions).next().ok_or(fault)?;
    let mut inner = Reader::new(outer.content);
    let list = inner.next().filter(|list| list.tag == der::SEQUENCE);
    let list = list.filter(|_| inner.is_empty()).ok_or(fault)?.content;
    if let Some(bits) = der::extension_bits(list, der::TPMA_OBJECT).ok_or(fault)?
        && bits != public.attributes.0
    {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    let usage = der::extension_bits(list, der::KEY_USAGE)
        .flatten()
        .ok_or(fault)?;
    if usage & !USAGE_BITS != 0 {
        return Err(Rc::RESERVED_BITS.parameter(3));
    }
    let promises = [
        (SIGNS, ObjectAttributes::SIGN),
        (DECRYPTS, ObjectAttributes::DECRYPT),
        (NON_REPUDIATION, ObjectAttributes::FIXED_TPM),
        (KEY_ENCIPHERMENT, ObjectAttributes::RESTRICTED),
    ];
    let kept = |(promise, needed): &(u32, ObjectAttributes)| {
        usage & promise == 0 || public.attributes.has(*needed)
    };
    match promises.iter().all(kept) {
        true => Ok(()),
        false => Err(fault),
    }
}

/// `TPMA_X509_KEY_USAGE`: the bits of keyUsage, the first one uppermost.
const USAGE_BITS: u32 = 0xff80_0000;
/// digitalSignature, keyCertSign, cRLSign
const SIGNS: u32 = 0x8600_0000;
/// keyEncipherment, dataEncipherment, keyAgreement, encipherOnly, decipherOnly
const DECRYPTS: u32 = 0x3980_0000;
const NON_REPUDIATION: u32 = 0x4000_0000;
const KEY_ENCIPHERMENT: u32 = 0x2000_0000;
