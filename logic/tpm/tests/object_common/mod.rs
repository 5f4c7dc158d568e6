//! Templates of objects, and commands about objects, for the tests of both.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a part of each test binary, not a library"
)]

use crate::common::{Auth, Command, Machine, Start, cc, crypto, rh};

/// `TPMA_OBJECT`
pub mod attr {
    pub const FIXED_TPM: u32 = 1 << 1;
    pub const ST_CLEAR: u32 = 1 << 2;
    pub const FIXED_PARENT: u32 = 1 << 4;
    pub const ORIGIN: u32 = 1 << 5;
    pub const USER: u32 = 1 << 6;
    pub const ADMIN_POLICY: u32 = 1 << 7;
    pub const FIRMWARE_LIMITED: u32 = 1 << 8;
    pub const SVN_LIMITED: u32 = 1 << 9;
    pub const NO_DA: u32 = 1 << 10;
    pub const ENCRYPTED_DUPLICATION: u32 = 1 << 11;
    pub const RESTRICTED: u32 = 1 << 16;
    pub const DECRYPT: u32 = 1 << 17;
    pub const SIGN: u32 = 1 << 18;
    /// It stays where it is.
    pub const FIXED: u32 = FIXED_TPM | FIXED_PARENT;
}

/// Response codes that the kit does not name.
pub mod bad {
    pub const SEQUENCE: u32 = 0x103;
    pub const NV_SPACE: u32 = 0x14b;
    pub const NV_DEFINED: u32 = 0x14c;
    pub const SENSITIVE: u32 = 0x155;
    pub const KEY_SIZE: u32 = 0x087;
    pub const TYPE: u32 = 0x08a;
    pub const KDF: u32 = 0x08c;
    pub const SCHEME: u32 = 0x092;
    pub const KEY: u32 = 0x09c;
    pub const BINDING: u32 = 0x0a5;
    pub const CURVE: u32 = 0x0a6;
    pub const ECC_POINT: u32 = 0x0a7;
}

pub const IMPORT: u32 = 0x156;
pub const REWRAP: u32 = 0x152;
pub const OBJECT_CHANGE_AUTH: u32 = 0x150;
pub const MAKE_CREDENTIAL: u32 = 0x168;
pub const ACTIVATE_CREDENTIAL: u32 = 0x147;

const RSA: u16 = 0x01;
const HMAC: u16 = 0x05;
const AES: u16 = 0x06;
const KEYED_HASH: u16 = 0x08;
const XOR: u16 = 0x0a;
pub const SHA1: u16 = 0x04;
pub const SHA256: u16 = 0x0b;
pub const SHA384: u16 = 0x0c;
pub const SHA512: u16 = 0x0d;
pub const NULL: u16 = 0x10;
pub const RSASSA: u16 = 0x14;
pub const OAEP: u16 = 0x17;
pub const ECDSA: u16 = 0x18;
pub const ECDH: u16 = 0x19;
const SP800_108: u16 = 0x22;
const ECC: u16 = 0x23;
const SYM_CIPHER: u16 = 0x25;
pub const CFB: u16 = 0x43;
pub const CBC: u16 = 0x42;

/// A public area, piece by piece.
#[derive(Clone)]
pub struct Template {
    pub kind: u16,
    pub name_alg: u16,
    pub attributes: u32,
    pub policy: Vec<u8>,
    pub parameters: Vec<u8>,
    pub unique: Vec<u8>,
}

pub fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

impl Template {
    fn new(kind: u16, attributes: u32, parameters: Vec<u8>, unique: Vec<u8>) -> Self {
        Self {
            kind,
            name_alg: SHA256,
            attributes,
            policy: Vec::new(),
            parameters,
            unique,
        }
    }

    /// A storage key on P-256, as SRKs are.
    pub fn storage() -> Self {
        let attributes = attr::FIXED
            | attr::ORIGIN
            | attr::USER
            | attr::NO_DA
            | attr::RESTRICTED
            | attr::DECRYPT;
        Self::new(
            ECC,
            attributes,
            words(&[AES, 128, CFB, NULL, 3, NULL]),
            vec![0; 4],
        )
    }

