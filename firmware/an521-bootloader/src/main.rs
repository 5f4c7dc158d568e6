//! The immutable bootloader of AN521: gives `ironroot-boot` this board, tells what happened, jumps.
#![no_std]
#![no_main]

#[cfg(feature = "encryption")]
mod encrypted;
#[cfg(not(feature = "encryption"))]
#[path = "not_encrypted.rs"]
mod encrypted;
#[cfg(feature = "in-place")]
#[path = "in_place.rs"]
mod layout;
#[cfg(not(feature = "in-place"))]
#[path = "ram_load.rs"]
mod layout;
#[cfg(any(feature = "recovery-smp", feature = "recovery-ymodem"))]
mod recovery;
#[cfg(not(any(feature = "recovery-smp", feature = "recovery-ymodem")))]
#[path = "no_recovery.rs"]
mod recovery;
#[cfg(feature = "sets")]
mod set;
#[cfg(not(feature = "sets"))]
#[path = "no_set.rs"]
mod set;

use ironroot_an521_common::console::{self, Word as _};
use ironroot_an521_common::{faults, memory, say};
use ironroot_boot::fault::{Cause, FaultRecord, Origin};
use ironroot_boot::otp::{self, BootFacts, OtpError, Scheme};
use ironroot_boot::{
    BootError, Device, Event, FlashMap, Image, Launched, Located, PerImage, Slot, flash_map,
    update_words,
};
use ironroot_image::{Suite, Version, suites};
use ironroot_platform::{FlashCounter, FlashRegion, HardwareCounter};
use ironroot_port_armv8m::boards::an521::{map, psram::PsramFlash};
use ironroot_port_armv8m::cpu::scb;
use ironroot_port_armv8m::cpu::start::{self, VectorTable};
use ironroot_port_armv8m::secure::fault::{self, Capture};

/// What the shared data area says of us.
const VERSION: Version = Version {
    major: 0,
    minor: 1,
    revision: 0,
    build: 0,
};

/// The signature schemes this bootloader can check; what a device uses is in its OTP.
const SUITES: &[(Scheme, &Suite)] = &[
    #[cfg(feature = "p256")]
    (Scheme::P256Sha256, &suites::P256_SHA256),
    #[cfg(feature = "ed25519")]
    (Scheme::Ed25519Sha256, &suites::ED25519_SHA256),
    #[cfg(feature = "ed25519")]
    (Scheme::Ed25519Sha512, &suites::ED25519_SHA512),
    #[cfg(feature = "ed25519")]
    (Scheme::Ed25519Pure, &suites::ED25519_PURE),
    #[cfg(feature = "rsa")]
    (Scheme::Rsa2048Sha256, &suites::RSA2048_SHA256),
    #[cfg(feature = "rsa")]
    (Scheme::Rsa3072Sha256, &suites::RSA3072_SHA256),
    #[cfg(feature = "lms")]
    (Scheme::LmsSha256, &suites::LMS_SHA256),
    // Without a signature scheme everything else can be measured, and nothing boots: a device has the hash
    // of a key, and a suite without signature refuses to do without it.
    #[cfg(not(any(
        feature = "p256",
        feature = "ed25519",
        feature = "rsa",
        feature = "lms"
    )))]
    (Scheme::P256Sha256, &suites::UNSIGNED_SHA256),
];

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: VectorTable = start::vector_table(start::reset, fault::handler(), fault::handler());

/// By reference, as `Device` has its flash, so that there is one compiled copy of the flash code.
type Counter<'f> = FlashCounter<FlashRegion<&'f mut PsramFlash>>;

#[unsafe(no_mangle)]
extern "C" fn ironroot_main() -> ! {
    scb::configure_exceptions();
    console::enable();
    say!("boot: Ironroot ", VERSION);
    recovery::if_requested();
    let entry = prepare();
    // SAFETY: `entry` is the vector table of the image just verified at that place; the wiped range is this
    // image's data and stacks.
    unsafe { start::jump_secure(entry, map::PARTITION_RAM.0, map::PARTITION_RAM.1) }
}

/// Why there is no boot.
enum Stop {
    Otp(OtpError),
    Boot(BootError),
    /// A counter, an image's place or the hand-over area is not as it must be; the number is its place in
    /// the code.
    Part(u32),
}

/// The value, or the end of this boot.
fn part<T, E>(place: u32, result: Result<T, E>) -> T {
    result.unwrap_or_else(|_| halt(&Stop::Part(place)))
}

/// Everything up to the jump. Gives the address of the secure image's vector table.
fn prepare() -> u32 {
    let map = &flash_map::AN521;
    count_boot(map);
    let facts = facts(map);
    say!("boot: lifecycle ", facts.lifecycle.words());

    let place = layout::place();
    let (mut first, mut second) = (flash(), flash());
    let launch = encrypted::opening(map, |decryption| {
        let mut device = Device {
            flash: layout::flash(),
            map,
            root_keys: &facts.root_keys,
            counters: PerImage {
                secure: counter(map, Image::Secure, &mut first),
                non_secure: counter(map, Image::NonSecure, &mut second),
            },
            suites: SUITES,
            decryption,
        };
        layout::boot(&mut device, &place)
    });
    // Where it is: a copy would lie under the verification.
    let launch = match &launch {
        Ok(launch) => launch,
        Err(error) => halt(&Stop::Boot(*error)),
    };
    // The secure image starts the non-secure one at its fixed place: what was verified must lie there.
    let expected = |window: map::Range| window.0 + map::HEADER_SIZE;
    if launch.entry(Image::NonSecure) != expected(map::NON_SECURE_IMAGE)
        || launch.entry(Image::Secure) != expected(map::SECURE_IMAGE)
    {
        halt(&Stop::Part(8));
    }
    hand_over(launch);
    launch.entry(Image::Secure)
}

