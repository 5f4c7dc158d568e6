//! The secure image of the host device: the secure world, or with `--partition` one partition of it.

use ironroot_host_device::{Marshal, run_secure_world};
use ironroot_port_host::PartitionLink;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--device", path] => run_secure_world(Path::new(path), None),
        ["--device", path, "--cut-power-after", operations] => match operations.parse() {
            Ok(operations) => run_secure_world(Path::new(path), Some(operations)),
            Err(_) => usage(),
        },
        ["--partition", name, "--memory-base", base] => match base.parse() {
            Ok(base) => partition(name, base),
            Err(_) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("This is the secure image of a host device. `ironroot device boot` starts it.");
    ExitCode::from(2)
}

/// Becomes a partition: gives up every right but calling the partition manager, then serves.
fn partition(name: &str, base: u32) -> ExitCode {
    let serve: fn(&mut Marshal<PartitionLink>) = match name {
        "IRONROOT_SP_PS" => |kernel| ironroot_ps::run(kernel),
        _ => return usage(),
    };
    let Ok(mut kernel) = Marshal::confine(base) else {
        eprintln!("secure: partition {name} could not be confined and does not run");
        return ExitCode::FAILURE;
    };
    serve(&mut kernel);
    ExitCode::SUCCESS
}
