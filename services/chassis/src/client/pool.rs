//! The connections to one service: how a call gets a place on one, and how they are opened and let go.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::body::Body;

use super::Use;
use super::connect::connect;
use super::connection::{Connection, Lease};
use super::state::{Choice, State};
use super::target::Target;
use crate::Failure;
use crate::config::ClientSettings;
use crate::error::reason;
use crate::lifecycle::Lifecycle;

/// How long a call waits between attempts while no address answers; also how often a name is resolved at the most.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Pool {
    name: &'static str,
    usage: Use,
    pub(super) target: Arc<Target>,
    settings: ClientSettings,
    lifecycle: Lifecycle,
    state: Mutex<State>,
    /// A connection was opened or refused, or the addresses were resolved.
    changed: Notify,
    resolve_now: Notify,
}

impl Pool {
    /// A pool whose addresses are looked up, and whose old connections are let go, by a task of `lifecycle`.
    pub(super) fn start(
        name: &'static str,
        usage: Use,
        target: Arc<Target>,
        settings: ClientSettings,
        lifecycle: &Lifecycle,
    ) -> Arc<Self> {
        let pool = Arc::new(Self {
            name,
            usage,
            target,
            settings,
            lifecycle: lifecycle.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
            resolve_now: Notify::new(),
        });
        let weak = Arc::downgrade(&pool);
        lifecycle.spawn_background("client resolver", async move {
            while let Some(pool) = weak.upgrade() {
                pool.resolve().await;
                let pause = spread(pool.settings.resolve_interval);
                let fixed = pool.target.is_fixed();
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = pool.resolve_now.notified(), if !fixed => tokio::time::sleep(RETRY_PAUSE).await,
                }
            }
        });
        pool
    }

    /// What its calls are like.
    pub(super) fn usage(&self) -> Use {
        self.usage
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().connections()
    }

    /// A place on a connection that is open, however many addresses have to be tried within the settings' patience.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<(Lease, SendRequest<Body>), Failure> {
        let patience = self.settings.connect_patience;
        let give_up = Instant::now() + patience;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.choose() {
                Choice::Place(lease) => {
                    if let Some(sender) = self.sender(&lease) {
                        return Ok((lease, sender));
                    }
                    // The place is on a connection that opens. Once that is late, another one is as good.
                    let late_from = lease.connection().late_from();
                    let is_late = lease.connection().is_late(Instant::now());
                    tokio::select! {
                        () = lease.settled() => {}
                        () = changed, if is_late => {}
                        () = tokio::time::sleep_until(late_from.min(give_up)), if !is_late => {}
                        () = tokio::time::sleep_until(give_up) => {}
                    }
                    if let Some(sender) = self.sender(&lease) {
                        return Ok((lease, sender));
                    }
                    let elsewhere = lease.connection().is_alive() || self.lock().has_hope(Instant::now());
                    if elsewhere && Instant::now() < give_up {
                        continue;
                    }
                }
                Choice::NoAddress => {
                    // Whichever is first: an answer of the resolver, or the next attempt.
                    let next = (Instant::now() + RETRY_PAUSE).min(give_up);
                    let _ = tokio::time::timeout_at(next, changed).await;
                }
                Choice::Full => return Err(self.full()),
            }
            let now = Instant::now();
            // One that has been away for long is not waited for: each call tries once.
            if now >= give_up || self.lock().down_since().is_some_and(|since| now >= since + patience) {
                return Err(self.unreachable());
            }
            self.resolve_now.notify_one();
            tokio::time::sleep_until((now + RETRY_PAUSE).min(give_up)).await;
        }
    }

    fn sender(&self, lease: &Lease) -> Option<SendRequest<Body>> {
        let _state = self.lock();
        lease.sender()
    }

    fn choose(self: &Arc<Self>) -> Choice {
        let age = || spread(self.settings.connection_age);
        let (choice, opening) = self.lock().choose(Instant::now(), &self.settings, age);
        for connection in opening {
            self.open(connection);
        }
        choice
    }

    /// Opens a connection that was promised.
    fn open(self: &Arc<Self>, connection: Arc<Connection>) {
        let weak = Arc::downgrade(self);
        let (target, settings) = (self.target.clone(), self.settings.clone());
        let (usage, lifecycle) = (self.usage, self.lifecycle.clone());
        self.lifecycle.spawn_background("client connector", async move {
            let opened = connect(&connection.address, usage, &target, &settings, &lifecycle).await;
            let Some(pool) = weak.upgrade() else { return };
            match opened {
                Ok(opened) => {
                    connection.settle(Some(opened));
                    pool.lock().opened(&connection.address);
                }
                Err(error) => {
                    tracing::debug!(upstream = pool.name, address = ?connection.address, %error, "connect");
                    connection.settle(None);
                    pool.lock().refused(&connection.address, error.to_string(), Instant::now());
                    pool.resolve_now.notify_one();
                }
            }
            pool.changed.notify_waiters();
        });
    }

    /// UNAVAILABLE: no replica answers.
    fn unreachable(&self) -> Failure {
        // Addresses are for the log alone: the caller's caller may be anybody.
        let cause = self.lock().trouble().to_owned();
        tracing::warn!(upstream = self.name, target = %self.target, cause, "a service cannot be reached");
        Failure::unavailable(
            reason::UPSTREAM_UNAVAILABLE,
            format!("the {} service cannot be reached; try again in a moment", self.name),
        )
    }

    fn full(&self) -> Failure {
        let most = self.settings.streams_per_connection * self.settings.connections_per_address;
        Failure::unavailable(
            reason::OVERLOADED,
            format!("all {most} places for calls to each replica of the {} service are taken", self.name),
        )
    }

    /// Looks the addresses up, and lets go of connections that are not needed any more.
    async fn resolve(self: &Arc<Self>) {
        let found = tokio::time::timeout(self.settings.connect_timeout, self.target.resolve()).await;
        let problem = match found {
            Ok(Ok(addresses)) if !addresses.is_empty() => {
                self.lock().resolved(addresses);
                None
            }
            // What was known is better than nothing: its connections may well be alive.
            Ok(Ok(_)) => Some("its name has no address".to_owned()),
            Ok(Err(error)) => Some(format!("its name was not resolved: {error}")),
            Err(_) => Some("its name was not resolved in time".to_owned()),
        };
        let now = Instant::now();
        if let Some(problem) = problem {
            tracing::debug!(upstream = self.name, problem, "resolve");
            self.lock().unresolved(problem, now);
        }
        self.lock().tidy(now, self.settings.idle);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A duration, give or take a fifth, so that clients do not act in step.
fn spread(duration: Duration) -> Duration {
    let unit = (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64;
    duration.mul_f64(0.8 + 0.4 * unit)
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("name", &self.name).field("target", &self.target).finish_non_exhaustive()
    }
}
