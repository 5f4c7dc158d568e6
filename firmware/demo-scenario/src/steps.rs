//! The steps of the story, in order. Each prints its lines only after what they say has happened.

use crate::{Failure, Options};
use core::fmt::{self, Write};
use ironroot_client::crypto::{self, aead, hash, key, sign};
use ironroot_client::{Transport, attest, fwu, its, ps};
use ironroot_psa_api::fwu::{ComponentInfo, ComponentState};
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::storage::{CreateFlags, StorageUid};
use ironroot_psa_api::{Error, Handle};

type Step<T, W> = fn(&mut T, &mut W, &Options) -> Result<(), Failure>;

/// Every step with its name.
pub(crate) const fn all<T: Transport, W: Write>() -> [(&'static str, Step<T, W>); 11] {
    [
        ("framework", framework),
        ("firmware", firmware),
        ("random", random),
        ("hash", hashing),
        ("cipher", cipher),
        ("sign", signing),
        ("its", internal_trusted_storage),
        ("ps", protected_storage),
        ("attack", attacks),
        ("token", token),
        ("update", update),
    ]
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn expect(holds: bool, what: &'static str) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Unexpected(what))
    }
}

fn framework<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let version = transport.framework_version();
    writeln!(
        output,
        "app: PSA framework {}.{}",
        version >> 8,
        version & 0xff
    )?;
    Ok(())
}

const COMPONENTS: [(u8, &str); 2] = [(0, "secure"), (1, "non-secure")];

/// What the state of a component says of the image that runs; most of it is about the other one.
const fn state_words(state: ComponentState) -> &'static str {
    match state {
        ComponentState::Trial => "on trial",
        ComponentState::Rejected => "rejected",
        ComponentState::Ready
        | ComponentState::Writing
        | ComponentState::Candidate
        | ComponentState::Staged
        | ComponentState::Failed
        | ComponentState::Updated => "confirmed",
    }
}

fn firmware<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    for (component, name) in COMPONENTS {
        let ComponentInfo { version, state, .. } = fwu::query(transport, component)?;
        writeln!(
            output,
            "app: firmware: {name} {}.{}.{}, {}",
            version.major,
            version.minor,
            version.patch,
            state_words(state)
        )?;
    }
    Ok(())
}

fn random<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    crypto::generate_random(transport, &mut first)?;
    crypto::generate_random(transport, &mut second)?;
    expect(
        first != second && first != [0; 32],
        "two different random numbers",
    )?;
    writeln!(output, "app: random: two draws of 32 bytes, different")?;
    Ok(())
}

/// SHA-256 of "abc": FIPS 180-4's example (NIST, "SHA256.pdf").
const SHA256_OF_ABC: [u8; 32] = [
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
];

fn hashing<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let mut digest = [0; 32];
    hash::compute(transport, Algorithm::SHA_256, b"abc", &mut digest)?;
    expect(digest == SHA256_OF_ABC, "the hash of FIPS 180-4's example")?;
    writeln!(output, "app: hash: SHA-256 of \"abc\" is {}", Hex(&digest))?;
    Ok(())
}

fn cipher<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let usage = Usage::ENCRYPT.union(Usage::DECRYPT);
    let attributes = KeyAttributes::volatile(KeyType::AES, 128, usage, Algorithm::GCM);
    let id = key::generate(transport, &attributes)?;
    let (mut sealed, mut opened) = ([0; 64], [0; 64]);
    let parameters = aead::AeadParameters {
        key: id,
        algorithm: Algorithm::GCM,
        nonce: &[7; 12],
        additional_data: b"header",
    };
    let len = aead::encrypt(transport, &parameters, b"a secret", &mut sealed)?;
    let sealed_bytes = sealed
        .get(..len)
        .ok_or(Failure::Unexpected("a ciphertext that fits"))?;
    let opened_len = aead::decrypt(transport, &parameters, sealed_bytes, &mut opened)?;
    expect(
        opened.get(..opened_len) == Some(b"a secret"),
        "the plaintext again",
    )?;
    if let Some(byte) = sealed.first_mut() {
        *byte ^= 1;
    }
    let forged = sealed.get(..len).unwrap_or_default();
    let refused = aead::decrypt(transport, &parameters, forged, &mut opened);
    expect(
        refused == Err(Error::InvalidSignature),
        "a forged ciphertext to be refused",
    )?;
    key::destroy(transport, id)?;
    writeln!(
        output,
        "app: cipher: AES-128-GCM opened what it sealed, forgery refused"
    )?;
    Ok(())
}

const ECDSA: Algorithm = Algorithm::ecdsa(Algorithm::SHA_256);
const SIGNING_KEY: KeyId = KeyId(0x1001);

