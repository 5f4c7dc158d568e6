//! The client's side of sessions: what goes into the session area, and the check of what comes back.

use super::client::{Command, Reply};
use super::codes::{attribute, rh};
use super::crypto::{self, Hash};

/// How parameters are encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cipher {
    None,
    Xor,
    /// AES-CFB with a key of so many bits.
    Aes(u16),
    /// SM4-CFB.
    Sm4,
}

/// A session as the client knows it.
#[derive(Clone, Debug)]
pub struct Session {
    pub handle: u32,
    pub hash: Hash,
    pub key: Vec<u8>,
    pub cipher: Cipher,
    pub nonce_tpm: Vec<u8>,
    pub nonce_caller: Vec<u8>,
    /// What an audit session must hold: kept by the client, extended with each answer.
    pub audit_digest: Vec<u8>,
    counter: u8,
}

/// What StartAuthSession is to be asked for.
#[derive(Clone)]
pub struct Start {
    pub kind: u8,
    pub hash: Hash,
    pub cipher: Cipher,
    pub salt: Option<(u32, Vec<u8>, Vec<u8>)>,
    pub bind: Option<(u32, Vec<u8>)>,
    pub nonce_len: usize,
}

/// One entry of a session area.
pub enum Auth<'a> {
    Password(Vec<u8>),
    Session(Use<'a>),
}

/// A session, used in one command.
pub struct Use<'a> {
    pub session: &'a mut Session,
    /// Auth value of the entity that is authorised; empty for a session that authorises nothing.
    pub auth: Vec<u8>,
    /// Auth value of that entity when the answer is computed.
    pub auth_after: Option<Vec<u8>>,
    /// Whether the auth value is part of the HMAC's key.
    pub in_hmac: bool,
    /// The auth value goes in plain (PolicyPassword).
    pub plain: bool,
    /// No HMAC is sent.
    pub empty: bool,
    pub attributes: u8,
}

impl Start {
    fn new(kind: u8) -> Self {
        Self {
            kind,
            hash: Hash::Sha256,
            cipher: Cipher::None,
            salt: None,
            bind: None,
            nonce_len: 16,
        }
    }

    pub fn hmac() -> Self {
        Self::new(0)
    }

    pub fn policy() -> Self {
        Self::new(1)
    }

    pub fn trial() -> Self {
        Self::new(3)
    }

    pub fn hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }

    pub fn cipher(mut self, cipher: Cipher) -> Self {
        self.cipher = cipher;
        self
    }

    /// Bound to an entity with this auth value.
    pub fn bind(mut self, handle: u32, auth: &[u8]) -> Self {
        self.bind = Some((handle, auth.to_vec()));
        self
    }

    /// Salted: key, encrypted salt, salt.
    pub fn salt(mut self, key: u32, encrypted: &[u8], salt: &[u8]) -> Self {
        self.salt = Some((key, encrypted.to_vec(), salt.to_vec()));
        self
    }

    /// The command.
    pub fn command(&self) -> Command {
        let (key, encrypted) = self
            .salt
            .as_ref()
            .map_or((rh::NULL, &[][..]), |(key, data, _)| (*key, data));
        let bind = self.bind.as_ref().map_or(rh::NULL, |(handle, _)| *handle);
        let command = Command::new(super::cc::START_AUTH_SESSION)
            .handle(key)
            .handle(bind)
            .sized(&vec![0xc1; self.nonce_len])
            .sized(encrypted)
            .u8(self.kind);
        let command = match self.cipher {
            Cipher::None => command.u16(super::alg::NULL),
            Cipher::Xor => command.u16(super::alg::XOR).u16(number(self.hash)),
            Cipher::Aes(bits) => command.u16(super::alg::AES).u16(bits).u16(super::alg::CFB),
            Cipher::Sm4 => command.u16(super::alg::SM4).u16(128).u16(super::alg::CFB),
        };
        command.u16(number(self.hash))
    }

    /// The session, from the answer.
    pub fn finish(&self, reply: &Reply) -> Session {
        let mut reader = reply.reader();
        let nonce_tpm = reader.sized().to_vec();
        reader.end();
        let nonce_caller = vec![0xc1; self.nonce_len];
        let mut secret = self
            .bind
            .as_ref()
            .map(|(_, auth)| trimmed(auth))
            .unwrap_or_default();
        secret.extend(self.salt.iter().flat_map(|(_, _, salt)| salt));
        let keyed = self.bind.is_some() || self.salt.is_some();
        let bits = self.hash.digest_len() as u32 * 8;
        let key = match keyed {
            true => crypto::kdfa(self.hash, &secret, "ATH", &nonce_tpm, &nonce_caller, bits),
            false => Vec::new(),
        };
        Session {
            handle: reply.handle,
            hash: self.hash,
            key,
            cipher: self.cipher,
            nonce_tpm,
            nonce_caller,
            audit_digest: Vec::new(),
            counter: 0,
        }
    }
}

