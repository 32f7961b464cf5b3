//! The checker of histories: reads what runs left behind, together with counters of what really happened outside, and says
//! which promise was broken. It knows no SQL and trusts no projection, so that a simulation and a system under real faults
//! are held to the same words.

mod family;
mod journal;
mod letters;
mod outside;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use super::event::Event;
use super::fold::{RunFold, RunState};
use super::id::RunId;

/// An event as the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place.
    pub seq: i64,
    /// The lease under which it was committed; 0 for what came before the first.
    pub epoch: i64,
    /// When it happened, by the clock of whoever committed it.
    pub at: OffsetDateTime,
    /// What happened.
    pub event: Event,
}

/// What became of a letter, as its receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It lies in the mailbox.
    Requested,
    /// The run has read it.
    Delivered,
    /// It is so.
    Effective,
    /// Something else came first.
    Superseded,
}

/// A letter as the mailbox has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its place.
    pub number: i64,
    /// The order, or the inbox item that it decides.
    pub id: Uuid,
    /// True when it carries a decision.
    pub decides: bool,
    /// True when it tells how a child ended.
    pub tells: bool,
    /// What became of it.
    pub receipt: Receipt,
}

/// A run's row, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its state; `Queued` also for one that has begun and waits for a worker.
    pub state: RunState,
    /// `seq` of its newest event.
    pub head_seq: i64,
    /// The epoch of the newest lease.
    pub lease_epoch: i64,
    /// Who has it.
    pub worker: Option<Uuid>,
    /// Letters that came.
    pub mailbox_seq: i64,
    /// Letters that the journal takes note of.
    pub mailbox_read: i64,
    /// Inbox items that are open.
    pub open_items: i64,
    /// Tokens in and out.
    pub tokens: i64,
    /// Sum of the known costs.
    pub cost_nano_usd: i64,
}

/// Everything that one run left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHistory {
    /// The run.
    pub run: RunId,
    /// Its row.
    pub row: Row,
    /// Its journal.
    pub journal: Vec<Entry>,
    /// Its mailbox.
    pub letters: Vec<Letter>,
    /// Orders and items of which a person was told that they are taken: none may be missing.
    pub acknowledged: BTreeSet<Uuid>,
}

/// What counters outside saw, whoever did it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Side effects by idempotency key.
    pub effects: BTreeMap<String, u32>,
    /// Tools whose effects are counted; no result of another one asks for an effect.
    pub counted_tools: BTreeSet<String>,
    /// Charges of the ledger by the key of their model call.
    pub charges: BTreeMap<String, u32>,
    /// Workers that live.
    pub alive: BTreeSet<Uuid>,
}

/// A promise of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// A journal is numbered 1, 2, 3 and so on.
    Gapless,
    /// Each intent and each result is there once, and no result without its intent.
    StepOnce,
    /// No event of an older lease follows one of a newer.
    EpochsRise,
    /// The journal is one that the fold takes.
    Foldable,
    /// The row says what the journal says.
    RowIsTrue,
    /// Nothing that a person was told is taken is missing.
    LetterKept,
    /// No run rests beside mail that would wake it.
    NoLostWake,
    /// A side effect happens at most once for each intent, unless it is declared idempotent.
    EffectOnce,
    /// What the journal calls done was done.
    EffectDone,
    /// Each generation is paid once.
    PaidOnce,
    /// No run is held by the dead.
    NoDeadHolder,
    /// Work that is handed over is one run, which its parent's journal names, and which is told to end where the parent ends
    /// badly; and the parent hears of its end once.
    ChildOnce,
    /// A run goes on when nothing keeps it from that.
    GoesOn,
    /// No lease is taken from a worker that lives and beats.
    LiveLeaseKept,
    /// A worker starts nothing without a beat that was acknowledged within half its time.
    FreshEffects,
    /// Of all that wait for a provider one goes first.
    OneGoesFirst,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub promise: Promise,
    /// Of which run; none where it is nobody's.
    pub run: Option<RunId>,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run {
            Some(run) => write!(f, "{:?}: run {run}: {}", self.promise, self.what),
            None => write!(f, "{:?}: {}", self.promise, self.what),
        }
    }
}

/// Reads the histories of all runs of a world; empty when every promise was kept.
pub fn check(histories: &[RunHistory], outside: &Outside) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut known = outside::Known::default();
    for history in histories {
        let mut say = |promise, what: String| {
            found.push(Violation { promise, run: Some(history.run), what });
        };
        journal::check(history, &mut say);
        letters::check(history, &mut say);
        outside::check(history, outside, &mut known, &mut say);
        if let Some(worker) = history.row.worker
            && !outside.alive.contains(&worker)
        {
            say(Promise::NoDeadHolder, format!("worker {worker} is dead and has it"));
        }
        row_is_true(history, &mut say);
    }
    family::check(histories, &mut found);
    outside::check_rest(outside, &known, &mut found);
    found
}

fn row_is_true(history: &RunHistory, say: &mut impl FnMut(Promise, String)) {
    let row = &history.row;
    let last = history.journal.last().map_or(0, |entry| entry.seq);
    if row.head_seq != last {
        say(Promise::RowIsTrue, format!("the row is at seq {}, the journal at {last}", row.head_seq));
    }
    let newest = history.journal.iter().map(|entry| entry.epoch).max().unwrap_or_default();
    if newest > row.lease_epoch {
        say(
            Promise::EpochsRise,
            format!("an event of lease {newest}, and the newest is {}", row.lease_epoch),
        );
    }
    let Some(fold) = replay(&history.journal) else { return };
    let state = fold.state();
    let fits = match row.state {
        RunState::Queued | RunState::Running => !state.is_terminal(),
        stated => state == stated,
    };
    if !fits {
        say(Promise::RowIsTrue, format!("the row is {:?}, the journal {state:?}", row.state));
    }
    let open = if state.is_terminal() { 0 } else { fold.open_items().len() as i64 };
    // A decision closes its item before the run has read it.
    let unread = row.mailbox_seq - row.mailbox_read;
    if row.open_items > open || row.open_items + unread.max(0) < open {
        say(Promise::RowIsTrue, format!("the row has {} open items, the journal {open}", row.open_items));
    }
    let spent = fold.totals();
    if (row.tokens, row.cost_nano_usd) != (spent.tokens, spent.cost_nano_usd) {
        let said = (row.tokens, row.cost_nano_usd);
        say(Promise::RowIsTrue, format!("the row spent {said:?}, the journal {spent:?}"));
    }
}

/// The run, if its journal can be folded.
fn replay(journal: &[Entry]) -> Option<RunFold> {
    RunFold::replay(&journal.iter().map(Entry::record).collect::<Vec<_>>()).ok()
}

impl Entry {
    fn record(&self) -> super::event::Record {
        super::event::Record { seq: self.seq, at: self.at, event: self.event.clone() }
    }
}