fn signing<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let kept = match key::generate(transport, &signing_attributes()) {
        Ok(_) => "new",
        // A persistent key is there from the first boot on.
        Err(Error::AlreadyExists) => "kept from an earlier boot",
        Err(error) => return Err(error.into()),
    };
    let mut signature = [0; 64];
    let message = b"signed inside, verified anywhere";
    sign::message(transport, SIGNING_KEY, ECDSA, message, &mut signature)?;
    sign::verify_message(transport, SIGNING_KEY, ECDSA, message, &signature)?;
    let altered = b"signed inside, verified nowhere!";
    let refused = sign::verify_message(transport, SIGNING_KEY, ECDSA, altered, &signature);
    expect(
        refused == Err(Error::InvalidSignature),
        "an altered message to be refused",
    )?;
    let mut private = [0; 32];
    let exported = key::export(transport, SIGNING_KEY, &mut private);
    expect(
        exported == Err(Error::NotPermitted),
        "the private key to stay inside",
    )?;
    writeln!(
        output,
        "app: sign: P-256 key {kept}; signature verified, altered message and export refused"
    )?;
    Ok(())
}

fn signing_attributes() -> KeyAttributes {
    let usage = Usage::SIGN_MESSAGE.union(Usage::VERIFY_MESSAGE);
    let kind = KeyType::ecc_key_pair(EccFamily::SECP_R1);
    KeyAttributes::volatile(kind, 256, usage, ECDSA).persistent(SIGNING_KEY)
}

fn uid(number: u64) -> Result<StorageUid, Failure> {
    StorageUid::new(number).ok_or(Failure::Unexpected("a storage uid that is not zero"))
}

fn internal_trusted_storage<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let counter = uid(1)?;
    let mut bytes = [0; 4];
    let starts = match its::get(transport, counter, 0, &mut bytes) {
        Ok(_) => u32::from_le_bytes(bytes).saturating_add(1),
        Err(Error::DoesNotExist) => 1,
        Err(error) => return Err(error.into()),
    };
    its::set(transport, counter, &starts.to_le_bytes(), CreateFlags::NONE)?;
    writeln!(
        output,
        "app: its: start number {starts}, kept in internal trusted storage"
    )?;
    Ok(())
}

fn protected_storage<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    let object = uid(2)?;
    let text = b"kept by the Protected Storage partition";
    ps::set(transport, object, text, CreateFlags::NONE)?;
    let mut read = [0; 64];
    let len = ps::get(transport, object, 0, &mut read)?;
    expect(read.get(..len) == Some(text), "what was stored")?;
    ps::remove(transport, object)?;
    let gone = ps::get(transport, object, 0, &mut read);
    expect(
        gone == Err(Error::DoesNotExist),
        "a removed object to be gone",
    )?;
    writeln!(
        output,
        "app: ps: {} bytes stored, read, removed by the partition",
        text.len()
    )?;
    Ok(())
}

/// What any application could try without leaving its own world.
fn attacks<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    _: &Options,
) -> Result<(), Failure> {
    for forged in [0x0000_0001, 0x4000_011f, 0xdead_beef] {
        let status = transport.call(Handle(forged), 1001, &[b"x"], &mut []);
        expect(!status.is_success(), "a forged handle to be refused")?;
    }
    writeln!(output, "app: attack: forged handles refused")?;
    let mut private = [0; 32];
    for builtin in [KeyId::BUILTIN_IAK, KeyId::BUILTIN_HUK] {
        let exported = key::export(transport, builtin, &mut private);
        expect(
            exported.is_err() && private == [0; 32],
            "the device's keys to stay inside",
        )?;
    }
    writeln!(
        output,
        "app: attack: export of the device's own keys refused"
    )?;
    Ok(())
}

fn token<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    options: &Options,
) -> Result<(), Failure> {
    let mut token = [0; 1024];
    let len = attest::get_token(transport, &options.challenge, &mut token)?;
    let token = token
        .get(..len)
        .ok_or(Failure::Unexpected("a token that fits"))?;
    writeln!(output, "app: challenge: {}", Hex(&options.challenge))?;
    writeln!(output, "app: token: {}", Hex(token))?;
    Ok(())
}

/// An image on trial that came this far works: it may confirm itself.
fn update<T: Transport, W: Write>(
    transport: &mut T,
    output: &mut W,
    options: &Options,
) -> Result<(), Failure> {
    let mut on_trial = false;
    for (component, _) in COMPONENTS {
        on_trial |= fwu::query(transport, component)?.state == ComponentState::Trial;
    }
    if !on_trial {
        return Ok(());
    }
    if options.accept_update {
        fwu::accept(transport)?;
        writeln!(output, "app: update: accepted, the device stays with it")?;
    } else {
        writeln!(
            output,
            "app: update: not accepted, the device goes back at its next boot"
        )?;
    }
    Ok(())
}
