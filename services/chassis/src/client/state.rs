//! What a pool knows, and where the next call goes by that. No I/O.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Connection, Lease};
use super::target::Address;
use crate::config::ClientSettings;

/// An address that refused a connection is passed over for this long, unless there is no other.
const PENALTY: Duration = Duration::from_secs(1);

/// Where a call goes.
#[derive(Debug)]
pub(super) enum Choice {
    /// There, perhaps once it is open.
    Place(Lease),
    /// Nowhere: no address is known.
    NoAddress,
    /// Nowhere: every place is taken, and no more connections may be opened.
    Full,
}

#[derive(Default)]
pub(super) struct State {
    places: Vec<Place>,
    connections: Vec<Arc<Connection>>,
    /// Where the search for the least loaded connection starts, so that equals take turns.
    turn: usize,
    /// Since when nothing answers.
    down_since: Option<Instant>,
    trouble: String,
}

struct Place {
    address: Address,
    /// Passed over until then.
    failed_until: Option<Instant>,
}

impl Place {
    fn has_failed(&self, now: Instant) -> bool {
        self.failed_until.is_some_and(|until| now < until)
    }
}

impl State {
    /// A place for a call, and the connections that are to be opened now. Every address is to have a connection that is
    /// not past its age; while one opens, calls go where there is room already.
    pub(super) fn choose(
        &mut self,
        now: Instant,
        settings: &ClientSettings,
        age: impl Fn() -> Duration,
    ) -> (Choice, Vec<Arc<Connection>>) {
        if self.places.is_empty() {
            return (Choice::NoAddress, Vec::new());
        }
        self.connections.retain(|connection| connection.is_alive());
        let mut opening = Vec::new();
        for place in self.places.iter().filter(|place| !place.has_failed(now)) {
            if !at(&self.connections, &place.address).any(|connection| !connection.is_aged(now)) {
                opening.push(Connection::new(place.address.clone(), age()));
            }
        }
        self.connections.extend(opening.iter().cloned());
        if let Some(lease) = self.take(now, settings.streams_per_connection) {
            return (Choice::Place(lease), opening);
        }
        let Some(connection) = self.grow(now, settings.connections_per_address, age) else {
            return (Choice::Full, opening);
        };
        let lease = connection.lease();
        self.connections.push(connection.clone());
        opening.push(connection);
        (Choice::Place(lease), opening)
    }

    /// A place on the connection that has the most room: open ones first, on the least loaded address.
    fn take(&mut self, now: Instant, cap: usize) -> Option<Lease> {
        let count = self.connections.len();
        self.turn = self.turn.wrapping_add(1);
        (0..count)
            .map(|step| &self.connections[(self.turn + step) % count])
            .filter(|connection| connection.has_room(cap))
            .min_by_key(|connection| {
                let open = self.open_at(&connection.address);
                (!connection.is_ready(), connection.is_aged(now), open, connection.open())
            })
            .map(Connection::lease)
    }

    /// One more connection to the least loaded address that may have one.
    fn grow(&self, now: Instant, limit: usize, age: impl Fn() -> Duration) -> Option<Arc<Connection>> {
        self.places
            .iter()
            .filter(|place| at(&self.connections, &place.address).count() < limit)
            .min_by_key(|place| (place.has_failed(now), self.open_at(&place.address)))
            .map(|place| Connection::new(place.address.clone(), age()))
    }

    fn open_at(&self, address: &Address) -> usize {
        at(&self.connections, address).map(|connection| connection.open()).sum()
    }

    /// A connection was opened.
    pub(super) fn opened(&mut self, address: &Address) {
        self.down_since = None;
        if let Some(place) = self.places.iter_mut().find(|place| place.address == *address) {
            place.failed_until = None;
        }
    }

    /// A connection could not be opened.
    pub(super) fn refused(&mut self, address: &Address, trouble: String, now: Instant) {
        if let Some(place) = self.places.iter_mut().find(|place| place.address == *address) {
            place.failed_until = Some(now + PENALTY);
        }
        self.unresolved(trouble, now);
    }

    /// The addresses cannot be found, or do not answer.
    pub(super) fn unresolved(&mut self, trouble: String, now: Instant) {
        self.trouble = trouble;
        let ready = |connection: &Arc<Connection>| connection.is_ready() && connection.is_alive();
        if !self.connections.iter().any(ready) {
            self.down_since.get_or_insert(now);
        }
    }

    /// These are the addresses now. Connections to others take no more calls.
    pub(super) fn resolved(&mut self, addresses: Vec<Address>) {
        for connection in self.connections.iter().filter(|it| !addresses.contains(&it.address)) {
            connection.retire();
        }
        self.places.retain(|place| addresses.contains(&place.address));
        for address in addresses {
            if !self.places.iter().any(|place| place.address == address) {
                self.places.push(Place { address, failed_until: None });
            }
        }
    }

    /// Lets go of connections that are of no use: dead ones, aged ones that have a successor, and idle ones beyond the
    /// first to an address.
    pub(super) fn tidy(&mut self, now: Instant, idle: Duration) {
        let all = self.connections.clone();
        let mut kept: Vec<&Address> = Vec::new();
        self.connections = all
            .iter()
            .filter(|connection| {
                let successor = |it: &Arc<Connection>| it.is_ready() && it.is_alive() && !it.is_aged(now);
                let replaced = connection.is_aged(now) && at(&all, &connection.address).any(successor);
                let first = !kept.contains(&&connection.address);
                let surplus = !first && connection.idle(now).is_some_and(|been| been >= idle);
                let keep = connection.is_alive() && !replaced && !surplus;
                if keep {
                    kept.push(&connection.address);
                }
                keep
            })
            .cloned()
            .collect();
    }

    /// Whether there is an address that has not refused a connection just now.
    pub(super) fn has_hope(&self, now: Instant) -> bool {
        self.places.iter().any(|place| !place.has_failed(now))
    }

    /// Since when nothing answers.
    pub(super) fn down_since(&self) -> Option<Instant> {
        self.down_since
    }

    /// What went wrong last.
    pub(super) fn trouble(&self) -> &str {
        &self.trouble
    }
}

fn at<'a>(
    connections: &'a [Arc<Connection>],
    address: &'a Address,
) -> impl Iterator<Item = &'a Arc<Connection>> {
    connections.iter().filter(move |connection| connection.address == *address)
}
