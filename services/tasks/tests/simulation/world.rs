//! Everything that outlives a process: the database, the outside, who lives, and what was found while it ran.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mc_tasks::domain::history::{Promise, Violation};
use mc_tasks::domain::id::{RunId, WorkspaceId};
use mc_tasks::store::run::status;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::exec::{Micros, Process, SECOND, Sim};
use crate::outside::{Effects, Llm};
use crate::tables::{Bug, Tables};
use crate::weather::Weather;

/// When every world begins.
const START: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);
/// What the database's clock says when a world begins: it may be set back and still be above 0.
pub(crate) const EPOCH: Micros = 100_000 * SECOND;
/// A worker that has not beaten for this long is taken for dead.
pub(crate) const TTL: Micros = 6 * SECOND;
/// Between two beats.
pub(crate) const HEARTBEAT: Micros = 2 * SECOND;

/// The database's server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    pub(crate) up: bool,
    /// Rises with each failover: answers of an earlier one never come.
    pub(crate) instance: u64,
    /// Since when it has been up.
    pub(crate) up_since: Micros,
    /// How far its clock is from the world's.
    pub(crate) skew: i64,
    /// When that changed last.
    pub(crate) set_at: Micros,
}

/// A worker process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) process: Process,
    pub(crate) stopped: bool,
    /// No connection of it reaches the database.
    pub(crate) cut: bool,
    /// How far its wall clock is from the world's.
    pub(crate) skew: i64,
}

/// How often something happened: a world in which nothing did proves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) failovers: u64,
    pub(crate) answers_lost: u64,
    pub(crate) fenced: u64,
    pub(crate) taken_over: u64,
    pub(crate) letters: u64,
    pub(crate) effects: u64,
    pub(crate) runs_ended: u64,
    pub(crate) refusals: u64,
    pub(crate) probes: u64,
}

impl Tally {
    /// Of both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            stops: self.stops + other.stops,
            failovers: self.failovers + other.failovers,
            answers_lost: self.answers_lost + other.answers_lost,
            fenced: self.fenced + other.fenced,
            taken_over: self.taken_over + other.taken_over,
            letters: self.letters + other.letters,
            effects: self.effects + other.effects,
            runs_ended: self.runs_ended + other.runs_ended,
            refusals: self.refusals + other.refusals,
            probes: self.probes + other.probes,
        }
    }
}

/// The world behind all processes.
pub(crate) struct World {
    pub(crate) tables: Tables,
    pub(crate) server: Server,
    pub(crate) weather: Weather,
    pub(crate) llm: Llm,
    pub(crate) effects: Effects,
    pub(crate) members: BTreeMap<Uuid, Member>,
    /// Letters of which a person was told that they are taken.
    pub(crate) acknowledged: BTreeMap<RunId, BTreeSet<Uuid>>,
    /// Who goes first of those that wait for a provider, and when it last said so.
    pub(crate) first: BTreeMap<WorkspaceId, (RunId, Micros)>,
    pub(crate) found: Vec<Violation>,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn say(&mut self, promise: Promise, run: Option<RunId>, what: String) {
        self.found.push(Violation { promise, run, what });
    }

    /// The world's time, when the database's clock said this.
    pub(crate) fn when(&self, clock: Micros) -> Micros {
        clock.saturating_add_signed(-self.server.skew) - EPOCH
    }

    /// What the database takes the time to be.
    pub(crate) fn database_time(&self) -> OffsetDateTime {
        START + Duration::microseconds(self.tables.now as i64 - EPOCH as i64)
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.tables.bug == Some(bug)
    }

    /// What must be so between any two statements: no run waits beside mail.
    pub(crate) fn look(&mut self) {
        let asleep = self.tables.runs.iter().find(|(_, row)| row.status == status::WAITING && row.has_mail());
        if let Some((run, row)) = asleep {
            let what = format!("it waits beside {} letters", row.mailbox_seq - row.mailbox_read);
            self.say(Promise::NoLostWake, Some(*run), what);
        }
    }
}

/// A place in the world: its clock and all that is shared.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) sim: Sim,
    pub(crate) world: Rc<RefCell<World>>,
}

impl Site {
    pub(crate) fn new(seed: u64, weather: Weather, bug: Option<Bug>) -> Self {
        let sim = Sim::new(seed);
        let world = World {
            tables: Tables { bug, ..Tables::default() },
            server: Server { up: true, instance: 0, up_since: 0, skew: 0, set_at: 0 },
            weather,
            llm: Llm::default(),
            effects: Effects::default(),
            members: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            first: BTreeMap::new(),
            found: Vec::new(),
            tally: Tally::default(),
        };
        Self { sim, world: Rc::new(RefCell::new(world)) }
    }

    /// The time, by a clock that is off by so much.
    pub(crate) fn time(&self, skew: i64) -> OffsetDateTime {
        START + Duration::microseconds(self.sim.now() as i64 + skew)
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.borrow_mut())
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.world.borrow().has(bug)
    }
}
