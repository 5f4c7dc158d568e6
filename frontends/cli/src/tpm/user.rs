//! Users of this machine, and becoming one of them.

use anyhow::{Context, Result, bail};
use rustix::process::{Gid, Uid, geteuid, getgid, getuid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use std::fs;
use std::process::Command;

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    uid: u32,
    gid: u32,
}

impl User {
    /// By name or number.
    pub(crate) fn find(text: &str) -> Result<Self> {
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = Self::among(&accounts, text).or_else(|| {
            // Accounts of a directory service.
            let asked = Command::new("getent").args(["passwd", "--", text]).output();
            let answer = asked.ok().filter(|answer| answer.status.success())?;
            Self::among(&String::from_utf8(answer.stdout).ok()?, text)
        });
        found.with_context(|| format!("Error: User '{text}' does not exist."))
    }

    /// The user that runs this program.
    pub(crate) fn current() -> Self {
        let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
        Self::find(&uid.to_string()).unwrap_or(Self {
            name: uid.to_string(),
            uid,
            gid,
        })
    }

    fn among(accounts: &str, text: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (uid, gid) = (fields.nth(1)?, fields.next()?);
            if name != text && uid != text {
                return None;
            }
            Some(Self {
                name: name.to_owned(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            })
        })
    }

    /// The name of the group that is the process's now.
    pub(crate) fn current_group() -> String {
        let gid = getgid().as_raw().to_string();
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let found = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == gid).then(|| name.to_owned())
        });
        found.unwrap_or(gid)
    }

    /// The process goes on as this user, with the user's groups; there is no way back.
    ///
    /// The process must have one thread.
    pub(crate) fn become_it(&self) -> Result<()> {
        // -1 stands for "as it is" in system calls.
        if [self.uid, self.gid].contains(&u32::MAX) {
            bail!("Error: the ids of '{}' are no ids", self.name);
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        if getuid() == uid {
            return Ok(());
        }
        if !geteuid().is_root() {
            bail!("Error: only root can become user '{}'.", self.name);
        }
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let groups = self.groups(&groups).filter(|gid| *gid != u32::MAX);
        let groups: Vec<_> = groups.map(Gid::from_raw).collect();
        set_thread_groups(&groups).context("Error: setgroups() failed")?;
        set_thread_gid(gid).context("Error: setgid() failed")?;
        set_thread_uid(uid).context("Error: setuid() failed")?;
        Ok(())
    }

    fn groups<'t>(&self, groups: &'t str) -> impl Iterator<Item = u32> + use<'t, '_> {
        let named = groups.lines().filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            let gid = fields.next()?.parse().ok()?;
            let mut members = fields.next()?.split(',');
            members.any(|member| member == self.name).then_some(gid)
        });
        std::iter::once(self.gid).chain(named.filter(|gid| *gid != self.gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_numbers_and_groups() {
        let accounts = "root:x:0:0::/root:/bin/sh\ntss:x:102:110:,,,:/var:/bin/false\n";
        let tss = User::among(accounts, "tss").unwrap();
        assert_eq!(User::among(accounts, "102").unwrap(), tss);
        assert_eq!(User::among(accounts, "x"), None);
        let groups = "root:x:0:\ntss:x:110:\nkvm:x:5:tss,other\nno:x:6:tssx\n";
        assert_eq!(tss.groups(groups).collect::<Vec<_>>(), [110, 5]);
        assert!(User::find("no-such-user-here").is_err());
    }
}
