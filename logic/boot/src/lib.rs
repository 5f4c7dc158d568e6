#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod boot;
mod crc;
mod demands;
mod in_place;
mod launch;
mod layout;
mod memory;
mod slots;
mod stage;
mod strategy;

pub mod fault;
pub mod flash_map;
pub mod install;
pub mod otp;
pub mod trailer_ops;

pub use boot::{BootError, Device, boot, boot_as_set, boot_from_flash};
pub use demands::Demands;
pub use flash_map::{Area, FlashMap, Image, PerImage, PerSlot, Slot};
pub use in_place::{ImageRules, Setup, boot_in_place};
pub use launch::{Launch, Launched, Located, Running};
pub use layout::{UpdateLayout, UpdateMode};
pub use memory::{Frozen, ImageMemory, Window};
pub use slots::{Event, Reason, Refused, Report, SlotState, update_words};
pub use strategy::{
    DirectXip, DirectXipRevert, FirmwareLoader, RamLoad, SingleSlot, SingleSlotRamLoad, Standing,
    Strategy,
};