/// What provisioning wrote. Apart from its caller, whose stack the verification is on top of.
#[inline(never)]
fn facts(map: &FlashMap) -> BootFacts {
    let mut otp = flash();
    let area = part(1, map.otp.of(&mut otp));
    otp::read_boot_facts(&area).unwrap_or_else(|error| halt(&Stop::Otp(error)))
}

/// One more boot: the secure image seeds its random generator with the number, records carry it.
#[inline(never)]
fn count_boot(map: &FlashMap) {
    let mut flash = flash();
    let area = part(2, map.boot_counter.of(&mut flash));
    let mut boots: Counter<'_> = part(3, FlashCounter::open(area));
    let count = part(3, boots.read()).saturating_add(1);
    part(4, boots.advance_to(count));
    faults::set_boot_count(count);
}

fn counter<'f>(map: &FlashMap, image: Image, flash: &'f mut PsramFlash) -> Counter<'f> {
    let area = part(5, map.security_counter(image).of(flash));
    part(6, FlashCounter::open(area))
}

fn flash() -> PsramFlash {
    // SAFETY: each handle is narrowed to an area of its own by the flash map, whose areas do not
    // overlap; the one given to `Device` reads and marks slots only.
    unsafe { PsramFlash::take() }
}

/// Measurements for attestation, where the secure image looks for them.
#[inline(never)]
fn hand_over(launch: &Launched<impl Located>) {
    // SAFETY: the area is outside every image's data, and the secure image does not run yet.
    let area = unsafe { memory::bytes(map::SHARED_DATA) };
    area.fill(0);
    part(7, launch.write_shared_data(area, VERSION));
}

/// One line for each event; refusals go into the fault record too.
fn tell(event: &Event) {
    let of_slot = |image, slot| {
        "boot: ".print();
        name(image).print();
        " slot ".print();
        letter(slot).print();
    };
    match *event {
        Event::Found {
            image,
            slot,
            state,
            standing,
        } => {
            if let Some(version) = state.version() {
                of_slot(image, slot);
                say!(": ", version, ", ", standing.words());
            }
        }
        Event::Refused(refused) => {
            of_slot(refused.image, refused.slot);
            say!(" refused: ", refused.reason.words());
            faults::record(FaultRecord {
                detail: refused.detail(),
                ..FaultRecord::new(Cause::BootRefused, Origin::Bootloader)
            });
        }
        Event::Verified {
            image,
            slot,
            version,
        } => {
            of_slot(image, slot);
            say!(": ", version, " verified");
        }
        Event::LastResort { image, slot } => {
            of_slot(image, slot);
            say!(" is the last resort");
        }
        Event::TrialBegins { image, slot } => {
            of_slot(image, slot);
            say!(": trial begins");
        }
        Event::Update {
            image,
            kind,
            resumed,
        } => {
            "boot: ".print();
            name(image).print();
            ": ".print();
            say!(update_words(kind), if resumed { " goes on" } else { "" });
        }
        Event::CounterRaised { image, value } => {
            say!("boot: ", name(image), " counter raised to ", value);
        }
    }
}

fn halt(stop: &Stop) -> ! {
    "boot: stopped: ".print();
    let (cause, detail) = match *stop {
        Stop::Otp(error) => {
            say!(otp_words(error));
            (Cause::RootOfTrust, 0)
        }
        Stop::Boot(BootError::NothingToBoot(image)) => {
            say!("no acceptable ", name(image), " image");
            (Cause::NothingToBoot, u32::from(image.number()))
        }
        Stop::Boot(BootError::Counter(image, _)) => {
            say!("hardware counter of the ", name(image), " image failed");
            (Cause::RootOfTrust, 0x100 | u32::from(image.number()))
        }
        Stop::Boot(BootError::Flash(_) | BootError::FaultDetected) => {
            say!("flash failed, or a decision did not hold");
            (Cause::RootOfTrust, 0x200)
        }
        Stop::Part(place) => {
            say!(
                "counter, image place or hand-over area not usable (",
                place,
                ")"
            );
            (Cause::RootOfTrust, 0x300 | place)
        }
    };
    faults::record(FaultRecord {
        detail,
        ..FaultRecord::new(cause, Origin::Bootloader)
    });
    recovery::last_resort(cause);
    stay()
}

const fn otp_words(error: OtpError) -> &'static str {
    match error {
        OtpError::Blank => "the device is not provisioned",
        OtpError::Damaged => "the provisioned record is damaged",
        OtpError::UnknownFormat => "the provisioned record has a format of a later version",
        _ => "the OTP area cannot be read",
    }
}

/// Nothing can be trusted to run: wait for a person. A reset would only come back here.
fn stay() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

const fn name(image: Image) -> &'static str {
    match image {
        Image::Secure => "secure",
        Image::NonSecure => "non-secure",
    }
}

const fn letter(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "a",
        Slot::B => "b",
    }
}

#[unsafe(no_mangle)]
fn ironroot_fault_fatal(capture: &Capture) -> ! {
    faults::record(faults::from_capture(capture, Origin::Bootloader));
    stay()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    faults::record(FaultRecord::new(Cause::Panic, Origin::Bootloader));
    stay()
}
