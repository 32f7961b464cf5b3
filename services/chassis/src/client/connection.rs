//! One connection of a pool: first a promise, then open, counted while calls are open on it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::SetOnce;
use tokio::time::Instant;
use tonic::body::Body;

use super::connect::Opened;
use super::target::Address;

/// A connection that is not open after this long is not counted on: calls go elsewhere if they can.
const PROMPT: Duration = Duration::from_millis(50);

/// A connection to one address.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: Address,
    /// Set once the attempt to open it is over; absent inside if it failed.
    opened: SetOnce<Option<Opened>>,
    open: AtomicUsize,
    /// Set when no new call may start on it.
    retired: AtomicBool,
    born: Instant,
    age: Duration,
    /// From when on it is not counted on, as long as it is a promise.
    late_from: Instant,
    idle_since: Mutex<Instant>,
}

/// A place on a connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<Connection>);

impl Connection {
    /// A promise of a connection; one that is `doubtful` is not counted on until it is kept.
    pub(super) fn new(address: Address, age: Duration, doubtful: bool) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            address,
            opened: SetOnce::new(),
            open: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            born: now,
            age,
            late_from: if doubtful { now } else { now + PROMPT },
            idle_since: Mutex::new(now),
        })
    }

    /// The attempt to open it is over.
    pub(super) fn settle(&self, opened: Option<Opened>) {
        // Each connection has one opener.
        let _ = self.opened.set(opened);
    }

    /// Calls that are open on it.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether there is a place for a call: of ours, and of those that the server grants.
    pub(super) fn has_room(&self, cap: usize) -> bool {
        let granted = self.ready().map_or(cap, |it| it.granted.load(Ordering::Relaxed).min(cap));
        self.open() < granted
    }

    /// Whether it is open, rather than a promise.
    pub(super) fn is_ready(&self) -> bool {
        self.ready().is_some()
    }

    fn ready(&self) -> Option<&Opened> {
        self.opened.get()?.as_ref()
    }

    /// Whether it has been a promise for too long, or was doubtful from the start.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        now >= self.late_from && !self.is_ready()
    }

    /// From when on it counts as late.
    pub(super) fn late_from(&self) -> Instant {
        self.late_from
    }

    /// Whether calls may start on it.
    pub(super) fn is_alive(&self) -> bool {
        let dead = match self.opened.get() {
            None => false,
            Some(opened) => opened.as_ref().is_none_or(|it| it.sender.is_closed()),
        };
        !dead && !self.retired.load(Ordering::Relaxed)
    }

    /// Whether it is past its age: another one should take its place.
    pub(super) fn is_aged(&self, now: Instant) -> bool {
        now.duration_since(self.born) >= self.age
    }

    /// No new call starts on it; open ones go on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// How long no call has been open; absent while one is.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
        let since = *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.open() == 0).then(|| now.saturating_duration_since(since))
    }

    /// Takes a place. The pool does so under its lock, after [`Connection::has_room`].
    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        self.open.fetch_add(1, Ordering::Relaxed);
        Lease(self.clone())
    }
}

impl Lease {
    /// What sends the call, if the connection is open by now and the server grants as many calls as there are leases.
    /// The pool asks under its lock, so that among too many leases just as many leave as have to.
    pub(super) fn sender(&self) -> Option<SendRequest<Body>> {
        let opened = self.0.ready()?;
        (self.0.open() <= opened.granted.load(Ordering::Relaxed)).then(|| opened.sender.clone())
    }

    /// Waits until the attempt to open the connection is over.
    pub(super) async fn settled(&self) {
        self.0.opened.wait().await;
    }

    /// The connection that it is a place on.
    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }
}
