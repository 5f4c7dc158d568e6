//! Numbers of Part 2 that the model names.

pub(crate) mod cc {
    pub(crate) const EVICT_CONTROL: u32 = 0x120;
    pub(crate) const HIERARCHY_CONTROL: u32 = 0x121;
    pub(crate) const NV_UNDEFINE_SPACE: u32 = 0x122;
    pub(crate) const CHANGE_EPS: u32 = 0x124;
    pub(crate) const CHANGE_PPS: u32 = 0x125;
    pub(crate) const CLEAR: u32 = 0x126;
    pub(crate) const CLEAR_CONTROL: u32 = 0x127;
    pub(crate) const CLOCK_SET: u32 = 0x128;
    pub(crate) const HIERARCHY_CHANGE_AUTH: u32 = 0x129;
    pub(crate) const NV_DEFINE_SPACE: u32 = 0x12a;
    pub(crate) const PCR_ALLOCATE: u32 = 0x12b;
    pub(crate) const CREATE_PRIMARY: u32 = 0x131;
    pub(crate) const NV_GLOBAL_WRITE_LOCK: u32 = 0x132;
    pub(crate) const NV_INCREMENT: u32 = 0x134;
    pub(crate) const NV_SET_BITS: u32 = 0x135;
    pub(crate) const NV_EXTEND: u32 = 0x136;
    pub(crate) const NV_WRITE: u32 = 0x137;
    pub(crate) const NV_WRITE_LOCK: u32 = 0x138;
    pub(crate) const LOCK_RESET: u32 = 0x139;
    pub(crate) const LOCKOUT_PARAMETERS: u32 = 0x13a;
    pub(crate) const PCR_EVENT: u32 = 0x13c;
    pub(crate) const PCR_RESET: u32 = 0x13d;
    pub(crate) const SEQUENCE_COMPLETE: u32 = 0x13e;
    pub(crate) const STARTUP: u32 = 0x144;
    pub(crate) const SHUTDOWN: u32 = 0x145;
    pub(crate) const NV_READ: u32 = 0x14e;
    pub(crate) const NV_READ_LOCK: u32 = 0x14f;
    pub(crate) const CREATE: u32 = 0x153;
    pub(crate) const HMAC: u32 = 0x155;
    pub(crate) const LOAD: u32 = 0x157;
    pub(crate) const HMAC_START: u32 = 0x15b;
    pub(crate) const SEQUENCE_UPDATE: u32 = 0x15c;
    pub(crate) const UNSEAL: u32 = 0x15e;
    pub(crate) const CONTEXT_LOAD: u32 = 0x161;
    pub(crate) const CONTEXT_SAVE: u32 = 0x162;
    pub(crate) const FLUSH_CONTEXT: u32 = 0x165;
    pub(crate) const NV_READ_PUBLIC: u32 = 0x169;
    pub(crate) const POLICY_AUTH_VALUE: u32 = 0x16b;
    pub(crate) const POLICY_COMMAND_CODE: u32 = 0x16c;
    pub(crate) const READ_PUBLIC: u32 = 0x173;
    pub(crate) const START_AUTH_SESSION: u32 = 0x176;
    pub(crate) const GET_CAPABILITY: u32 = 0x17a;
    pub(crate) const GET_RANDOM: u32 = 0x17b;
    pub(crate) const HASH: u32 = 0x17d;
    pub(crate) const PCR_READ: u32 = 0x17e;
    pub(crate) const POLICY_PCR: u32 = 0x17f;
    pub(crate) const POLICY_RESTART: u32 = 0x180;
    pub(crate) const READ_CLOCK: u32 = 0x181;
    pub(crate) const PCR_EXTEND: u32 = 0x182;
    pub(crate) const EVENT_SEQUENCE_COMPLETE: u32 = 0x185;
    pub(crate) const HASH_SEQUENCE_START: u32 = 0x186;
    pub(crate) const POLICY_GET_DIGEST: u32 = 0x189;
    pub(crate) const POLICY_PASSWORD: u32 = 0x18c;

    /// Commands that only read: what an orderly shutdown kept stays good after them.
    pub(crate) const READ_ONLY: [u32; 8] = [
        SHUTDOWN,
        NV_READ_PUBLIC,
        READ_PUBLIC,
        GET_CAPABILITY,
        GET_RANDOM,
        HASH,
        PCR_READ,
        READ_CLOCK,
    ];
}

