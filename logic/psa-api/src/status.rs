//! Status codes: what every PSA function returns.
//!
//! [`Status`] is the number as it crosses a boundary: any `i32`, zero or positive for success.
//! [`Error`] is the closed list of failures that our code produces. PSA Status code API 1.0 and the
//! additions of the Crypto and Firmware Update APIs.

use core::fmt;

/// A `psa_status_t` as it travels: zero or positive is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
#[repr(transparent)]
pub struct Status(pub i32);

impl Status {
    /// `PSA_SUCCESS`.
    pub const SUCCESS: Self = Self(0);
    /// `PSA_SUCCESS_REBOOT` (Firmware Update): done, takes effect at the next system reset.
    pub const SUCCESS_REBOOT: Self = Self(1);
    /// `PSA_SUCCESS_RESTART` (Firmware Update): done, takes effect when the component restarts.
    pub const SUCCESS_RESTART: Self = Self(2);

    /// Whether it reports success.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// Success or the failure it names.
    ///
    /// # Errors
    /// The named [`Error`]; a negative number that no PSA document names becomes
    /// [`Error::GenericError`].
    pub const fn ok(self) -> Result<(), Error> {
        if self.0 >= 0 {
            Ok(())
        } else {
            Err(Error::from_code(self.0))
        }
    }

    /// The four bytes as they stand in memory and in a register.
    #[must_use]
    pub const fn to_register(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// What a register holds.
    pub const fn from_register(register: u32) -> Self {
        Self(register.cast_signed())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.status()
    }
}

impl<T> From<Result<T, Error>> for Status {
    fn from(result: Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::SUCCESS,
            Err(error) => error.status(),
        }
    }
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a PSA call failed. The discriminant is the `psa_status_t` code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Error {
            $($(#[$doc])* $name = $code,)*
        }

        impl Error {
            /// Every error, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The error a negative code names; [`Error::GenericError`] for any other number.
            #[must_use]
            pub const fn from_code(code: i32) -> Self {
                match code {
                    $($code => Self::$name,)*
                    _ => Self::GenericError,
                }
            }

            /// The name in the PSA headers, without the `PSA_ERROR_` prefix, as written here.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

errors! {
    /// The caller broke the rules of the interface: a bad handle, vector or message type.
    ProgrammerError = -129,
    /// The service or the partition manager does not serve this caller.
    ConnectionRefused = -130,
    /// The service is busy; the same call may succeed later.
    ConnectionBusy = -131,
    /// A failure that no other code describes.
    GenericError = -132,
    /// Policy forbids it.
    NotPermitted = -133,
    /// This implementation does not offer it.
    NotSupported = -134,
    /// A parameter has a value that is never valid.
    InvalidArgument = -135,
    /// A key id or operation handle names nothing.
    InvalidHandle = -136,
    /// The call is not allowed in the present state.
    BadState = -137,
    /// An output buffer cannot hold the result.
    BufferTooSmall = -138,
    /// The object is there already.
    AlreadyExists = -139,
    /// There is no such object.
    DoesNotExist = -140,
    /// Volatile memory is used up.
    InsufficientMemory = -141,
    /// Persistent storage is used up.
    InsufficientStorage = -142,
    /// More was asked for than is left.
    InsufficientData = -143,
    /// A service that was needed failed or is gone.
    ServiceFailure = -144,
    /// Talking to another part of the system failed.
    CommunicationFailure = -145,
    /// Storage failed and what it holds may be damaged.
    StorageFailure = -146,
    /// Hardware failed.
    HardwareFailure = -147,
    /// The random source has too little entropy (Crypto API).
    InsufficientEntropy = -148,
    /// A signature, MAC or tag does not match.
    InvalidSignature = -149,
    /// Decrypted padding is wrong (Crypto API).
    InvalidPadding = -150,
    /// A state was seen that only tampering or a fault can cause.
    CorruptionDetected = -151,
    /// Stored data is damaged.
    DataCorrupt = -152,
    /// Stored data is intact and still not valid here.
    DataInvalid = -153,
    /// Another component must be updated first (Firmware Update API).
    DependencyNeeded = -156,
    /// Writing is slowed to spare the flash (Firmware Update API).
    FlashAbuse = -160,
    /// Not enough power to go on (Firmware Update API).
    InsufficientPower = -161,
    /// A step of a longer operation is done, the whole is not (`PSA_OPERATION_INCOMPLETE`).
    OperationIncomplete = -248,
}

impl Error {
    /// The answer to a non-secure call that arrives while another one is inside the secure world.
    pub const NESTED_CALL: Self = Self::ConnectionBusy;

    /// The code as it travels.
    pub const fn status(self) -> Status {
        Status(self as i32)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_survives_the_trip_through_its_code() {
        for &error in Error::ALL {
            assert_eq!(error.status().ok(), Err(error));
            assert_eq!(Error::from_code(error as i32), error);
        }
        assert_eq!(Error::ALL.len(), 29);
    }

    #[test]
    fn codes_that_no_document_names_become_the_generic_error() {
        for code in [-1, -128, -148 - 100, -256, i32::MIN] {
            let known = Error::ALL.iter().any(|&e| e as i32 == code);
            assert!(
                known || Status(code).ok() == Err(Error::GenericError),
                "{code}"
            );
        }
    }

    #[test]
    fn zero_and_positive_numbers_are_success() {
        for code in [0, 1, 2, i32::MAX] {
            assert!(Status(code).is_success());
            assert_eq!(Status(code).ok(), Ok(()));
        }
        assert!(!Status(-1).is_success());
    }

    #[test]
    fn a_status_survives_a_register() {
        for code in [0, 1, -1, -129, i32::MIN, i32::MAX] {
            assert_eq!(
                Status::from_register(Status(code).to_register()),
                Status(code)
            );
        }
    }
}
