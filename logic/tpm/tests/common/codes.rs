//! Numbers of the specification's Part 2 that tests name.

pub mod cc {
    pub const EVICT_CONTROL: u32 = 0x120;
    pub const HIERARCHY_CONTROL: u32 = 0x121;
    pub const NV_UNDEFINE_SPACE: u32 = 0x122;
    pub const CLEAR: u32 = 0x126;
    pub const HIERARCHY_CHANGE_AUTH: u32 = 0x129;
    pub const NV_DEFINE_SPACE: u32 = 0x12a;
    pub const SET_PRIMARY_POLICY: u32 = 0x12e;
    pub const CREATE_PRIMARY: u32 = 0x131;
    pub const NV_INCREMENT: u32 = 0x134;
    pub const NV_WRITE: u32 = 0x137;
    pub const DICTIONARY_ATTACK_LOCK_RESET: u32 = 0x139;
    pub const DICTIONARY_ATTACK_PARAMETERS: u32 = 0x13a;
    pub const NV_CHANGE_AUTH: u32 = 0x13b;
    pub const PCR_RESET: u32 = 0x13d;
    pub const SEQUENCE_COMPLETE: u32 = 0x13e;
    pub const STARTUP: u32 = 0x144;
    pub const SHUTDOWN: u32 = 0x145;
    pub const STIR_RANDOM: u32 = 0x146;
    pub const POLICY_NV: u32 = 0x149;
    pub const DUPLICATE: u32 = 0x14b;
    pub const NV_READ: u32 = 0x14e;
    pub const POLICY_SECRET: u32 = 0x151;
    pub const CREATE: u32 = 0x153;
    pub const LOAD: u32 = 0x157;
    pub const SEQUENCE_UPDATE: u32 = 0x15c;
    pub const UNSEAL: u32 = 0x15e;
    pub const POLICY_SIGNED: u32 = 0x160;
    pub const CONTEXT_LOAD: u32 = 0x161;
    pub const CONTEXT_SAVE: u32 = 0x162;
    pub const FLUSH_CONTEXT: u32 = 0x165;
    pub const LOAD_EXTERNAL: u32 = 0x167;
    pub const NV_READ_PUBLIC: u32 = 0x169;
    pub const POLICY_AUTHORIZE: u32 = 0x16a;
    pub const POLICY_AUTH_VALUE: u32 = 0x16b;
    pub const POLICY_COMMAND_CODE: u32 = 0x16c;
    pub const POLICY_COUNTER_TIMER: u32 = 0x16d;
    pub const POLICY_CP_HASH: u32 = 0x16e;
    pub const POLICY_LOCALITY: u32 = 0x16f;
    pub const POLICY_NAME_HASH: u32 = 0x170;
    pub const POLICY_OR: u32 = 0x171;
    pub const POLICY_TICKET: u32 = 0x172;
    pub const READ_PUBLIC: u32 = 0x173;
    pub const START_AUTH_SESSION: u32 = 0x176;
    pub const GET_CAPABILITY: u32 = 0x17a;
    pub const GET_RANDOM: u32 = 0x17b;
    pub const HASH: u32 = 0x17d;
    pub const PCR_READ: u32 = 0x17e;
    pub const POLICY_PCR: u32 = 0x17f;
    pub const POLICY_RESTART: u32 = 0x180;
    pub const READ_CLOCK: u32 = 0x181;
    pub const PCR_EXTEND: u32 = 0x182;
    pub const HASH_SEQUENCE_START: u32 = 0x186;
    pub const POLICY_PHYSICAL_PRESENCE: u32 = 0x187;
    pub const POLICY_DUPLICATION_SELECT: u32 = 0x188;
    pub const POLICY_GET_DIGEST: u32 = 0x189;
    pub const POLICY_PASSWORD: u32 = 0x18c;
    pub const POLICY_NV_WRITTEN: u32 = 0x18f;
    pub const POLICY_TEMPLATE: u32 = 0x190;
    pub const CREATE_LOADED: u32 = 0x191;
    pub const POLICY_AUTHORIZE_NV: u32 = 0x192;
    pub const POLICY_CAPABILITY: u32 = 0x19b;
    pub const POLICY_PARAMETERS: u32 = 0x19c;
}

pub mod rh {
    pub const OWNER: u32 = 0x4000_0001;
    pub const NULL: u32 = 0x4000_0007;
    pub const PASSWORD: u32 = 0x4000_0009;
    pub const LOCKOUT: u32 = 0x4000_000a;
    pub const ENDORSEMENT: u32 = 0x4000_000b;
    pub const PLATFORM: u32 = 0x4000_000c;
}

