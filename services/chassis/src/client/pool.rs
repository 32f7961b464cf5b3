//! The connections to one service: where the next call goes, when another connection is opened, when one is let go.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tonic::body::Body;

use super::connect::connect;
use super::connection::{Connection, Lease};
use super::target::{Address, Target};
use crate::Failure;
use crate::config::ClientSettings;
use crate::error::reason;
use crate::lifecycle::Lifecycle;

/// An address that refused a connection is passed over for this long, unless there is no other.
const PENALTY: Duration = Duration::from_secs(1);

/// How long a call waits between attempts while no address answers.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Pool {
    name: &'static str,
    pub(super) target: Arc<Target>,
    settings: ClientSettings,
    lifecycle: Lifecycle,
    state: Mutex<State>,
    /// Counts resolutions that gave an answer; a call without an address waits for the next.
    resolved: watch::Sender<u64>,
    resolve_now: Notify,
}

#[derive(Default)]
struct State {
    addresses: Vec<Address>,
    connections: Vec<Arc<Connection>>,
    /// Addresses that refused a connection, and until when they are passed over.
    failed: Vec<(Address, Instant)>,
    /// Where the search for the least loaded address starts, so that equals take turns.
    turn: usize,
}

impl Pool {
    /// A pool whose addresses are looked up, and whose old connections are let go, by a task of `lifecycle`.
    pub(super) fn start(
        name: &'static str,
        target: Arc<Target>,
        settings: ClientSettings,
        lifecycle: &Lifecycle,
    ) -> Arc<Self> {
        let pool = Arc::new(Self {
            name,
            target,
            settings,
            lifecycle: lifecycle.clone(),
            state: Mutex::default(),
            resolved: watch::Sender::new(0),
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
                    () = pool.resolve_now.notified(), if !fixed => {
                        // A service that is down is asked for often, its name not more than that.
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        });
        pool
    }

    /// A place on a connection that is open, however many addresses have to be tried within the settings' patience.
    pub(super) async fn acquire(&self) -> Result<(Lease, SendRequest<Body>), Failure> {
        let patience = Instant::now() + self.settings.connect_patience;
        loop {
            let mut resolved = self.resolved.subscribe();
            let cause = match self.choose()? {
                Some(lease) => {
                    // Boxed: connecting is rare, and would make the future of every call some 30 KB larger.
                    let connecting = Box::pin(connect(
                        &lease.connection().address,
                        &self.target,
                        &self.settings,
                        &self.lifecycle,
                    ));
                    match lease.opened(connecting).await {
                        Ok(opened) if !opened.sender.is_closed() => return Ok((lease, opened.sender)),
                        Ok(_) => {
                            lease.connection().retire();
                            continue;
                        }
                        Err(error) => {
                            self.refused(lease.connection());
                            error.to_string()
                        }
                    }
                }
                None => "its name has no address".to_owned(),
            };
            self.resolve_now.notify_one();
            let next_try = Instant::now() + RETRY_PAUSE;
            if next_try >= patience {
                tracing::warn!(upstream = self.name, target = %self.target, cause, "a service cannot be reached");
                return Err(self.unreachable());
            }
            // Whichever is first: an answer of the resolver, or the next attempt at what is known.
            let _ = tokio::time::timeout_at(next_try, resolved.changed()).await;
        }
    }

    /// UNAVAILABLE: no replica answers.
    pub(super) fn unreachable(&self) -> Failure {
        Failure::unavailable(
            reason::UPSTREAM_UNAVAILABLE,
            format!("the {} service cannot be reached; try again in a moment", self.name),
        )
    }

    /// The least loaded address, and a connection there with room; absent while no address is known.
    fn choose(&self) -> Result<Option<Lease>, Failure> {
        let now = Instant::now();
        let cap = self.settings.streams_per_connection;
        let mut state = self.lock();
        state.connections.retain(|connection| connection.is_alive(now));
        state.failed.retain(|(_, until)| *until > now);
        state.turn = state.turn.wrapping_add(1);

        let count = state.addresses.len();
        let mut order: Vec<usize> = (0..count).map(|place| (place + state.turn) % count).collect();
        order.sort_by_cached_key(|&place| {
            let address = &state.addresses[place];
            let open: usize = at(&state.connections, address).map(|connection| connection.open()).sum();
            (state.failed.iter().any(|(failed, _)| failed == address), open)
        });
        for place in order {
            let address = &state.addresses[place];
            let roomy = at(&state.connections, address)
                .filter(|connection| connection.has_room(cap, now))
                .min_by_key(|connection| connection.open());
            if let Some(connection) = roomy {
                return Ok(Some(connection.lease()));
            }
            if at(&state.connections, address).count() < self.settings.connections_per_address {
                let connection = Connection::new(address.clone(), spread(self.settings.connection_age));
                let lease = connection.lease();
                state.connections.push(connection);
                return Ok(Some(lease));
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let most = cap * self.settings.connections_per_address;
        Err(Failure::unavailable(
            reason::OVERLOADED,
            format!("all {most} places for calls to each replica of the {} service are taken", self.name),
        ))
    }

    /// A connection could not be opened: its address is passed over for a while.
    fn refused(&self, connection: &Connection) {
        connection.retire();
        self.lock().failed.push((connection.address.clone(), Instant::now() + PENALTY));
    }

    /// Looks the addresses up, and lets go of connections that are not needed any more.
    async fn resolve(&self) {
        let found = tokio::time::timeout(self.settings.connect_timeout, self.target.resolve()).await;
        let now = Instant::now();
        let mut state = self.lock();
        match found {
            Ok(Ok(mut addresses)) if !addresses.is_empty() => {
                addresses.dedup();
                for connection in &state.connections {
                    if !addresses.contains(&connection.address) {
                        connection.retire();
                    }
                }
                state.addresses = addresses;
                drop(state);
                self.resolved.send_modify(|times| *times += 1);
                state = self.lock();
            }
            // What was known is better than nothing: its connections may well be alive.
            Ok(Ok(_)) => tracing::debug!(upstream = self.name, "the name has no address"),
            Ok(Err(error)) => tracing::debug!(upstream = self.name, %error, "the name was not resolved"),
            Err(_) => tracing::debug!(upstream = self.name, "the name was not resolved in time"),
        }
        let mut seen: Vec<Address> = Vec::new();
        let idle = self.settings.idle;
        state.connections.retain(|connection| {
            let first = !seen.contains(&connection.address);
            if first {
                seen.push(connection.address.clone());
            }
            connection.is_alive(now) && (first || connection.idle(now).is_none_or(|been| been < idle))
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at<'a>(
    connections: &'a [Arc<Connection>],
    address: &'a Address,
) -> impl Iterator<Item = &'a Arc<Connection>> {
    connections.iter().filter(move |connection| connection.address == *address)
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