pub(crate) mod rh {
    pub(crate) const OWNER: u32 = 0x4000_0001;
    pub(crate) const NULL: u32 = 0x4000_0007;
    pub(crate) const PASSWORD: u32 = 0x4000_0009;
    pub(crate) const LOCKOUT: u32 = 0x4000_000a;
    pub(crate) const ENDORSEMENT: u32 = 0x4000_000b;
    pub(crate) const PLATFORM: u32 = 0x4000_000c;
    pub(crate) const PLATFORM_NV: u32 = 0x4000_000d;
}

/// Response codes.
pub(crate) mod rc {
    pub(crate) const INITIALIZE: u32 = 0x100;
    pub(crate) const SEQUENCE: u32 = 0x103;
    pub(crate) const DISABLED: u32 = 0x120;
    pub(crate) const AUTH_TYPE: u32 = 0x124;
    pub(crate) const PCR: u32 = 0x127;
    pub(crate) const PCR_CHANGED: u32 = 0x128;
    pub(crate) const AUTH_UNAVAILABLE: u32 = 0x12f;
    pub(crate) const NV_RANGE: u32 = 0x146;
    pub(crate) const NV_LOCKED: u32 = 0x148;
    pub(crate) const NV_AUTHORIZATION: u32 = 0x149;
    pub(crate) const NV_UNINITIALIZED: u32 = 0x14a;
    pub(crate) const NV_SPACE: u32 = 0x14b;
    pub(crate) const NV_DEFINED: u32 = 0x14c;
    pub(crate) const ATTRIBUTES: u32 = 0x082;
    pub(crate) const VALUE: u32 = 0x084;
    pub(crate) const HIERARCHY: u32 = 0x085;
    pub(crate) const MODE: u32 = 0x089;
    pub(crate) const TYPE: u32 = 0x08a;
    pub(crate) const HANDLE: u32 = 0x08b;
    pub(crate) const RANGE: u32 = 0x08d;
    pub(crate) const AUTH_FAIL: u32 = 0x08e;
    pub(crate) const SIZE: u32 = 0x095;
    pub(crate) const POLICY_FAIL: u32 = 0x09d;
    pub(crate) const INTEGRITY: u32 = 0x09f;
    pub(crate) const BAD_AUTH: u32 = 0x0a2;
    pub(crate) const POLICY_CC: u32 = 0x0a4;
    pub(crate) const OBJECT_MEMORY: u32 = 0x902;
    pub(crate) const SESSION_MEMORY: u32 = 0x903;
    pub(crate) const SESSION_HANDLES: u32 = 0x905;
    pub(crate) const LOCALITY: u32 = 0x907;
    pub(crate) const REFERENCE_H0: u32 = 0x910;
    pub(crate) const REFERENCE_S0: u32 = 0x918;
    pub(crate) const LOCKOUT: u32 = 0x921;
    pub(crate) const NV_UNAVAILABLE: u32 = 0x923;

    pub(crate) const fn parameter(code: u32, number: u32) -> u32 {
        code | 0x40 | number << 8
    }

    pub(crate) const fn handle(code: u32, number: u32) -> u32 {
        code | number << 8
    }

    pub(crate) const fn session(code: u32, number: u32) -> u32 {
        code | 0x800 | number << 8
    }
}

/// `TPMA_NV`.
pub(crate) mod nv {
    pub(crate) const PP_WRITE: u32 = 1;
    pub(crate) const OWNER_WRITE: u32 = 1 << 1;
    pub(crate) const AUTH_WRITE: u32 = 1 << 2;
    pub(crate) const POLICY_WRITE: u32 = 1 << 3;
    pub(crate) const POLICY_DELETE: u32 = 1 << 10;
    pub(crate) const WRITE_LOCKED: u32 = 1 << 11;
    pub(crate) const WRITE_ALL: u32 = 1 << 12;
    pub(crate) const WRITE_DEFINE: u32 = 1 << 13;
    pub(crate) const WRITE_ST_CLEAR: u32 = 1 << 14;
    pub(crate) const GLOBAL_LOCK: u32 = 1 << 15;
    pub(crate) const PP_READ: u32 = 1 << 16;
    pub(crate) const OWNER_READ: u32 = 1 << 17;
    pub(crate) const AUTH_READ: u32 = 1 << 18;
    pub(crate) const POLICY_READ: u32 = 1 << 19;
    pub(crate) const NO_DA: u32 = 1 << 25;
    pub(crate) const ORDERLY: u32 = 1 << 26;
    pub(crate) const CLEAR_ST_CLEAR: u32 = 1 << 27;
    pub(crate) const READ_LOCKED: u32 = 1 << 28;
    pub(crate) const WRITTEN: u32 = 1 << 29;
    pub(crate) const PLATFORM_CREATE: u32 = 1 << 30;
    pub(crate) const READ_ST_CLEAR: u32 = 1 << 31;
}