    /// A storage key of RSA.
    pub fn storage_rsa(bits: u16) -> Self {
        Self {
            kind: RSA,
            parameters: words(&[AES, 128, CFB, NULL, bits, 0, 0]),
            unique: vec![0; 2],
            ..Self::storage()
        }
    }

    /// A symmetric storage key.
    pub fn storage_aes() -> Self {
        Self {
            kind: SYM_CIPHER,
            parameters: words(&[AES, 128, CFB]),
            unique: vec![0; 2],
            ..Self::storage()
        }
    }

    /// A signing key on that curve.
    pub fn signing(curve: u16) -> Self {
        let attributes = attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::SIGN;
        Self::new(
            ECC,
            attributes,
            words(&[NULL, ECDSA, SHA256, curve, NULL]),
            vec![0; 4],
        )
    }

    /// A signing key of RSA.
    pub fn signing_rsa(bits: u16) -> Self {
        let attributes = attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::SIGN;
        Self::new(
            RSA,
            attributes,
            words(&[NULL, RSASSA, SHA256, bits, 0, 0]),
            vec![0; 2],
        )
    }

    /// Sealed data.
    pub fn sealed() -> Self {
        let attributes = attr::FIXED | attr::USER | attr::NO_DA;
        Self::new(KEYED_HASH, attributes, words(&[NULL]), vec![0; 2])
    }

    /// A key of HMAC.
    pub fn hmac() -> Self {
        let attributes = attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::SIGN;
        Self::new(KEYED_HASH, attributes, words(&[HMAC, SHA256]), vec![0; 2])
    }

    /// A key of AES.
    pub fn cipher(bits: u16) -> Self {
        let attributes = attr::FIXED | attr::ORIGIN | attr::USER | attr::NO_DA | attr::DECRYPT;
        Self::new(SYM_CIPHER, attributes, words(&[AES, bits, CFB]), vec![0; 2])
    }

    /// A parent of derived keys.
    pub fn derivation() -> Self {
        Self {
            kind: KEYED_HASH,
            parameters: words(&[XOR, SHA256, SP800_108]),
            unique: vec![0; 2],
            ..Self::storage()
        }
    }

    pub fn with(mut self, attributes: u32) -> Self {
        self.attributes |= attributes;
        self
    }

    pub fn without(mut self, attributes: u32) -> Self {
        self.attributes &= !attributes;
        self
    }

    pub fn name_alg(mut self, name_alg: u16) -> Self {
        self.name_alg = name_alg;
        self
    }

    pub fn policy(mut self, policy: &[u8]) -> Self {
        self.policy = policy.to_vec();
        self
    }

    pub fn parameters(mut self, parameters: &[u16]) -> Self {
        self.parameters = words(parameters);
        self
    }

    pub fn unique(mut self, unique: &[u8]) -> Self {
        self.unique = unique.to_vec();
        self
    }

    /// It may be duplicated with a policy of the command's code.
    pub fn movable(self) -> Self {
        self.without(attr::FIXED).policy(&duplication_policy())
    }

    pub fn bytes(&self) -> Vec<u8> {
        [
            &words(&[self.kind, self.name_alg])[..],
            &self.attributes.to_be_bytes(),
            &sized(&self.policy),
            &self.parameters,
            &self.unique,
        ]
        .concat()
    }
}

/// PolicyCommandCode(Duplicate).
pub fn duplication_policy() -> Vec<u8> {
    let parts: [&[u8]; 3] = [
        &[0; 32],
        &cc::POLICY_COMMAND_CODE.to_be_bytes(),
        &cc::DUPLICATE.to_be_bytes(),
    ];
    crypto::hash(crypto::Hash::Sha256, &parts)
}

/// A `TPMT_SENSITIVE`.
pub fn sensitive(kind: u16, auth: &[u8], seed: &[u8], data: &[u8]) -> Vec<u8> {
    [words(&[kind]), sized(auth), sized(seed), sized(data)].concat()
}