/// Its `TPM_ALG_ID`.
#[allow(unreachable_patterns, reason = "in a build that has no more hashes")]
pub fn number(hash: Hash) -> u16 {
    match hash {
        #[cfg(feature = "full")]
        Hash::Sha1 => super::alg::SHA1,
        Hash::Sha256 => super::alg::SHA256,
        Hash::Sha384 => super::alg::SHA384,
        Hash::Sha512 => super::alg::SHA512,
        #[cfg(feature = "full")]
        Hash::Sm3 => super::alg::SM3_256,
        #[cfg(feature = "full")]
        Hash::Sha3_256 => super::alg::SHA3_256,
        #[cfg(feature = "full")]
        Hash::Sha3_384 => super::alg::SHA3_384,
        #[cfg(feature = "full")]
        Hash::Sha3_512 => super::alg::SHA3_512,
        // Another crate of the same build has more hashes than this engine.
        #[cfg(not(feature = "full"))]
        other => panic!("{other:?} is not in this build"),
    }
}

fn trimmed(auth: &[u8]) -> Vec<u8> {
    let end = auth
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    auth[..end].to_vec()
}

impl Session {
    /// For an entity with this auth value; goes on after the command.
    pub fn auth(&mut self, auth: &[u8]) -> Use<'_> {
        Use {
            session: self,
            auth: trimmed(auth),
            auth_after: None,
            in_hmac: true,
            plain: false,
            empty: false,
            attributes: attribute::CONTINUE,
        }
    }

    /// For audit or encryption, or a policy that needs no auth value.
    pub fn plain_use(&mut self) -> Use<'_> {
        self.auth(b"")
    }

    fn roll(&mut self) {
        self.counter += 1;
        self.nonce_caller = vec![self.counter; self.nonce_caller.len()];
    }

    fn crypt(&self, auth: &[u8], newer: &[u8], older: &[u8], data: &mut [u8], encrypt: bool) {
        let key = [&self.key[..], auth].concat();
        match self.cipher {
            Cipher::None => panic!("the session has no cipher"),
            Cipher::Xor => crypto::xor(self.hash, &key, newer, older, data),
            Cipher::Aes(bits) => {
                let both =
                    crypto::kdfa(self.hash, &key, "CFB", newer, older, u32::from(bits) + 128);
                let (key, iv) = both.split_at(usize::from(bits) / 8);
                crypto::aes_cfb(key, iv, data, encrypt);
            }
            Cipher::Sm4 => {
                let both = crypto::kdfa(self.hash, &key, "CFB", newer, older, 256);
                let (key, iv) = both.split_at(16);
                crypto::cfb(crypto::CipherAlgorithm::Sm4, key, iv, data, encrypt);
            }
        }
    }
}

impl<'a> Use<'a> {
    /// The session is bound to what it authorises: the auth value is in its key already.
    pub fn bound(mut self) -> Self {
        self.in_hmac = false;
        self
    }

    /// The policy needs no auth value, though the entity has one.
    pub fn without_auth(self) -> Self {
        self.bound()
    }

    pub fn attributes(mut self, attributes: u8) -> Self {
        self.attributes = attributes;
        self
    }

