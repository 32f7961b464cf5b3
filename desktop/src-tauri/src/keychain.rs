//! The session of each gateway in the system's keychain. Every call may block: the system may ask the person to unlock it.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error as StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::gateway::address::Address;
use crate::secret::Secret;

/// Under which name entries are kept; the account is the gateway's address.
const SERVICE: &str = "app.missioncontrol.desktop";

/// What somebody who is signed in holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The bearer of calls: of a session, for about an hour, or an API token.
    pub session_token: Secret,
    /// For one renewal. API tokens have none.
    pub refresh_token: Option<Secret>,
}

/// Where sessions are kept.
#[derive(Debug, Clone)]
pub struct Keychain {
    /// Instead of the system's, in tests.
    store: Option<Arc<CredentialStore>>,
}

impl Keychain {
    /// The keychain of the system: Keychain Services, the Credential Manager or the Secret Service.
    pub fn system() -> Self {
        Self { store: None }
    }

    /// A given store.
    pub fn with(store: Arc<CredentialStore>) -> Self {
        Self { store: Some(store) }
    }

    /// Fails, with the way out, when nothing can be kept. Asked before a sign-in code is spent.
    pub fn probe(&self, gateway: &Address) -> Result<(), Error> {
        self.read(gateway).map(drop)
    }

    /// The session at a gateway, if one is kept.
    pub fn read(&self, gateway: &Address) -> Result<Option<Tokens>, Error> {
        let secret = match self.entry(gateway)?.get_secret() {
            Ok(secret) => Zeroizing::new(secret),
            Err(StoreError::NoEntry) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        // What cannot be read is of no use to anybody: signing in again replaces it.
        Ok(serde_json::from_slice(&secret).ok())
    }

    /// Keeps the session at a gateway, in place of the one before.
    pub fn write(&self, gateway: &Address, tokens: &Tokens) -> Result<(), Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Kept<'a> {
            session_token: &'a str,
            refresh_token: Option<&'a str>,
        }
        let kept = Kept {
            session_token: tokens.session_token.expose(),
            refresh_token: tokens.refresh_token.as_ref().map(Secret::expose),
        };
        let json = Zeroizing::new(serde_json::to_vec(&kept).expect("strings"));
        self.entry(gateway)?.set_secret(&json).map_err(|error| unavailable(&error))
    }

    /// Forgets the session at a gateway. Forgetting what is not there succeeds.
    pub fn delete(&self, gateway: &Address) -> Result<(), Error> {
        match self.entry(gateway)?.delete_credential() {
            Ok(()) | Err(StoreError::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn entry(&self, gateway: &Address) -> Result<Entry, Error> {
        let store = match &self.store {
            Some(store) => Arc::clone(store),
            None => system_store().map_err(|error| unavailable(&error))?,
        };
        store.build(SERVICE, gateway.as_str(), None).map_err(|error| unavailable(&error))
    }
}

#[cfg(target_os = "linux")]
fn system_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn system_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn system_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// Says what to do. The store's own words are about its plumbing and never hold the secret, but for the variants that
/// carry what was read; those are not printed.
fn unavailable(error: &StoreError) -> Error {
    let cause = match error {
        StoreError::PlatformFailure(cause) | StoreError::NoStorageAccess(cause) => cause.to_string(),
        StoreError::BadEncoding(_) | StoreError::BadDataFormat(..) => "its entry cannot be read".to_owned(),
        other => other.to_string(),
    };
    let way_out = if cfg!(target_os = "linux") {
        "start and unlock a Secret Service (GNOME Keyring or KWallet; in a bare session: \
         gnome-keyring-daemon --unlock --components=secrets), then try again"
    } else {
        "unlock the system's keychain, then try again"
    };
    Error::Keychain(format!("the session cannot be kept on this computer ({cause}); {way_out}"))
}

#[cfg(test)]
mod tests {
    use keyring_core::api::CredentialStoreApi as _;
    use keyring_core::mock;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("address")
    }

    fn tokens(session: &str) -> Tokens {
        Tokens { session_token: Secret::new(session), refresh_token: Some(Secret::new("r")) }
    }

    #[test]
    fn sessions_are_kept_per_gateway_and_forgotten_alone() {
        let keychain = Keychain::with(mock::Store::new().expect("store"));
        let (here, there) = (address("http://127.0.0.1:8080"), address("https://mc.example"));
        assert!(keychain.read(&here).expect("read").is_none());
        keychain.write(&here, &tokens("a")).expect("write");
        keychain.write(&there, &tokens("b")).expect("write");
        keychain.delete(&here).expect("delete");
        keychain.delete(&here).expect("again");
        assert!(keychain.read(&here).expect("read").is_none());
        let kept = keychain.read(&there).expect("read").expect("kept");
        assert_eq!(kept.session_token.expose(), "b");
        assert_eq!(kept.refresh_token.as_ref().map(Secret::expose), Some("r"));
    }

    #[test]
    fn entry_that_is_not_ours_counts_as_none() {
        let store = mock::Store::new().expect("store");
        let here = address("http://127.0.0.1:8080");
        store.build(SERVICE, here.as_str(), None).expect("entry").set_secret(b"{").expect("write");
        assert!(Keychain::with(store).read(&here).expect("read").is_none());
    }

    #[test]
    fn missing_service_is_told_with_the_way_out_and_without_secrets() {
        let cause = StoreError::NoStorageAccess("org.freedesktop.secrets is not there".into());
        let text = unavailable(&cause).to_string();
        assert!(text.contains("org.freedesktop.secrets is not there"), "{text}");
        assert!(text.contains("try again"), "{text}");
        let text = unavailable(&StoreError::BadEncoding(b"mc_ses_abc".to_vec())).to_string();
        assert!(!text.contains("mc_ses"), "{text}");
    }
}
