//! Our `swtpm_setup`, `swtpm_cert` and `swtpm_localca` beside Debian's, all of swtpm's names below libvirt, and, inside
//! a guest, `swtpm chardev` and the services of `packaging`.
//!
//! Each script of `tests/tpm/setup`, `tests/tpm/libvirt` and `tests/tpm/guest` is a test in a folder of its own. `OURS` is a folder of
//! links that `ironroot tpm install-links` made, `THEIRS` has Debian's programs. What a machine cannot have (no apt,
//! no such package, no root where libvirt needs it) is skipped, which the closing line of the run counts.

use ironroot_tests::outside::{finish, free_ports, is_there, kernel, name_of, scripts};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::process::{Command, Stdio};

const THEIRS: &str = "/usr/bin";

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tpm");
    let setup = [
        "swtpm_setup",
        "swtpm_cert",
        "certtool",
        "openssl",
        "tpm2_getcap",
    ];
    let libvirt = [
        "libvirtd",
        "virtlogd",
        "virt-install",
        "qemu-img",
        "qemu-system-x86_64",
        "unshare",
    ];
    let guest = [
        "qemu-system-x86_64",
        "busybox",
        "ldd",
        "dpkg",
        "systemd-analyze",
        "apparmor_parser",
        "tpm2_getrandom",
    ];
    let has_driver =
        kernel().is_some_and(|kernel| kernel.with_file_name("tpm_vtpm_proxy.ko").exists());
    let mut trials = Vec::new();
    let unpacked = "the kernel that `cargo xtask setup` unpacks";
    let rooted = format!("root with namespaces, and {unpacked}");
    for (group, needs, usable, takes) in [
        ("setup", &setup[..], true, ""),
        (
            "libvirt",
            &libvirt[..],
            namespaces() && kernel().is_some(),
            &*rooted,
        ),
        ("guest", &guest[..], has_driver, unpacked),
    ] {
        for script in scripts(&folder.join(group), "sh") {
            let name = format!("{group}::{}", name_of(&script));
            let missing = needs.iter().find(|program| !is_there(program));
            if let Some(program) = missing {
                eprintln!(
                    "skipped: {name}: {program} is not here; `cargo xtask setup` installs it where apt can reach it"
                );
            } else if !usable {
                eprintln!("skipped: {name}: it takes {takes}");
            }
            let present = missing.is_none() && usable;
            trials.push(Trial::test(name, move || run(&script)).with_ignored_flag(!present));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(script: &Path) -> Result<(), Failed> {
    let ironroot =
        std::env::var_os("IRONROOT_CLI").ok_or("`cargo xtask test` sets IRONROOT_CLI")?;
    let folder = tempfile::tempdir()?;
    // Other users than the one that runs the tests go in here.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody)?;
    let ours = folder.path().join("ours");
    let linked = Command::new(&ironroot)
        .args(["tpm", "install-links"])
        .arg(&ours)
        .stdout(Stdio::null())
        .status()?;
    if !linked.success() {
        return Err("no links".into());
    }
    let port = free_ports()?;
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let mut command = Command::new("bash");
    command
        .arg("-x")
        .arg(script)
        .current_dir(folder.path())
        .env("LIB", script.with_file_name("lib.sh"))
        .env("HERE", folder.path())
        .env("OURS", &ours)
        .env("THEIRS", THEIRS)
        .env("IRONROOT", &ironroot)
        .env("PORT", port.to_string())
        .env("BUSYBOX", "/bin/busybox")
        .env("PACKAGING", packaging)
        .env_remove("XDG_CONFIG_HOME");
    if let Some(kernel) = kernel() {
        command.env("KERNEL", kernel);
    }
    Ok(finish(command, &folder.path().join("output"))?)
}

/// Whether this user may make namespaces of its own: libvirt gets some.
fn namespaces() -> bool {
    Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"])
        .arg("[ $(id -u) = 0 ]")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
