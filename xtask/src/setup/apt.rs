//! Debian packages.

use super::installing_is_allowed;
use crate::place::on_path;
use crate::shell::{run, say, works};
use anyhow::{Result, bail};
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

/// Installs `packages` unless `present`.
pub(super) fn ensure(what: &str, packages: &[&str], present: impl Fn() -> bool) -> Result<()> {
    if present() {
        return Ok(());
    }
    let by_hand = format!("By hand: apt-get install {}", packages.join(" "));
    if !installing_is_allowed() {
        bail!("{what} is missing, and IRONROOT_NO_INSTALL is set. {by_hand}");
    }
    if on_path("apt-get").is_none() {
        bail!(
            "{what} is missing, and this is not a Debian-like machine: install it with your \
             system's package manager (Debian calls it {})",
            packages.join(", ")
        );
    }
    let Some(root) = become_root() else {
        bail!("{what} is missing, and only root may install it (no sudo here). {by_hand}");
    };
    say!(
        "set-up: installing {} (for {what}) with apt-get",
        packages.join(", ")
    );
    // A machine that has never asked for a package list, or has an old one, needs one look first.
    let installed = (lists_present() && install(&root, packages))
        || (update(&root) && install(&root, packages));
    if !installed || !present() {
        bail!("apt-get could not install {what}. {by_hand}");
    }
    Ok(())
}

/// The words before `apt-get`.
fn become_root() -> Option<Vec<&'static str>> {
    if effective_user_is_root() {
        return Some(vec![]);
    }
    on_path("sudo")?;
    if works(Command::new("sudo").args(["-n", "true"])) {
        return Some(vec!["sudo", "-n"]);
    }
    if std::io::stdin().is_terminal() {
        say!("set-up: sudo may ask for your password");
        return Some(vec!["sudo"]);
    }
    None
}

fn effective_user_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn lists_present() -> bool {
    std::fs::read_dir(Path::new("/var/lib/apt/lists")).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("Packages"))
    })
}

fn update(root: &[&str]) -> bool {
    say!("set-up: apt-get update");
    run(&mut apt(root, &["update", "-q"])).is_ok()
}

fn install(root: &[&str], packages: &[&str]) -> bool {
    let words = [
        &["install", "-q", "-y", "--no-install-recommends"],
        packages,
    ]
    .concat();
    run(&mut apt(root, &words)).is_ok()
}

/// Never asks, never waits forever for another apt, and keeps its chatter off standard output.
fn apt(root: &[&str], words: &[&str]) -> Command {
    let mut line = root.to_vec();
    line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    line.extend(["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]);
    line.extend(words);
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).stdin(std::process::Stdio::null());
    command.stdout(std::io::stderr());
    command
}
