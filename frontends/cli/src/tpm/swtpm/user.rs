//! `--runas`: the same program again as another user, before anything is opened.

use anyhow::{Context as _, Result, anyhow, bail};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Becomes that user, who may be given by number; comes back only if this is that user.
pub(super) fn become_user(name: &str, interface: &str, args: &[OsString]) -> Result<()> {
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let Some((user, group)) = find(&users, name) else {
        bail!("Error: User '{name}' does not exist.");
    };
    let own = rustix::process::geteuid();
    if own.as_raw() == user {
        return Ok(());
    }
    if !own.is_root() {
        bail!("Error: only root can become user '{name}'.");
    }
    let error = Command::new(std::env::current_exe()?)
        .arg0("swtpm")
        .arg(interface)
        .args(args)
        .uid(user)
        .gid(group)
        .exec();
    Err(anyhow!(error).context(format!("cannot become user '{name}'")))
}

/// Number and group of a user of that name or number.
fn find(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (known, number) = (fields.next()?, fields.nth(1)?);
        let group = fields.next()?;
        let is_it = known == name || number == name;
        is_it.then_some((number.parse().ok()?, group.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let users =
            "root:x:0:0:root:/:/bin/sh\ntss:x:105:111:TPM:/var/lib/tpm:/bin/false\nbroken\n";
        assert_eq!(find(users, "tss"), Some((105, 111)));
        assert_eq!(find(users, "105"), Some((105, 111)));
        for nobody in ["ts", "tss2", "x", "111", ""] {
            assert_eq!(find(users, nobody), None);
        }
    }
}
