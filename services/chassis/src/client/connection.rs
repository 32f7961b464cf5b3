//! One connection of a pool: opened by its first call, counted while calls are open on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::connect::Opened;
use super::target::Address;

/// A connection to one address.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: Address,
    opened: OnceCell<Opened>,
    open: AtomicUsize,
    /// Set when no new call may start on it.
    retired: AtomicBool,
    born: Instant,
    age: Duration,
    idle_since: std::sync::Mutex<Instant>,
}

/// A place on a connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<Connection>);

impl Connection {
    pub(super) fn new(address: Address, age: Duration) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            address,
            opened: OnceCell::new(),
            open: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            born: now,
            age,
            idle_since: std::sync::Mutex::new(now),
        })
    }

    /// Calls that are open on it.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether a call may start on it: not too old, not closed by the peer, and with a place that the server grants too.
    pub(super) fn has_room(&self, cap: usize, now: Instant) -> bool {
        let granted = self.opened.get().map_or(cap, |it| it.granted.load(Ordering::Relaxed).min(cap));
        self.is_alive(now) && self.open() < granted
    }

    /// Whether it is worth keeping.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        !self.retired.load(Ordering::Relaxed)
            && now.duration_since(self.born) < self.age
            && self.opened.get().is_none_or(|it| !it.sender.is_closed())
    }

    /// No new call starts on it; open ones go on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// How long no call has been open; absent while one is.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
        let since = *self.idle_since.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (self.open() == 0).then(|| now.saturating_duration_since(since))
    }

    /// Takes a place. The pool does so under its lock, after [`Connection::has_room`].
    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        self.open.fetch_add(1, Ordering::Relaxed);
        Lease(self.clone())
    }
}

impl Lease {
    /// The connection, opened by whoever comes first; the others wait for it.
    pub(super) async fn opened(
        &self,
        connecting: impl Future<Output = io::Result<Opened>>,
    ) -> io::Result<Opened> {
        self.0.opened.get_or_try_init(|| connecting).await.cloned()
    }

    /// The connection that it is a place on.
    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.0.idle_since.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        }
    }
}
