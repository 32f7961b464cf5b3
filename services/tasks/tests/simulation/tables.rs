//! A model of the tables: its operations are those of `queries/*.sql` and nothing else, each atomic, as the lock of a run's
//! row makes them. `conformance` holds it to PostgreSQL. A planted bug takes one guard away.

mod children;
mod leases;
pub(crate) mod mail;
pub(crate) mod parks;

use std::collections::{BTreeMap, BTreeSet};

use mc_tasks::domain::event::{Event, Record};
use mc_tasks::domain::family::Lineage;
use mc_tasks::domain::history::Entry;
use mc_tasks::domain::id::{CommandId, RunId, WorkspaceId};
use mc_tasks::domain::order::{Letter, LetterContent};
use mc_tasks::store::append::{Append, Besides, step_key};
use mc_tasks::store::mailbox::Settlement;
use mc_tasks::store::run::status;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::exec::Micros;

/// A guard that is taken away, in a statement or in the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// `append.sql` without `lease_epoch = a.epoch`.
    AppendWithoutFence,
    /// `suspend.sql` that does not look whether there is unread mail.
    SuspendBesideMail,
    /// `end_run.sql` that leaves letters and items as they are.
    EndLeavesLettersOpen,
    /// `reap.sql` without the grace after a start of the server, and a reaper that does not wait after a reconnect.
    ReapRightAfterReconnect,
    /// `reap.sql` that leaves beats in the future when the server's clock was set back.
    FutureBeatsStand,
    /// A reaper that does not mind when the server's clock is set.
    ReapsByAnyClock,
    /// `reap.sql` that makes no row of `ready`.
    ReapForgetsReady,
    /// `post.sql` that wakes nobody.
    PostWakesNobody,
    /// A worker that never gives back what it has on paper alone.
    NothingGivenBack,
    /// A worker that commits the intent behind the effect.
    EffectBeforeIntent,
    /// A worker that begins effects however old its last beat is.
    EffectsWithoutBeat,
    /// `end_run.sql` without a word to the run's parent.
    EndTellsNoParent,
    /// A worker that ends a run badly and tells its children nothing.
    ChildrenLeftBehind,
    /// A worker that makes children in a transaction of their own, before the one that journals them.
    ChildrenBeforeRecord,
    /// A worker that takes over a run with another attempt at a call that is under way.
    RetriesAtTakeOver,
    /// `enter_park.sql` that does not look whether another run goes first.
    TwoGoFirst,
    /// A scheduler that has nobody go first.
    NobodyGoesFirst,
}

/// A letter with its receipt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Posted {
    pub(crate) letter: Letter,
    pub(crate) delivered: bool,
    /// Number of `CommandState`.
    pub(crate) state: i16,
}

impl Posted {
    pub(crate) fn id(&self) -> Uuid {
        match &self.letter.content {
            LetterContent::Command { command, .. } => command.uuid(),
            LetterContent::Decision { item, .. } => item.uuid(),
            LetterContent::ChildEnded(ended) => ended.run.uuid(),
        }
    }

    fn is_settled(&self) -> bool {
        self.state >= 3
    }
}

/// A row of `run`, with its journal, its letters and its items.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) workspace: WorkspaceId,
    pub(crate) lineage: Option<Lineage>,
    pub(crate) status: i16,
    pub(crate) wait_reason: i16,
    pub(crate) epoch: i64,
    pub(crate) worker: Option<Uuid>,
    pub(crate) head_seq: i64,
    pub(crate) claims: i16,
    pub(crate) steps: i32,
    pub(crate) mailbox_seq: i64,
    pub(crate) mailbox_read: i64,
    pub(crate) open_items: i32,
    pub(crate) pending_command: i16,
    pub(crate) journal: Vec<Entry>,
    keys: BTreeSet<(String, &'static str, i32)>,
    pub(crate) letters: Vec<Posted>,
    /// Items with their state, as `InboxItemState` numbers it.
    pub(crate) items: BTreeMap<Uuid, i16>,
}

impl Run {
    pub(crate) fn has_mail(&self) -> bool {
        self.mailbox_seq > self.mailbox_read
    }
}

/// Why an append committed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Fenced,
    Duplicate,
    TreeFull,
}

/// What a claim answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) run: RunId,
    pub(crate) epoch: i64,
    pub(crate) claims: i16,
    pub(crate) mail: bool,
}

/// The tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    /// The database's clock.
    pub(crate) now: Micros,
    /// When the server was started, by the same clock; before everything where it is none.
    pub(crate) started_at: Option<Micros>,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) ready: BTreeSet<RunId>,
    pub(crate) delayed: BTreeMap<RunId, OffsetDateTime>,
    /// Of those that are ready: who would call its model, and nothing else.
    pub(crate) calls: BTreeSet<RunId>,
    /// Of those that are delayed: who waits for its provider.
    pub(crate) asleep: BTreeSet<RunId>,
    pub(crate) parks: BTreeMap<WorkspaceId, parks::Park>,
    /// The last beat of each worker.
    pub(crate) workers: BTreeMap<Uuid, Micros>,
    pub(crate) bug: Option<Bug>,
}

impl Tables {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// What StartTask writes.
    pub(crate) fn insert_run(
        &mut self,
        run: RunId,
        workspace: WorkspaceId,
        queued: Event,
        at: OffsetDateTime,
    ) {
        let key = step_key(&queued, 0);
        let lineage = match &queued {
            Event::Queued(queued) => queued.brief.lineage,
            _ => None,
        };
        let row = Run {
            workspace,
            lineage,
            status: status::QUEUED,
            wait_reason: 0,
            epoch: 0,
            worker: None,
            head_seq: 1,
            claims: 0,
            steps: 0,
            mailbox_seq: 0,
            mailbox_read: 0,
            open_items: 0,
            pending_command: 0,
            keys: [(key.0, queued.kind(), key.1)].into(),
            journal: vec![Entry { seq: 1, epoch: 0, at, event: queued }],
            letters: Vec::new(),
            items: BTreeMap::new(),
        };
        self.runs.insert(run, row);
        self.ready.insert(run);
        self.calls.insert(run);
    }