/// What CreatePrimary and CreateLoaded give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub handle: u32,
    pub private: Vec<u8>,
    pub public: Vec<u8>,
    pub creation: Vec<u8>,
    pub creation_hash: Vec<u8>,
    pub ticket: Vec<u8>,
    pub name: Vec<u8>,
}

/// What Create gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub private: Vec<u8>,
    pub public: Vec<u8>,
    pub creation: Vec<u8>,
    pub creation_hash: Vec<u8>,
    pub ticket: Vec<u8>,
}

/// The command CreatePrimary or Create.
pub fn creation(code: u32, parent: u32, template: &[u8], auth: &[u8], data: &[u8]) -> Command {
    Command::new(code)
        .handle(parent)
        .sized(&[sized(auth), sized(data)].concat())
        .sized(template)
        .sized(b"outside")
        .u32(0)
}

pub fn try_primary(
    machine: &mut Machine,
    hierarchy: u32,
    template: &Template,
    auth: &[u8],
    data: &[u8],
) -> Result<Loaded, u32> {
    let command = creation(cc::CREATE_PRIMARY, hierarchy, &template.bytes(), auth, data);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    let mut reader = reply.reader();
    let made = Loaded {
        handle: reply.handle,
        private: Vec::new(),
        public: reader.sized().to_vec(),
        creation: reader.sized().to_vec(),
        creation_hash: reader.sized().to_vec(),
        ticket: {
            let head = reader.take(6).to_vec();
            [head, sized(reader.sized())].concat()
        },
        name: reader.sized().to_vec(),
    };
    reader.end();
    Ok(made)
}

/// A primary object of the owner.
pub fn primary(machine: &mut Machine, template: &Template) -> Loaded {
    try_primary(machine, rh::OWNER, template, b"", b"").expect("the primary object is made")
}

pub fn try_create(
    machine: &mut Machine,
    parent: u32,
    template: &Template,
    auth: &[u8],
    data: &[u8],
) -> Result<Created, u32> {
    let command = creation(cc::CREATE, parent, &template.bytes(), auth, data);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    let mut reader = reply.reader();
    let made = Created {
        private: reader.sized().to_vec(),
        public: reader.sized().to_vec(),
        creation: reader.sized().to_vec(),
        creation_hash: reader.sized().to_vec(),
        ticket: {
            let head = reader.take(6).to_vec();
            [head, sized(reader.sized())].concat()
        },
    };
    reader.end();
    Ok(made)
}

pub fn try_load(
    machine: &mut Machine,
    parent: u32,
    private: &[u8],
    public: &[u8],
) -> Result<u32, u32> {
    let command = Command::new(cc::LOAD)
        .handle(parent)
        .sized(private)
        .sized(public);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    assert_eq!(reply.reader().sized(), name_of(public));
    Ok(reply.handle)
}

/// Made under a parent, and loaded.
pub fn child(
    machine: &mut Machine,
    parent: u32,
    template: &Template,
    auth: &[u8],
    data: &[u8],
) -> (u32, Created) {
    let made = try_create(machine, parent, template, auth, data).expect("the object is made");
    let handle =
        try_load(machine, parent, &made.private, &made.public).expect("the object is loaded");
    (handle, made)
}

pub fn try_create_loaded(
    machine: &mut Machine,
    parent: u32,
    template: &[u8],
    auth: &[u8],
    data: &[u8],
) -> Result<Loaded, u32> {
    let command = Command::new(cc::CREATE_LOADED)
        .handle(parent)
        .sized(&[sized(auth), sized(data)].concat())
        .sized(template);
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    let mut reader = reply.reader();
    let made = Loaded {
        handle: reply.handle,
        private: reader.sized().to_vec(),
        public: reader.sized().to_vec(),
        creation: Vec::new(),
        creation_hash: Vec::new(),
        ticket: Vec::new(),
        name: reader.sized().to_vec(),
    };
    reader.end();
    Ok(made)
}

pub fn load_external(
    machine: &mut Machine,
    sensitive: &[u8],
    public: &[u8],
    hierarchy: u32,
) -> Result<u32, u32> {
    let command = Command::new(cc::LOAD_EXTERNAL)
        .sized(sensitive)
        .sized(public)
        .u32(hierarchy);
    Ok(machine.send(&command, &mut [])?.handle)
}

