//! The memory map in numbers. `ARCHITECTURE.md` shows the same table; linker scripts use the same values.
//!
//! Bit 28 of an address is its security attribution (IDAU): the secure alias of a memory is its
//! non-secure alias plus 0x1000_0000.

/// A range of addresses, `start..end`.
pub type Range = (u32, u32);

/// Cycles of the processor's clock per second.
pub const CLOCK_HZ: u32 = 20_000_000;

/// Immutable bootloader, secure alias.
pub const BOOTLOADER: Range = (0x1000_0000, 0x1001_0000);
/// The running secure image with its header, secure alias.
pub const SECURE_IMAGE: Range = (0x1001_0000, 0x1008_0000);
/// The second layout's slot A of the secure image: it runs where it lies, at the same address.
pub const SECURE_SLOT: Range = (0x1001_0000, 0x1009_0000);
/// The running non-secure image with its header, non-secure alias.
pub const NON_SECURE_IMAGE: Range = (0x0020_0000, 0x0030_0000);
/// The same memory at its secure alias: only until it is given away.
pub const NON_SECURE_IMAGE_SECURE_ALIAS: Range = (0x1020_0000, 0x1030_0000);
/// Non-secure data memory (SSRAM2).
pub const NON_SECURE_RAM: Range = (0x2800_0000, 0x2820_0000);
/// Devices that the non-secure world may name; which of them answer is the PPC's word.
pub const NON_SECURE_DEVICES: Range = (0x4000_0000, 0x5000_0000);

/// Boot measurements from the bootloader, MCUboot's shared data area.
pub const SHARED_DATA: Range = (0x3000_0000, 0x3000_0400);
/// Fault record, outside every loaded blob; SRAM keeps it over a warm reset.
pub const FAULT_RECORD: Range = (0x3000_0400, 0x3000_0800);
/// Data and stacks of the PSA Root of Trust.
pub const ROOT_RAM: Range = (0x3000_0800, 0x3001_4000);
/// Data and stacks of partitions; the bootloader's before that.
pub const PARTITION_RAM: Range = (0x3001_4000, 0x3002_0000);

/// PSRAM: the board's "flash", kept by the host in a file.
pub const FLASH: Range = (0x8000_0000, 0x8100_0000);
/// Erase unit of that flash, bytes.
pub const FLASH_SECTOR: u32 = 4096;
/// Program unit of that flash, bytes.
pub const FLASH_WRITE_UNIT: u32 = 4;

/// Header of an image in memory: its payload, a vector table first, begins behind it.
pub const HEADER_SIZE: u32 = 0x400;
