//! The demonstration application of AN521. The README says what the mailbox words mean.
#![no_std]
#![no_main]

mod transport;

use ironroot_demo_scenario::Options;
use ironroot_port_armv8m::nonsecure::{console::Console, mailbox};
use ironroot_port_armv8m::say;

ironroot_port_armv8m::entry!(main);

/// Mailbox word 0: tell the story, but leave an update on trial unconfirmed.
const DO_NOT_ACCEPT: u32 = 1;

fn main() -> u32 {
    let options = Options {
        challenge: mailbox::challenge(),
        accept_update: mailbox::command() != DO_NOT_ACCEPT,
    };
    say!("app: hello from the non-secure world");
    let told = ironroot_demo_scenario::run(&mut transport::Veneers, &mut Console, &options);
    u32::from(told.is_err())
}
