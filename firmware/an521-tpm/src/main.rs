//! The small TPM on a Cortex-M33. The README says what it is for.
#![no_std]
#![no_main]

mod commands;
mod store;

use commands::Commands;
use ironroot_port_armv8m::say;
use ironroot_tpm::{
    Entropy, EntropyError, Memory, ObjectSlot, Profile, SessionSlot, Ticks, Tpm, UniqueKey,
};
use store::ArrayStore;

ironroot_port_armv8m::entry!(main);

/// A board without a random number generator or a clock: both count.
struct Board {
    count: u8,
}

impl Entropy for Board {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        for byte in out {
            self.count = self.count.wrapping_mul(5).wrapping_add(1);
            *byte = self.count;
        }
        Ok(())
    }
}

impl Ticks for Board {
    fn now(&mut self) -> u64 {
        0
    }
}

impl UniqueKey for Board {
    fn derive(&mut self, _purpose: &[u8], out: &mut [u8]) {
        out.fill(0x42);
    }
}

/// What the engine, its slots for objects and those for sessions take, in bytes: `cargo xtask size` reads it here.
#[used]
static MEMORY_OF_PARTS: [usize; 3] = [
    size_of::<Tpm<'_>>(),
    size_of::<[ObjectSlot; Profile::SMALL.loaded_objects]>(),
    size_of::<[SessionSlot; Profile::SMALL.loaded_sessions]>(),
];

fn main() -> u32 {
    let mut objects = [const { ObjectSlot::EMPTY }; Profile::SMALL.loaded_objects];
    let mut sessions = [const { SessionSlot::EMPTY }; Profile::SMALL.loaded_sessions];
    let mut store = ArrayStore::EMPTY;
    let mut board = Board { count: 1 };
    let [engine, objects_take, sessions_take] = MEMORY_OF_PARTS;
    say!(
        "tpm: memory: engine {engine} bytes, objects {objects_take} bytes, sessions {sessions_take} bytes"
    );
    let memory = Memory {
        objects: &mut objects,
        sessions: &mut sessions,
    };
    let Ok(mut tpm) = Tpm::new(memory, &mut store, &mut board, &Profile::SMALL) else {
        say!("tpm: it does not start");
        return 1;
    };
    if tpm.power_on().is_err() {
        say!("tpm: it has no power");
        return 1;
    }
    match Commands::new(&mut tpm).run() {
        Ok(()) => {
            say!("tpm: all done");
            0
        }
        Err(code) => {
            say!("tpm: refused with 0x{code:03x}");
            1
        }
    }
}
