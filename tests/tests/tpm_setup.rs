//! Our `swtpm_setup`, `swtpm_cert` and `swtpm_localca` beside Debian's, all of swtpm's names below libvirt, and
//! `swtpm chardev` inside a guest.
//!
//! Each script of `tests/tpm/setup`, `tests/tpm/libvirt` and `tests/tpm/guest` is a test in a folder of its own. `OURS` is a folder of
//! links that `ironroot tpm install-links` made, `THEIRS` has Debian's programs. What a machine cannot have (no apt,
//! no such package, no root where libvirt needs it) is skipped, which the closing line of the run counts.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a script may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
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
        "cc",
    ];
    let guest = ["qemu-system-x86_64", "ldd", "busybox"];
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
        for script in scripts(&folder.join(group)) {
            let name = format!("{group}::{}", stem(&script));
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
        .env_remove("XDG_CONFIG_HOME");
    if let Some(kernel) = kernel() {
        command.env("KERNEL", kernel);
    }
    finish(command, &folder.path().join("output"))
}

/// Waits for the command; what it said is shown if it fails.
fn finish(mut command: Command, output: &Path) -> Result<(), Failed> {
    let file = std::fs::File::create(output)?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut child = command.spawn()?;
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            break child.wait()?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    let said = std::fs::read(output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().collect();
    let last = lines.split_at(lines.len().saturating_sub(40)).1;
    Err(format!("{status}; the last it said:\n{}", last.join("\n")).into())
}

/// A free port whose successor is free, too.
fn free_ports() -> Result<u16, Failed> {
    for _ in 0..100 {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        if port < u16::MAX && std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    Err("no two free TCP ports beside each other".into())
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the scripts are in the repository");
    let mut scripts: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sh") && stem(path) != "lib")
        .collect();
    scripts.sort();
    scripts
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
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

/// The kernel that `cargo xtask setup` unpacked.
fn kernel() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("IRONROOT_GUEST_KERNEL")?);
    path.exists().then_some(path)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .into_iter()
        .any(|folder: PathBuf| folder.join(program).exists())
}
