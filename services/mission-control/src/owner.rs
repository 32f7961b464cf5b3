//! The unprivileged user that database servers run as when we are root, because PostgreSQL refuses to run as root.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, bail};
use tokio::process::Command;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    name: String,
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Who servers run as: ourselves (`None`), or when we are root `postgres`, or else `nobody`.
    pub(crate) fn for_servers() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd")
            .context("read /etc/passwd to find an unprivileged user")?;
        match ["postgres", "nobody"].iter().find_map(|name| Self::parse(&passwd, name)) {
            Some(owner) => Ok(Some(owner)),
            None => bail!(
                "PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`: make one, or run as another user"
            ),
        }
    }

    fn parse(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next().filter(|found| *found == name)?;
            // macOS writes its `nobody` as -2.
            let uid = fields.nth(1)?.parse::<i64>().ok()? as u32;
            let gid = fields.next()?.parse::<i64>().ok()? as u32;
            (uid != 0).then(|| Self { name: found.to_owned(), uid, gid })
        })
    }

    /// Makes the command run as this user.
    pub(crate) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid).env("HOME", "/").current_dir("/");
    }

    /// Gives the user a file or folder of ours.
    pub(crate) fn give(&self, path: &Path) -> anyhow::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("give {} to {}", path.display(), self.name))
    }

    /// Refuses a path that the user cannot reach, and says which folder is in the way.
    pub(crate) fn reaches(&self, path: &Path) -> anyhow::Result<()> {
        for folder in path.ancestors().skip(1) {
            let Ok(meta) = std::fs::metadata(folder) else { continue };
            if meta.permissions().mode() & 0o001 == 0 && !self.is_owner(&meta) {
                bail!(
                    "PostgreSQL runs as `{}` here and cannot enter {}: put the data elsewhere (MC_DATA_DIR), or `chmod o+x` that folder",
                    self.name,
                    folder.display()
                );
            }
        }
        Ok(())
    }

    fn is_owner(&self, meta: &std::fs::Metadata) -> bool {
        std::os::unix::fs::MetadataExt::uid(meta) == self.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:*:-2:-2::/var/empty:/usr/bin/false\npostgres:x:103:108::/var/lib/postgresql:/bin/bash\nfake:x:0:0::/:/bin/sh\n";

    #[test]
    fn user_is_found_by_its_whole_name() {
        let owner = Owner::parse(PASSWD, "postgres").expect("postgres");
        assert_eq!((owner.uid, owner.gid), (103, 108));
        assert_eq!(Owner::parse(PASSWD, "nobody").expect("nobody").uid, u32::MAX - 1);
        assert_eq!(Owner::parse(PASSWD, "post"), None);
    }

    #[test]
    fn another_name_for_root_is_refused() {
        assert_eq!(Owner::parse(PASSWD, "fake"), None);
    }

    #[test]
    fn closed_folder_on_the_way_is_named() {
        let closed = tempfile::tempdir().expect("folder");
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).expect("close");
        let owner = Owner { name: "somebody".into(), uid: 54_321, gid: 54_321 };
        let error = owner.reaches(&closed.path().join("data")).expect_err("closed");
        assert!(error.to_string().contains(&closed.path().display().to_string()), "{error}");
    }
}
