//! Who owns which memory and device: one table for attribution (SAU), memory gates (MPC) and
//! peripheral gates (PPC), and the order in which they are locked.
//!
//! A range given to the non-secure world must be named twice, by the SAU (it may be addressed) and
//! by its gate (it answers). [`GIVEN`] is the only place that names memory, and both are derived from it.
//! Arm SSE-200 Technical Reference Manual, sections 3.5 (secure privilege control) and 3.6 (MPC).

use super::map::{self, Range};
use crate::cpu::{mmio::Register, sau};

/// One memory range that belongs to the non-secure world.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Addresses at the non-secure alias.
    pub range: Range,
    /// Base address of the memory's gate.
    gate: u32,
    /// First address behind that gate, non-secure alias.
    gate_start: u32,
}

/// Everything the non-secure world gets. All else stays secure.
pub const GIVEN: [Given; 2] = [
    Given {
        range: map::NON_SECURE_IMAGE,
        gate: SSRAM1_GATE,
        gate_start: 0x0000_0000,
    },
    Given {
        range: map::NON_SECURE_RAM,
        gate: SSRAM2_GATE,
        gate_start: 0x2800_0000,
    },
];

/// The same ranges for the client memory check: buffers of the non-secure world lie in these only.
pub const NON_SECURE_MEMORY: [Range; 2] = [GIVEN[0].range, GIVEN[1].range];

const SSRAM1_GATE: u32 = 0x5800_7000;
const SSRAM2_GATE: u32 = 0x5800_8000;
const SSRAM3_GATE: u32 = 0x5800_9000;
/// Gates of the four internal SRAM banks: never opened.
const SRAM_GATES: [u32; 4] = [0x5008_3000, 0x5008_4000, 0x5008_5000, 0x5008_6000];

const fn register(address: u32) -> Register {
    // SAFETY: the callers name registers of this board's protection controllers, word-aligned.
    unsafe { Register::at(address) }
}

/// Secure privilege control block.
const NSC_CONFIGURATION: Register = register(CALLABLE_CONFIGURATION);
/// NSCCFG: bit 0 makes the code region's gateway stubs callable. The gates close themselves by it while a
/// service runs.
pub const CALLABLE_CONFIGURATION: u32 = 0x5008_0014;
const APB_EXPANSION_1_NON_SECURE: Register = register(0x5008_0084);
/// UART 0 in that register.
const UART0: u32 = 1 << 5;

/// Memory gate: offsets of its registers.
mod gate {
    pub(super) const CONTROL: u32 = 0x00;
    pub(super) const BLOCK_CONFIGURATION: u32 = 0x14;
    pub(super) const BLOCK_INDEX: u32 = 0x18;
    pub(super) const BLOCK_TABLE: u32 = 0x1C;
    /// Answer a refused access with a bus error instead of zeros.
    pub(super) const BUS_ERROR: u32 = 1 << 4;
    /// Move to the next word of the table after each access.
    pub(super) const AUTO_INCREMENT: u32 = 1 << 8;
    /// No more changes until reset.
    pub(super) const LOCK: u32 = 1 << 31;
}

/// Step 1, before anything of the other world exists: attribution, memory gates, device gates.
/// `callable` is the range of the secure gateway stubs.
pub fn configure(callable: Range) {
    let region = |range: Range, callable| sau::Region {
        base: range.0,
        end: range.1,
        callable,
    };
    sau::configure(&[
        region(GIVEN[0].range, false),
        region(GIVEN[1].range, false),
        region(map::NON_SECURE_DEVICES, false),
        region(callable, true),
    ]);
    // The IDAU has a say on callable memory too: code region only.
    NSC_CONFIGURATION.write(1);
    for given in GIVEN {
        open(given);
    }
    for address in SRAM_GATES
        .iter()
        .chain(&[SSRAM1_GATE, SSRAM2_GATE, SSRAM3_GATE])
    {
        register(*address).modify(|value| value | gate::BUS_ERROR);
    }
    // One device is the other world's: its console. DMA controllers, the fourth ahead, stay secure.
    APB_EXPANSION_1_NON_SECURE.write(UART0);
}

/// Step 2, just before the other world starts: gates keep their setting until reset. The SAU, MPU
/// and vector table locks of later cores are not modelled by QEMU's AN521; they go here.
pub fn lock() {
    for address in SRAM_GATES
        .iter()
        .chain(&[SSRAM1_GATE, SSRAM2_GATE, SSRAM3_GATE])
    {
        register(*address).modify(|value| value | gate::LOCK);
    }
}

/// Marks the blocks of one range non-secure at its gate.
fn open(given: Given) {
    let control = register(given.gate.wrapping_add(gate::CONTROL));
    let index = register(given.gate.wrapping_add(gate::BLOCK_INDEX));
    let table = register(given.gate.wrapping_add(gate::BLOCK_TABLE));
    let configuration = register(given.gate.wrapping_add(gate::BLOCK_CONFIGURATION)).read();
    control.modify(|value| value & !gate::AUTO_INCREMENT);

    // Block size is 2^(n+5) bytes; one table word holds 32 blocks.
    let shift = (configuration & 0xF).wrapping_add(5);
    let mut block = given.range.0.wrapping_sub(given.gate_start) >> shift;
    let end = given.range.1.wrapping_sub(given.gate_start) >> shift;
    while block < end {
        let in_word = (end - block).min(32 - (block & 31));
        let mask = (u32::MAX >> (32 - in_word)) << (block & 31);
        index.write(block >> 5);
        table.modify(|value| value | mask);
        block += in_word;
    }
}