/// Public area, name, qualified name.
pub fn read_public(machine: &mut Machine, handle: u32) -> Result<[Vec<u8>; 3], u32> {
    let reply = machine.send(&Command::new(cc::READ_PUBLIC).handle(handle), &mut [])?;
    let mut reader = reply.reader();
    let parts = [
        reader.sized().to_vec(),
        reader.sized().to_vec(),
        reader.sized().to_vec(),
    ];
    reader.end();
    Ok(parts)
}

pub fn unseal(machine: &mut Machine, handle: u32, auth: &[u8]) -> Result<Vec<u8>, u32> {
    let reply = machine.send(
        &Command::new(cc::UNSEAL).handle(handle),
        &mut [Auth::password(auth)],
    )?;
    Ok(reply.reader().sized().to_vec())
}

pub fn evict(machine: &mut Machine, auth: u32, object: u32, persistent: u32) -> Result<(), u32> {
    let command = Command::new(cc::EVICT_CONTROL)
        .handle(auth)
        .handle(object)
        .u32(persistent);
    machine
        .send(&command, &mut [Auth::password(b"")])
        .map(|_| ())
}

/// Duplicate's answer: inner key, duplicate, encrypted seed.
pub fn duplicate(
    machine: &mut Machine,
    object: u32,
    new_parent: u32,
    key: &[u8],
    symmetric: &[u16],
) -> Result<[Vec<u8>; 3], u32> {
    let mut session = machine.start(Start::policy());
    machine
        .policy(cc::POLICY_COMMAND_CODE, &session, |command| {
            command.u32(cc::DUPLICATE)
        })
        .expect("the policy is extended");
    let name = read_public(machine, object)?[1].clone();
    let parent_name = match new_parent {
        rh::NULL => rh::NULL.to_be_bytes().to_vec(),
        parent => read_public(machine, parent)?[1].clone(),
    };
    let command = Command::new(cc::DUPLICATE)
        .named(object, &name)
        .named(new_parent, &parent_name)
        .sized(key)
        .raw(&words(symmetric));
    let handle = session.handle;
    let answer = machine.send(&command, &mut [session.auth(b"").without_auth().into()]);
    let _ = machine.flush(handle);
    let answer = answer?;
    let mut reader = answer.reader();
    let parts = [
        reader.sized().to_vec(),
        reader.sized().to_vec(),
        reader.sized().to_vec(),
    ];
    reader.end();
    Ok(parts)
}

pub fn import(
    machine: &mut Machine,
    parent: u32,
    key: &[u8],
    public: &[u8],
    duplicate: &[u8],
    seed: &[u8],
    symmetric: &[u16],
) -> Result<Vec<u8>, u32> {
    let command = Command::new(IMPORT)
        .handle(parent)
        .sized(key)
        .sized(public)
        .sized(duplicate)
        .sized(seed)
        .raw(&words(symmetric));
    let reply = machine.send(&command, &mut [Auth::password(b"")])?;
    Ok(reply.reader().sized().to_vec())
}

/// The name that a public area has: worked out here.
pub fn name_of(public: &[u8]) -> Vec<u8> {
    let alg = u16::from_be_bytes([public[2], public[3]]);
    [&alg.to_be_bytes(), &hash(alg, &[public])[..]].concat()
}

pub fn hash(alg: u16, parts: &[&[u8]]) -> Vec<u8> {
    let hash = match alg {
        #[cfg(feature = "full")]
        SHA1 => crypto::Hash::Sha1,
        SHA256 => crypto::Hash::Sha256,
        SHA384 => crypto::Hash::Sha384,
        SHA512 => crypto::Hash::Sha512,
        _ => panic!("no hash {alg:#x}"),
    };
    crypto::hash(hash, parts)
}

/// The vector of that name (tests/vectors/objects.txt).
pub fn vector(key: &str) -> Vec<u8> {
    let (_, text) = include_str!("../vectors/objects.txt")
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .find(|(name, _)| *name == key)
        .expect("there is such a vector");
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
