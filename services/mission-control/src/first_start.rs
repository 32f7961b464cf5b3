//! What the first start makes and every start reads: keys of the services, the key of the vault, database passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mc_chassis::auth::{SigningKey, TrustList};
use mc_chassis::ids::Ids;
use mc_identity::KeyRing;

use crate::secrets;

/// Every service that signs or is called.
pub(crate) const SERVICES: [&str; 5] = ["identity", "registry", "llm", "tasks", "gateway"];
/// Every database login, as `{schema}.{login}`.
pub(crate) const LOGINS: [&str; 6] =
    ["identity.api", "identity.relay", "registry.api", "llm.api", "tasks.api", "tasks.engine"];

/// Files and passwords of one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    folder: PathBuf,
    passwords: Passwords,
}

/// Passwords of database roles, by `{schema}.{login}`, and of the superuser.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Passwords {
    superuser: String,
    logins: BTreeMap<String, String>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Secrets {
    /// Reads the secrets and makes those that are missing. A second call changes nothing.
    pub(crate) fn ensure(folder: &Path, ids: &Ids) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        let mut keys = Vec::new();
        for service in SERVICES {
            let path = folder.join(format!("{service}.key"));
            let text = made_once(&path, || SigningKey::generate(ids).to_base64().to_string())?;
            let key = SigningKey::from_base64(&text)
                .with_context(|| format!("{} must hold 32 bytes in base64", path.display()))?;
            keys.push((service.to_owned(), key.public().clone()));
        }
        secrets::write(&folder.join("trust.json"), &TrustList::new(keys).to_json())?;
        let kek = folder.join("vault.key");
        if !kek.exists() {
            KeyRing::create_file(&kek, ids).with_context(|| format!("write {}", kek.display()))?;
        }
        let passwords = folder.join("database.json");
        let text = made_once(&passwords, || {
            let logins = LOGINS.iter().map(|login| ((*login).to_owned(), ids.secret(""))).collect();
            let made = Passwords { superuser: ids.secret(""), logins };
            serde_json::to_string_pretty(&made).expect("strings are always JSON")
        })?;
        let mut passwords: Passwords =
            serde_json::from_str(&text).with_context(|| format!("read {}", passwords.display()))?;
        // A release may bring a login that an older data directory has no password for.
        for login in LOGINS {
            passwords.logins.entry(login.to_owned()).or_insert_with(|| ids.secret(""));
        }
        let text = serde_json::to_string_pretty(&passwords).context("write the database passwords")?;
        secrets::write(&folder.join("database.json"), &text)?;
        Ok(Self { folder, passwords })
    }

    /// Reads secrets that are there.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("database.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let passwords = serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        Ok(Self { folder: folder.to_owned(), passwords })
    }

    /// The signing key of a service.
    pub(crate) fn service_key(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.key"))
    }

    /// The public keys of all services.
    pub(crate) fn trust(&self) -> PathBuf {
        self.folder.join("trust.json")
    }

    /// The key that encrypts the vault's keys.
    pub(crate) fn kek(&self) -> PathBuf {
        self.folder.join("vault.key")
    }

    /// What the first account was given: address, password, workspace, token.
    pub(crate) fn account(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    /// The first account's API token alone, for scripts.
    pub(crate) fn token(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// Password of PostgreSQL's superuser.
    pub(crate) fn superuser(&self) -> &str {
        &self.passwords.superuser
    }

    /// Password of a database login: `("tasks", "engine")`.
    pub(crate) fn password(&self, schema: &str, login: &str) -> anyhow::Result<&str> {
        let name = format!("{schema}.{login}");
        self.passwords
            .logins
            .get(&name)
            .map(String::as_str)
            .with_context(|| format!("no password for {name}"))
    }
}

/// The text of a secret file, which is made if it is missing.
fn made_once(path: &Path, make: impl FnOnce() -> String) -> anyhow::Result<String> {
    if path.exists() {
        return std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    }
    let text = make();
    secrets::write(path, &text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn second_start_finds_what_the_first_made() {
        let folder = tempfile::tempdir().expect("folder");
        let first = Secrets::ensure(folder.path(), &mc_chassis::Ambient::system().ids).expect("first");
        let trust = std::fs::read_to_string(first.trust()).expect("trust");
        let second = Secrets::ensure(folder.path(), &mc_chassis::Ambient::system().ids).expect("second");
        assert_eq!(first.superuser(), second.superuser());
        assert_eq!(
            first.password("tasks", "engine").expect("made"),
            second.password("tasks", "engine").expect("kept")
        );
        assert_eq!(trust, std::fs::read_to_string(second.trust()).expect("trust"));
        for file in std::fs::read_dir(folder.path()).expect("list") {
            let file = file.expect("entry");
            assert_eq!(
                file.metadata().expect("look").permissions().mode() & 0o777,
                0o600,
                "{:?}",
                file.file_name()
            );
        }
    }
}
