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
