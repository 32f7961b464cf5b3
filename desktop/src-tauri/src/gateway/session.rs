//! The session at one gateway: read from the keychain, renewed when the gateway says so, by one task at a time.

use std::sync::Arc;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use tokio::sync::{Mutex, watch};

use super::Address;
use super::http::{Answer, Call, Http};
use crate::error::Error;
use crate::keychain::{Keychain, Tokens};
use crate::secret::Secret;
use crate::tasks::Tasks;

/// Who is signed in, as the web view is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Standing {
    /// The keychain was not read yet.
    Unknown,
    /// Nobody.
    SignedOut {
        /// Why not.
        because: Because,
    },
    /// Somebody.
    SignedIn,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Because {
    /// Nobody has been.
    Never,
    /// They wanted to.
    SignedOut,
    /// The gateway no longer takes the session.
    Expired,
}

/// What somebody signs in with.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Credentials {
    /// A local account.
    Password {
        /// Its address.
        email: String,
        /// Its password.
        password: Secret,
    },
    /// A sign-in link or its code.
    Code {
        /// As it was pasted.
        code: Secret,
    },
    /// An API token.
    Token {
        /// `mc_pat_...`.
        token: Secret,
    },
}

enum Held {
    /// The keychain was not read yet.
    Unread,
    Nobody(Because),
    Somebody(Arc<Tokens>),
}

/// The session at one gateway. Clones are the same session.
#[derive(Clone)]
pub struct Session {
    http: Http,
    keychain: Keychain,
    tasks: Tasks,
    held: Arc<Mutex<Held>>,
    standing: watch::Sender<Standing>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("gateway", self.http.address()).finish_non_exhaustive()
    }
}

impl Session {
    /// The session at the gateway of `http`, not read yet.
    pub fn new(http: Http, keychain: Keychain, tasks: Tasks) -> Self {
        let (standing, _) = watch::channel(Standing::Unknown);
        Self { http, keychain, tasks, held: Arc::new(Mutex::new(Held::Unread)), standing }
    }

    /// Where it is.
    pub fn gateway(&self) -> &Address {
        self.http.address()
    }

    /// The clients of its gateway.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Who is signed in, now and later.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The bearer of calls. Waits for a renewal that is under way.
    pub async fn bearer(&self) -> Result<Arc<Tokens>, Error> {
        let mut held = self.held.lock().await;
        if matches!(*held, Held::Unread) {
            let read = self.in_keychain(Keychain::read).await;
            // A keychain that is locked now may be open later: it is asked again then.
            let read = read.inspect_err(|_| {
                self.standing.send_replace(Standing::SignedOut { because: Because::Never });
            })?;
            self.hold(
                &mut held,
                read.map_or(Held::Nobody(Because::Never), |found| Held::Somebody(found.into())),
            );
        }
        match &*held {
            Held::Somebody(tokens) => Ok(Arc::clone(tokens)),
            Held::Unread | Held::Nobody(_) => Err(nobody()),
        }
    }

    /// A bearer in place of `stale`, which the gateway refused. However many ask at the same time, one renewal is made.
    /// It goes on when the asker goes away: a refresh token that was sent and not replaced would end the session.
    pub async fn renewed(&self, stale: &Arc<Tokens>) -> Result<Arc<Tokens>, Error> {
        let (session, stale) = (self.clone(), Arc::clone(stale));
        let task = self.tasks.spawn(async move { session.renew(&stale).await });
        task.await.map_err(|error| Error::System(format!("the renewal broke off: {error}")))?
    }

    async fn renew(&self, stale: &Arc<Tokens>) -> Result<Arc<Tokens>, Error> {
        let mut held = self.held.lock().await;
        let Held::Somebody(current) = &*held else { return Err(nobody()) };
        if !Arc::ptr_eq(current, stale) {
            return Ok(Arc::clone(current));
        }
        let Some(refresh) = &stale.refresh_token else {
            return Err(self.expire(&mut held).await);
        };
        match self.open("/v1/auth:refresh", &[("refreshToken", refresh.expose())]).await {
            Ok(tokens) => {
                let kept = tokens.clone();
                if let Err(error) = self.in_keychain(move |keychain, to| keychain.write(to, &kept)).await {
                    tracing::warn!(%error, "the renewed session lasts until this program ends");
                }
                let tokens = Arc::new(tokens);
                *held = Held::Somebody(Arc::clone(&tokens));
                Ok(tokens)
            }
            Err(Error::Refused(problem)) if (400..404).contains(&problem.status) => {
                tracing::info!(reason = problem.reason, "the session is over");
                Err(self.expire(&mut held).await)
            }
            Err(error) => Err(error),
        }
    }

    /// A call with the bearer. One that is refused because the bearer is stale was not carried out: it is made again.
    pub async fn call(&self, call: &Call) -> Result<Answer, Error> {
        let url = self.gateway().call(&call.path)?;
        let tokens = self.bearer().await?;
        let answer = self.http.send(url.clone(), call, Some(&tokens.session_token)).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let tokens = self.renewed(&tokens).await?;
        self.http.send(url, call, Some(&tokens.session_token)).await
    }