    /// `append.sql`, with what [`mc_tasks::store::append::append_with`] does besides.
    pub(crate) fn append(&mut self, append: &Append, besides: &Besides) -> Result<(i64, bool), Refused> {
        let fence = !self.has(Bug::AppendWithoutFence);
        let full = self.is_full(besides);
        let run = self.runs.get_mut(&append.run).ok_or(Refused::Fenced)?;
        if run.status != status::RUNNING || (fence && run.epoch != append.epoch) {
            return Err(Refused::Fenced);
        }
        let keyed = |event: &Event| (step_key(event, append.epoch), event.kind());
        let keys: Vec<_> = append.events.iter().map(keyed).collect();
        let mut new = BTreeSet::new();
        for ((key, attempt), kind) in keys {
            if run.keys.contains(&(key.clone(), kind, attempt)) || !new.insert((key, kind, attempt)) {
                return Err(Refused::Duplicate);
            }
        }
        if full {
            return Err(Refused::TreeFull);
        }
        run.keys.extend(new);
        for event in &append.events {
            run.head_seq += 1;
            run.journal.push(Entry {
                seq: run.head_seq,
                epoch: run.epoch,
                at: append.at,
                event: event.clone(),
            });
            run.claims = if is_progress(event) { 0 } else { run.claims };
            run.steps += i32::from(matches!(event, Event::ModelCallStarted(call) if call.attempt == 1));
        }
        run.items.extend(besides.items.iter().map(|item| (item.item.uuid(), 1)));
        self.note(append, besides);
        self.begin_children(besides, append.at);
        self.end(append);
        let run = &self.runs[&append.run];
        Ok((run.head_seq, run.has_mail()))
    }

    /// `note_mail.sql` and `note_people.sql`.
    fn note(&mut self, append: &Append, besides: &Besides) {
        let run = self.runs.get_mut(&append.run).unwrap();
        let by_events = append.events.iter().filter_map(|event| match event {
            Event::Paused(event) => Some((event.command, Settlement::Effective)),
            Event::Resumed(event) => Some((event.command, Settlement::Effective)),
            Event::Cancelled(event) => Some((event.command, Settlement::Effective)),
            Event::Steered(event) => Some((event.command, Settlement::Effective)),
            Event::Retried(event) => Some((event.command, Settlement::Effective)),
            Event::ChildEnded(event) => Some((CommandId::new(event.run.uuid()), Settlement::Effective)),
            _ => None,
        });
        let settled: BTreeMap<Uuid, bool> = by_events
            .chain(besides.settled.iter().copied())
            .map(|(command, how)| (command.uuid(), how == Settlement::Effective))
            .collect();
        let read = besides.read_up_to;
        if settled.is_empty() && read == 0 && besides.items.is_empty() {
            return;
        }
        for posted in run.letters.iter_mut().filter(|posted| !posted.is_settled()) {
            let decides = matches!(posted.letter.content, LetterContent::Decision { .. });
            let is_read = posted.letter.number <= read;
            let how = settled.get(&posted.id());
            if how.is_none() && (!is_read || posted.delivered) {
                continue;
            }
            posted.delivered |= is_read;
            posted.state = match how {
                Some(true) => 3,
                _ if decides && is_read => 3,
                Some(false) => 4,
                None => 2,
            };
        }
        run.mailbox_read = run.mailbox_seq.min(run.mailbox_read.max(read));
        run.open_items += i32::try_from(besides.items.len()).unwrap();
        run.pending_command = mail::pending(&run.letters);
    }

    /// `end_run.sql`.
    fn end(&mut self, append: &Append) {
        let ended = match append.events.last() {
            Some(Event::Succeeded(_)) => status::SUCCEEDED,
            Some(Event::Failed(_)) => status::FAILED,
            Some(Event::Cancelled(_)) => status::CANCELLED,
            _ => return,
        };
        let closes = !self.has(Bug::EndLeavesLettersOpen);
        let run = self.runs.get_mut(&append.run).unwrap();
        if run.epoch != append.epoch {
            return;
        }
        (run.status, run.worker, run.claims, run.open_items, run.pending_command) = (ended, None, 0, 0, 0);
        if closes {
            run.items.values_mut().filter(|state| **state == 1).for_each(|state| *state = 3);
            let reads_later = |posted: &Posted| {
                ended == status::FAILED && matches!(posted.letter.content, LetterContent::ChildEnded(_))
            };
            let open = run.letters.iter_mut().filter(|posted| !posted.is_settled() && !reads_later(posted));
            open.for_each(|posted| posted.state = 4);
        }
        self.tell_parent(append);
    }

    /// A page of a journal: all of it.
    pub(crate) fn journal(&self, run: RunId, after: i64) -> Vec<Record> {
        let entries = &self.runs[&run].journal;
        let behind = entries.iter().filter(|entry| entry.seq > after);
        behind.map(|entry| Record { seq: entry.seq, at: entry.at, event: entry.event.clone() }).collect()
    }
}

/// Whether an event shows that the run gets somewhere, so that its claims count anew.
fn is_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::ModelCallCompleted(_)
            | Event::ModelCallFailed(_)
            | Event::ToolCallCompleted(_)
            | Event::EngineNote(_)
            | Event::ItemDecided(_)
            | Event::Steered(_)
            | Event::ChildEnded(_)
    )
}
