//! What all windows share: the session at the gateway that is spoken to, and the way to each window.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::error::Error;
use crate::gateway::http::Http;
use crate::gateway::session::Credentials;
use crate::gateway::{Address, Session, link::Link};
use crate::keychain::Keychain;
use crate::notifications::Notices;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tasks::Tasks;
use crate::window::Attached;

/// The state of the program.
#[derive(Debug)]
pub struct Desktop {
    /// Where background work is started.
    pub tasks: Tasks,
    /// Messages of the operating system.
    pub notices: Notices,
    keychain: Keychain,
    settings: Mutex<Settings>,
    session: Mutex<Session>,
    /// A sign-in link that the program was started with.
    brought: Mutex<Option<Secret>>,
    windows: Mutex<HashMap<String, Attached>>,
}

impl Desktop {
    /// Speaks to the gateway that was chosen last.
    pub fn new(tasks: Tasks, keychain: Keychain, settings: Settings) -> Result<Self, Error> {
        let http = Http::new(settings.gateway().clone())?;
        let session = Session::new(http, keychain.clone(), tasks.clone());
        Ok(Self {
            notices: Notices::new(tasks.clone()),
            tasks,
            keychain,
            settings: Mutex::new(settings),
            session: Mutex::new(session),
            brought: Mutex::default(),
            windows: Mutex::default(),
        })
    }

    /// The session at the gateway that is spoken to.
    pub fn session(&self) -> Session {
        hold(&self.session).clone()
    }

    /// Gateways that are known, the one spoken to first.
    pub fn gateways(&self) -> Vec<Address> {
        hold(&self.settings).gateways().to_vec()
    }

    /// Speaks to another gateway. Every window has to attach anew.
    pub fn choose(&self, gateway: Address) -> Result<(), Error> {
        if *self.session().gateway() == gateway {
            return Ok(());
        }
        let http = Http::new(gateway)?;
        self.turn_to(Session::new(http, self.keychain.clone(), self.tasks.clone()))
    }

    /// Signs in, at the gateway that a link names if it names one. True if that is another one than before.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<bool, Error> {
        let current = self.session();
        let Credentials::Code { code } = &credentials else {
            current.sign_in(credentials).await?;
            return Ok(false);
        };
        let link = Link::parse(code.expose())?;
        let credentials = Credentials::Code { code: link.code };
        match link.gateway {
            Some(gateway) if gateway != *current.gateway() => {
                let http = Http::new(gateway)?;
                let session = Session::new(http, self.keychain.clone(), self.tasks.clone());
                session.sign_in(credentials).await?;
                self.turn_to(session)?;
                Ok(true)
            }
            _ => current.sign_in(credentials).await.map(|()| false),
        }
    }

    /// Notes a sign-in link for when the first window begins.
    pub fn bring(&self, link: Secret) {
        *hold(&self.brought) = Some(link);
    }

    /// Goes to the gateway of the link that the program was started with, and signs in by it if nobody is signed in there.
    /// That it does not work is no reason not to begin: the window asks then.
    pub async fn arrive(&self) {
        let Some(brought) = hold(&self.brought).take() else { return };
        let arrive = async {
            let link = Link::parse(brought.expose())?;
            if let Some(gateway) = link.gateway {
                self.choose(gateway)?;
            }
            match self.session().bearer().await {
                Err(Error::SignedOut(_)) => {
                    self.session().sign_in(Credentials::Code { code: link.code }).await
                }
                other => other.map(drop),
            }
        };
        if let Err(error) = arrive.await {
            tracing::warn!(%error, "the sign-in link was of no use");
        }
    }

    fn turn_to(&self, session: Session) -> Result<(), Error> {
        hold(&self.settings).choose(session.gateway().clone())?;
        *hold(&self.session) = session;
        hold(&self.windows).clear();
        Ok(())
    }

    /// Takes note of a window, in place of what it was before it was loaded anew.
    pub fn attach(&self, label: &str, attached: Attached) {
        hold(&self.windows).insert(label.to_owned(), attached);
    }

    /// Lets go of a window that was closed.
    pub fn detach(&self, label: &str) {
        hold(&self.windows).remove(label);
    }

    /// What a window is reached by.
    pub fn attached<T>(&self, label: &str, look: impl FnOnce(&Attached) -> T) -> Result<T, Error> {
        let windows = hold(&self.windows);
        windows.get(label).map(look).ok_or_else(|| Error::invalid("window", "must attach first"))
    }

    /// Where actions on notices go: to the main window.
    pub fn notice_actions(&self) -> Option<mpsc::Sender<(String, String)>> {
        self.attached("main", |window| window.actions.clone()).ok()
    }
}

/// No state here can be left half changed.
fn hold<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use keyring_core::mock;
    use tokio::runtime::Handle;

    use super::*;
    use crate::gateway::session::Standing;
    use crate::gateway::testing::{Gateway, tokens};

    fn desktop(folder: &tempfile::TempDir) -> Desktop {
        let keychain = Keychain::with(mock::Store::new().expect("store"));
        let settings = Settings::read(folder.path().join("settings.json"));
        // What the test gateway sets up for its own sessions.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Desktop::new(Tasks::on(Handle::current()), keychain, settings).expect("desktop")
    }

    fn link(gateway: &Gateway) -> Secret {
        Secret::new(format!("{}/sign-in#code=mc_otc_x\n", gateway.address))
    }

    #[tokio::test]
    async fn link_that_was_brought_signs_in_at_its_gateway_once() {
        let (gateway, folder) = (Gateway::start().await, tempfile::tempdir().expect("folder"));
        let desktop = desktop(&folder);
        desktop.bring(link(&gateway));
        desktop.arrive().await;
        desktop.arrive().await;
        assert_eq!(desktop.gateways()[0], gateway.address);
        assert_eq!(*desktop.session().standing().borrow(), Standing::SignedIn);
        assert_eq!(gateway.inside.sign_ins.lock().expect("lock").len(), 1);
    }

    #[tokio::test]
    async fn link_that_was_brought_is_not_spent_when_somebody_is_signed_in() {
        let (gateway, folder) = (Gateway::start().await, tempfile::tempdir().expect("folder"));
        let desktop = desktop(&folder);
        desktop.keychain.write(&gateway.address, &tokens(1)).expect("write");
        desktop.bring(link(&gateway));
        desktop.arrive().await;
        assert_eq!(*desktop.session().standing().borrow(), Standing::SignedIn);
        assert_eq!(gateway.inside.sign_ins.lock().expect("lock").len(), 0);
    }

    #[tokio::test]
    async fn what_is_no_link_changes_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let desktop = desktop(&folder);
        let before = desktop.gateways();
        desktop.bring(Secret::new(""));
        desktop.arrive().await;
        assert_eq!(desktop.gateways(), before);
        assert_eq!(*desktop.session().standing().borrow(), Standing::Unknown);
    }
}