pub mod alg {
    pub const RSA: u16 = 0x01;
    pub const SHA1: u16 = 0x04;
    pub const AES: u16 = 0x06;
    pub const KEYEDHASH: u16 = 0x08;
    pub const XOR: u16 = 0x0a;
    pub const SHA256: u16 = 0x0b;
    pub const SHA384: u16 = 0x0c;
    pub const SHA512: u16 = 0x0d;
    pub const NULL: u16 = 0x10;
    pub const SM3_256: u16 = 0x12;
    pub const SM4: u16 = 0x13;
    pub const OAEP: u16 = 0x17;
    pub const ECDSA: u16 = 0x18;
    pub const ECDH: u16 = 0x19;
    pub const ECDAA: u16 = 0x1a;
    pub const SM2: u16 = 0x1b;
    pub const ECSCHNORR: u16 = 0x1c;
    pub const ECMQV: u16 = 0x1d;
    pub const ECC: u16 = 0x23;
    pub const SYMCIPHER: u16 = 0x25;
    pub const SHA3_256: u16 = 0x27;
    pub const SHA3_384: u16 = 0x28;
    pub const SHA3_512: u16 = 0x29;
    pub const CMAC: u16 = 0x3f;
    pub const CBC: u16 = 0x42;
    pub const CFB: u16 = 0x43;
}

/// `TPMA_SESSION`.
pub mod attribute {
    pub const CONTINUE: u8 = 0x01;
    pub const AUDIT_EXCLUSIVE: u8 = 0x02;
    pub const AUDIT_RESET: u8 = 0x04;
    pub const DECRYPT: u8 = 0x20;
    pub const ENCRYPT: u8 = 0x40;
    pub const AUDIT: u8 = 0x80;
}

/// Response codes: with what they are about.
pub mod rc {
    pub const INITIALIZE: u32 = 0x100;
    pub const FAILURE: u32 = 0x101;
    pub const EXCLUSIVE: u32 = 0x121;
    pub const AUTH_TYPE: u32 = 0x124;
    pub const AUTH_MISSING: u32 = 0x125;
    pub const POLICY: u32 = 0x126;
    pub const PCR_CHANGED: u32 = 0x128;
    pub const AUTH_UNAVAILABLE: u32 = 0x12f;
    pub const COMMAND_SIZE: u32 = 0x142;
    pub const COMMAND_CODE: u32 = 0x143;
    pub const AUTHSIZE: u32 = 0x144;
    pub const AUTH_CONTEXT: u32 = 0x145;
    pub const BAD_CONTEXT: u32 = 0x150;
    pub const CPHASH: u32 = 0x151;
    pub const ATTRIBUTES: u32 = 0x082;
    pub const HASH: u32 = 0x083;
    pub const VALUE: u32 = 0x084;
    pub const HIERARCHY: u32 = 0x085;
    pub const MODE: u32 = 0x089;
    pub const HANDLE: u32 = 0x08b;
    pub const RANGE: u32 = 0x08d;
    pub const AUTH_FAIL: u32 = 0x08e;
    pub const NONCE: u32 = 0x08f;
    pub const PP: u32 = 0x090;
    pub const SIZE: u32 = 0x095;
    pub const SYMMETRIC: u32 = 0x096;
    pub const TAG: u32 = 0x097;
    pub const INSUFFICIENT: u32 = 0x09a;
    pub const POLICY_FAIL: u32 = 0x09d;
    pub const INTEGRITY: u32 = 0x09f;
    pub const TICKET: u32 = 0x0a0;
    pub const RESERVED_BITS: u32 = 0x0a1;
    pub const BAD_AUTH: u32 = 0x0a2;
    pub const EXPIRED: u32 = 0x0a3;
    pub const POLICY_CC: u32 = 0x0a4;
    pub const CONTEXT_GAP: u32 = 0x901;
    pub const OBJECT_MEMORY: u32 = 0x902;
    pub const SESSION_MEMORY: u32 = 0x903;
    pub const SESSION_HANDLES: u32 = 0x905;
    pub const LOCALITY: u32 = 0x907;
    pub const REFERENCE_H0: u32 = 0x910;
    pub const REFERENCE_S0: u32 = 0x918;
    pub const LOCKOUT: u32 = 0x921;
    pub const NV_UNAVAILABLE: u32 = 0x923;

    /// A code of format one about parameter `number`.
    pub const fn parameter(code: u32, number: u32) -> u32 {
        code | 0x40 | number << 8
    }

    /// A code of format one about handle `number`.
    pub const fn handle(code: u32, number: u32) -> u32 {
        code | number << 8
    }

    /// A code of format one about session `number`.
    pub const fn session(code: u32, number: u32) -> u32 {
        code | 0x800 | number << 8
    }
}
