//! The rows of the benchmark table, as seen from the non-secure world. The README says how to read them.
//!
//! Every measured call stands between [`markers::bench_begin`] and [`markers::bench_end`], whose addresses
//! an instruction counter outside the machine watches. Nothing is printed between them. The first row is
//! empty: what it costs is the markers' own share of every other row.
#![no_std]
#![no_main]

use ironroot_port_armv8m::nonsecure::mailbox;
use ironroot_port_armv8m::say;

mod markers;
mod rows;
mod services;

ironroot_port_armv8m::entry!(main);

fn main() -> u32 {
    markers::bench_main();
    let only = mailbox::command();
    if only == services::COMMAND {
        return services::run();
    }
    let failed = rows::ROWS
        .iter()
        .filter(|row| only == 0 || row.id == only || row.id == rows::EMPTY)
        .filter(|row| !row.run())
        .count();
    say!("rows failed: {failed}");
    u32::from(failed > 0)
}