    /// The command changes the auth value to this.
    pub fn auth_after(mut self, auth: &[u8]) -> Self {
        self.auth_after = Some(trimmed(auth));
        self
    }

    /// The auth value goes in plain (PolicyPassword).
    pub fn in_plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// No HMAC is sent, and none expected: a policy session without key and auth value.
    pub fn empty(mut self) -> Self {
        self.empty = true;
        self
    }

    fn hmac_key(&self, auth: &[u8]) -> Vec<u8> {
        let auth = if self.in_hmac { auth } else { &[] };
        [&self.session.key[..], auth].concat()
    }
}

impl<'a> From<Use<'a>> for Auth<'a> {
    fn from(used: Use<'a>) -> Self {
        Self::Session(used)
    }
}

impl Auth<'_> {
    pub fn password(auth: &[u8]) -> Self {
        Self::Password(auth.to_vec())
    }
}

/// The command with its session area; encrypts the first parameter if a session has the attribute.
pub fn seal(command: &Command, auths: &mut [Auth<'_>]) -> Vec<u8> {
    if auths.is_empty() {
        return command.frame(None);
    }
    let mut command = command.clone();
    for auth in auths.iter_mut() {
        if let Auth::Session(used) = auth {
            used.session.roll();
        }
    }
    for auth in auths.iter() {
        if let Auth::Session(used) = auth
            && used.attributes & attribute::DECRYPT != 0
            && command.params.len() >= 2
        {
            let len = usize::from(u16::from_be_bytes([command.params[0], command.params[1]]));
            let session = &*used.session;
            if let Some(data) = command.params.get_mut(2..2 + len) {
                session.crypt(
                    &used.auth,
                    &session.nonce_caller,
                    &session.nonce_tpm,
                    data,
                    true,
                );
            }
        }
    }
    let area = area(&command, auths);
    command.frame(Some(&area))
}

fn area(command: &Command, auths: &[Auth<'_>]) -> Vec<u8> {
    let mut area = Vec::new();
    for (index, auth) in auths.iter().enumerate() {
        match auth {
            Auth::Password(value) => {
                area.extend(rh::PASSWORD.to_be_bytes());
                area.extend([0, 0, attribute::CONTINUE]);
                area.extend((value.len() as u16).to_be_bytes());
                area.extend(value);
            }
            Auth::Session(used) => {
                let proof = proof(command, auths, index, used);
                area.extend(used.session.handle.to_be_bytes());
                area.extend((used.session.nonce_caller.len() as u16).to_be_bytes());
                area.extend(&used.session.nonce_caller);
                area.push(used.attributes);
                area.extend((proof.len() as u16).to_be_bytes());
                area.extend(proof);
            }
        }
    }
    area
}

pub fn cp_hash(hash: Hash, command: &Command) -> Vec<u8> {
    let names: Vec<u8> = command
        .handles
        .iter()
        .flat_map(|(_, name)| name.clone())
        .collect();
    crypto::hash(
        hash,
        &[&command.code.to_be_bytes(), &names, &command.params],
    )
}

fn proof(command: &Command, auths: &[Auth<'_>], index: usize, used: &Use<'_>) -> Vec<u8> {
    if used.plain {
        return used.auth.clone();
    }
    if used.empty {
        return Vec::new();
    }
    let session = &*used.session;
    let mut extra = Vec::new();
    let authorises = !command.handles.is_empty();
    if index == 0 && authorises {
        // A session that encrypts for this side only adds its nonce once, even if it does both.
        let with = |bit: u8| {
            let mut others = auths.iter().enumerate().skip(1);
            others.find_map(|(at, auth)| match auth {
                Auth::Session(other) if other.attributes & bit != 0 => {
                    Some((at, other.session.nonce_tpm.clone()))
                }
                _ => None,
            })
        };
        let (decrypt, encrypt) = (with(attribute::DECRYPT), with(attribute::ENCRYPT));
        if let Some((_, nonce)) = &decrypt {
            extra.extend(nonce);
        }
        if let Some((at, nonce)) = &encrypt
            && decrypt.as_ref().is_none_or(|(other, _)| other != at)
        {
            extra.extend(nonce);
        }
    }
    let parts = [
        &cp_hash(session.hash, command)[..],
        &session.nonce_caller,
        &session.nonce_tpm,
        &extra,
        &[used.attributes],
    ];
    crypto::hmac(session.hash, &used.hmac_key(&used.auth), &parts)
}

/// Takes a good answer apart, checks every HMAC in it and decrypts its first parameter.
pub fn open(command: &Command, sent: &[u8], auths: &mut [Auth<'_>], response: &[u8]) -> Reply {
    let tag = u16::from_be_bytes([response[0], response[1]]);
    let wanted: u16 = if auths.is_empty() { 0x8001 } else { 0x8002 };
    assert_eq!(tag, wanted, "tag of the answer");
    let mut rest = super::Reader(&response[10..]);
    let handle = if command.returns_handle() {
        rest.u32()
    } else {
        0
    };
    if auths.is_empty() {
        return Reply {
            handle,
            params: rest.0.to_vec(),
            attributes: Vec::new(),
        };
    }
    let len = rest.u32() as usize;
    let mut params = rest.take(len).to_vec();
    let encrypted = params.clone();
    let mut attributes = Vec::new();
    for auth in auths.iter_mut() {
        let nonce = rest.sized().to_vec();
        let bits = rest.u8();
        let hmac = rest.sized();
        attributes.push(bits);
        match auth {
            Auth::Password(_) => {
                assert!(
                    nonce.is_empty() && hmac.is_empty(),
                    "a password is answered with nothing"
                );
                assert_eq!(bits, attribute::CONTINUE);
            }
            Auth::Session(used) => answered(
                command,
                sent,
                used,
                &nonce,
                bits,
                hmac,
                &encrypted,
                &mut params,
            ),
        }
    }
    rest.end();
    Reply {
        handle,
        params,
        attributes,
    }
}

#[allow(clippy::too_many_arguments, reason = "one place, and each is needed")]
fn answered(
    command: &Command,
    sent: &[u8],
    used: &mut Use<'_>,
    nonce: &[u8],
    bits: u8,
    hmac: &[u8],
    encrypted: &[u8],
    params: &mut [u8],
) {
    assert_eq!(
        nonce.len(),
        used.session.nonce_caller.len(),
        "length of nonceTPM"
    );
    assert_ne!(nonce, used.session.nonce_tpm, "nonceTPM must roll");
    let auth = used.auth_after.clone().unwrap_or(used.auth.clone());
    let hash = used.session.hash;
    let rp_hash = crypto::hash(hash, &[&[0; 4], &command.code.to_be_bytes(), encrypted]);
    if used.plain || used.empty {
        assert!(hmac.is_empty(), "no HMAC is expected in this answer");
    } else {
        let parts = [&rp_hash[..], nonce, &used.session.nonce_caller, &[bits]];
        assert_eq!(
            hmac,
            crypto::hmac(hash, &used.hmac_key(&auth), &parts),
            "HMAC of the answer"
        );
    }
    if bits & attribute::AUDIT != 0 {
        let fresh =
            used.attributes & attribute::AUDIT_RESET != 0 || used.session.audit_digest.is_empty();
        if fresh {
            used.session.audit_digest = vec![0; hash.digest_len()];
        }
        let sent = Command {
            params: sent[sent.len() - command.params.len()..].to_vec(),
            ..command.clone()
        };
        let old = used.session.audit_digest.clone();
        used.session.audit_digest = crypto::hash(hash, &[&old, &cp_hash(hash, &sent), &rp_hash]);
    }
    if bits & attribute::ENCRYPT != 0 {
        let len = usize::from(u16::from_be_bytes([params[0], params[1]]));
        let session = &*used.session;
        session.crypt(
            &auth,
            nonce,
            &session.nonce_caller,
            &mut params[2..2 + len],
            false,
        );
    }
    used.session.nonce_tpm = nonce.to_vec();
}
