//! The data directory: where one Mission Control keeps its database, secrets and logs, and the lock that makes it one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The folder and the places inside it.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The folder that was named, or the usual one: `$XDG_DATA_HOME/mission-control`, and for root
    /// `/var/lib/mission-control`, because PostgreSQL's user cannot enter root's home.
    pub(crate) fn locate(named: Option<PathBuf>) -> anyhow::Result<Self> {
        let root = match named {
            Some(named) => {
                std::path::absolute(&named).with_context(|| format!("resolve {}", named.display()))?
            }
            None if rustix::process::geteuid().is_root() => PathBuf::from("/var/lib/mission-control"),
            None => user_data_home()?.join("mission-control"),
        };
        Ok(Self { root })
    }

    /// Makes the folders that are missing.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        // Others may pass through to the cluster, whose user is another when we are root; they may not look.
        make_folder(&self.root, 0o711)?;
        for folder in [self.secrets(), self.logs(), self.sockets()] {
            make_folder(&folder, 0o700)?;
        }
        Ok(())
    }

    /// True if something was ever started here.
    pub(crate) fn exists(&self) -> bool {
        self.root.is_dir()
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Keys, passwords and tokens.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// One log per process.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of one process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Unix sockets.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The private PostgreSQL.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// PostgreSQL's binaries, where they had to be downloaded.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// What runs, for the other verbs to read.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Takes the folder for this process, or says who has it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let mut file = self.open_lock()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).context("read the lock")?;
                bail!(
                    "Mission Control already runs on {} ({}). Stop it with `./mc down`, or start on another MC_DATA_DIR",
                    self.root.display(),
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).context("take the lock"),
        }
        let mut lock = Lock(file);
        lock.say("starting")?;
        Ok(lock)
    }

    /// The process that has the folder, if one does.
    pub(crate) fn holder(&self) -> anyhow::Result<Option<i32>> {
        if !self.lock_file().exists() {
            return Ok(None);
        }
        let mut file = self.open_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).context("read the lock")?;
                let pid = holder.trim().strip_prefix("pid ").and_then(|rest| rest.split([',', ' ']).next());
                Ok(pid.and_then(|pid| pid.parse().ok()))
            }
            Err(TryLockError::Error(error)) => Err(error).context("look at the lock"),
        }
    }

    fn open_lock(&self) -> anyhow::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.lock_file())
            .with_context(|| format!("open {}", self.lock_file().display()))
    }
}

/// Held as long as Mission Control runs; the system lets go of it however we end.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Writes what a second start will be told.
    pub(crate) fn say(&mut self, what: &str) -> anyhow::Result<()> {
        self.0.set_len(0).context("write the lock")?;
        self.0.rewind().context("write the lock")?;
        writeln!(self.0, "pid {}, {what}", std::process::id()).context("write the lock")
    }
}

fn make_folder(folder: &Path, mode: u32) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(mode).create(folder);
    made.with_context(|| {
        format!("make {}; set MC_DATA_DIR to a folder that you may write", folder.display())
    })?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", folder.display()))
}

fn user_data_home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("XDG_DATA_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    let home = std::env::home_dir().context("find your home folder; set MC_DATA_DIR instead")?;
    Ok(home.join(".local/share"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_start_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().join("data"))).expect("locate");
        data.create().expect("create");
        assert_eq!(data.holder().expect("look"), None);
        let mut lock = data.lock().expect("first");
        lock.say("at http://127.0.0.1:8080").expect("say");
        let refused = data.lock().expect_err("second").to_string();
        assert!(
            refused.contains(&format!("pid {}, at http://127.0.0.1:8080", std::process::id())),
            "{refused}"
        );
        assert_eq!(data.holder().expect("look"), Some(std::process::id().cast_signed()));
        drop(lock);
        data.lock().expect("free again");
    }

    #[test]
    fn secrets_are_closed_to_others() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().join("data"))).expect("locate");
        data.create().expect("create");
        for (folder, mode) in [(data.root().to_owned(), 0o711), (data.secrets(), 0o700), (data.logs(), 0o700)]
        {
            assert_eq!(
                fs::metadata(&folder).expect("look").permissions().mode() & 0o777,
                mode,
                "{}",
                folder.display()
            );
        }
    }
}
