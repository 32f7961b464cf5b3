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

/// Where a call may go.
enum Candidate<'a> {
    Existing(&'a Arc<Connection>),
    New(&'a Place),
}

struct Place {
    address: Address,
    /// Passed over until then; absent once it has taken a connection again.
    failed_until: Option<Instant>,
}

impl Place {
    /// A connection to be opened. One to an address that refused the last one is doubtful.
    fn promise(&self, age: Duration) -> Arc<Connection> {
        Connection::new(self.address.clone(), age, self.is_doubtful())
    }

    /// Whether the last attempt at it failed.
    fn is_doubtful(&self) -> bool {
        self.failed_until.is_some()
    }

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
                opening.push(place.promise(age()));
            }
        }
        self.connections.extend(opening.iter().cloned());
        match self.candidate(now, settings) {
            Some(Candidate::Existing(connection)) => (Choice::Place(connection.lease()), opening),
            Some(Candidate::New(place)) => {
                let connection = place.promise(age());
                let lease = connection.lease();
                self.connections.push(connection.clone());
                opening.push(connection);
                (Choice::Place(lease), opening)
            }
            None => (Choice::Full, opening),
        }
    }

    /// The least used connection to the least loaded address, or a new one where all are full. Late ones, and those to
    /// addresses that refuse, come last.
    fn candidate(&mut self, now: Instant, settings: &ClientSettings) -> Option<Candidate<'_>> {
        self.turn = self.turn.wrapping_add(1);
        let (this, count) = (&*self, self.places.len());
        (0..count)
            .map(|step| &this.places[(this.turn + step) % count])
            .filter_map(|place| {
                let connections = || at(&this.connections, &place.address);
                let existing = connections()
                    .filter(|connection| connection.has_room(settings.streams_per_connection))
                    .min_by_key(|it| (it.is_late(now), it.is_aged(now), it.open()));
                let candidate = match existing {
                    Some(connection) => Candidate::Existing(connection),
                    None if connections().count() < settings.connections_per_address => Candidate::New(place),
                    None => return None,
                };
                let late = match &candidate {
                    Candidate::Existing(connection) => connection.is_late(now),
                    Candidate::New(place) => place.is_doubtful(),
                };
                let open: usize = connections().map(|connection| connection.open()).sum();
                Some(((late, place.has_failed(now), open), candidate))
            })
            .min_by_key(|(key, _)| *key)
            .map(|(_, candidate)| candidate)
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

    pub(super) fn connections(&self) -> usize {
        self.connections.iter().filter(|connection| connection.is_alive()).count()
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