    /// A call without the bearer.
    pub async fn call_anonymously(&self, call: &Call) -> Result<Answer, Error> {
        self.http.send(self.gateway().call(&call.path)?, call, None).await
    }

    /// Opens a session and keeps it. On failure everything is as before.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<(), Error> {
        let session = self.clone();
        let task = self.tasks.spawn(async move { session.enter(credentials).await });
        task.await.map_err(|error| Error::System(format!("signing in broke off: {error}")))?
    }

    async fn enter(&self, credentials: Credentials) -> Result<(), Error> {
        let mut held = self.held.lock().await;
        // Before a code is spent that works once.
        self.in_keychain(Keychain::probe).await?;
        let tokens = match &credentials {
            Credentials::Password { email, password } => {
                self.open("/v1/auth:signIn", &[("email", email), ("password", password.expose())]).await?
            }
            Credentials::Code { code } => self.open("/v1/auth:exchange", &[("code", code.expose())]).await?,
            Credentials::Token { token } => {
                let me = Call::new(Method::GET, "/v1/me");
                let url = self.gateway().resolve(&me.path)?;
                self.http.send(url, &me, Some(token)).await?.succeeded(self.gateway())?;
                Tokens { session_token: token.clone(), refresh_token: None }
            }
        };
        let kept = tokens.clone();
        if let Err(error) = self.in_keychain(move |keychain, to| keychain.write(to, &kept)).await {
            self.end_at_gateway(&tokens).await;
            return Err(error);
        }
        self.hold(&mut held, Held::Somebody(tokens.into()));
        Ok(())
    }

    /// Ends the session: here for certain, at the gateway if it can be reached. Fails if the keychain keeps its entry.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let session = self.clone();
        let task = self.tasks.spawn(async move { session.leave().await });
        task.await.map_err(|error| Error::System(format!("signing out broke off: {error}")))?
    }

    async fn leave(&self) -> Result<(), Error> {
        let found = self.bearer().await;
        let mut held = self.held.lock().await;
        // First this: whoever reads "signed out" may take it that nothing is kept. Until then everybody waits for `held`.
        let forgotten = self.in_keychain(Keychain::delete).await;
        self.hold(&mut held, Held::Nobody(Because::SignedOut));
        if let Ok(tokens) = found {
            self.end_at_gateway(&tokens).await;
        }
        forgotten
    }

    /// Tells the gateway, by a fresh bearer if need be. That it may be out of reach is no reason to stay signed in.
    async fn end_at_gateway(&self, tokens: &Tokens) {
        let Some(refresh) = &tokens.refresh_token else { return };
        let told = async {
            if self.tell_sign_out(&tokens.session_token).await? == 401 {
                let renewed = self.open("/v1/auth:refresh", &[("refreshToken", refresh.expose())]).await?;
                self.tell_sign_out(&renewed.session_token).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = told.await {
            tracing::info!(%error, "the session was forgotten here; the gateway was not told");
        }
    }

    async fn tell_sign_out(&self, bearer: &Secret) -> Result<u16, Error> {
        let call = Call::new(Method::POST, "/v1/auth:signOut");
        Ok(self.http.send(self.gateway().resolve(&call.path)?, &call, Some(bearer)).await?.status)
    }

    /// Makes a call whose answer is a session.
    async fn open(&self, path: &str, fields: &[(&str, &str)]) -> Result<Tokens, Error> {
        #[derive(Deserialize)]
        struct Opened {
            session: Tokens,
        }
        let fields: std::collections::BTreeMap<_, _> = fields.iter().copied().collect();
        let mut call = Call::new(Method::POST, path);
        call.body = Some(to_raw_value(&fields).expect("strings"));
        let answer = self.http.send(self.gateway().resolve(path)?, &call, None).await?;
        let body = zeroize::Zeroizing::new(answer.succeeded(self.gateway())?.body);
        // The parser's error could repeat what it read.
        serde_json::from_slice::<Opened>(&body).map(|opened| opened.session).map_err(|_| Error::NotAGateway {
            address: self.gateway().to_string(),
            cause: "its answer holds no session".to_owned(),
        })
    }

    async fn expire(&self, held: &mut Held) -> Error {
        if let Err(error) = self.in_keychain(Keychain::delete).await {
            tracing::warn!(%error, "a session that is over stays in the keychain");
        }
        self.hold(held, Held::Nobody(Because::Expired));
        nobody()
    }

    fn hold(&self, held: &mut Held, next: Held) {
        self.standing.send_replace(match &next {
            Held::Unread => Standing::Unknown,
            Held::Nobody(because) => Standing::SignedOut { because: *because },
            Held::Somebody(_) => Standing::SignedIn,
        });
        *held = next;
    }

    async fn in_keychain<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keychain, &Address) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (keychain, gateway) = (self.keychain.clone(), self.gateway().clone());
        let task = self.tasks.spawn_blocking(move || work(&keychain, &gateway));
        task.await.map_err(|error| Error::Keychain(format!("the keychain failed: {error}")))?
    }
}

fn nobody() -> Error {
    Error::SignedOut("nobody is signed in here any more; sign in again, what is on the screen stays")
}
