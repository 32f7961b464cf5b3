//! The journal of one run under one lease: folded, and appended to; the fold is always what is committed.

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::db;
use time::OffsetDateTime;

use crate::domain::event::{Event, Record};
use crate::domain::fold::RunFold;
use crate::domain::id::ArtifactId;
use crate::faults::{self, Point};
use crate::store::append::{Append, Appended, Besides, Refusal, WholeEvent, append_with, needs_transaction};
use crate::store::journal;
use crate::store::lease::{self, Lease, Rest, Suspended};
use crate::store::snapshot::{self, Loaded};
use crate::topics::{self, Live};
use crate::worker::Worker;
use crate::worker::attempt::Stop;
use crate::worker::bells::Bell;
use crate::worker::children::announce;

/// Events that are read at once.
const PAGE: i64 = 500;
/// First wait before an append is repeated whose fate is unknown; doubled up to a second.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

pub(super) struct Journal {
    worker: Arc<Worker>,
    lease: Lease,
    fold: RunFold,
    /// `seq` of the newest snapshot; 0 without one.
    snapshot_seq: i64,
    /// True when the mailbox is not known to hold nothing new.
    mail: bool,
    bell: Arc<Bell>,
}

impl Journal {
    /// Folds the journal, from its snapshot on if there is one. `mail` says that the mailbox is to be looked into.
    pub(super) async fn load(
        worker: Arc<Worker>,
        lease: Lease,
        bell: Arc<Bell>,
        mail: bool,
    ) -> Result<Self, Stop> {
        let loaded = snapshot::load(&worker.means.engine, lease.workspace, lease.run, lease.head_seq).await;
        let Loaded { fold, snapshot_seq, .. } = loaded.map_err(|error| match error {
            // A newer release wrote it, which also has workers that can read it.
            snapshot::Error::Journal(error @ journal::Error::Decode { .. }) => Stop::Foreign(error.into()),
            error => Stop::broken(error),
        })?;
        Ok(Self { worker, lease, fold, snapshot_seq, mail, bell })
    }

    pub(super) fn fold(&self) -> &RunFold {
        &self.fold
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Whether there may be letters that the journal takes no note of.
    pub(super) fn has_mail(&self) -> bool {
        self.mail
    }

    /// The bell rang: the mailbox is to be looked into.
    pub(super) fn expect_mail(&mut self) {
        self.mail = true;
    }

    /// The mailbox was looked into, and there was nothing.
    pub(super) fn mail_is_read(&mut self) {
        self.mail = false;
    }

    /// The run's bell.
    pub(super) fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Now, as exactly as the database keeps it.
    pub(super) fn now(&self) -> OffsetDateTime {
        let now = self.worker.means.ambient.clock.now();
        now.replace_nanosecond(now.nanosecond() / 1_000 * 1_000).unwrap_or(now)
    }

    /// Commits events, and with them what they speak of. What the fold would refuse is never committed.
    pub(super) async fn append(&mut self, events: Vec<Event>, mut besides: Besides) -> Result<(), Stop> {
        let at = self.now();
        besides.wholes = self.too_large(&events);
        let mut next = self.fold.clone();
        for (seq, event) in (self.fold.head_seq() + 1..).zip(&events) {
            next.apply(&Record { seq, at, event: event.clone() }).map_err(Stop::broken)?;
        }
        let append = Append { run: self.lease.run, epoch: self.lease.epoch, at, events };
        faults::pass(Point::BeforeCommit);
        let committed = self.commit(&append, &besides).await;
        faults::pass(Point::AfterCommit);
        let appended = match committed {
            Err(Stop::Reload) if self.is_committed(&append.events, at).await? => {
                Appended { head_seq: next.head_seq(), mail: true, told: None }
            }
            committed => committed?,
        };
        if appended.head_seq != next.head_seq() {
            return Err(Stop::Reload);
        }
        self.fold = next;
        self.mail = appended.mail;
        if let Some(told) = &appended.told {
            announce(&self.worker, told);
        }
        let head = Live::Head { seq: appended.head_seq };
        topics::publish(&self.worker.means.bus, &topics::run(self.lease.run), &head);
        self.keep_snapshot(snapshot::EVERY).await;
        Ok(())
    }

    /// Keeps a snapshot if this many events have come since the last one. Nothing is lost without it but time.
    async fn keep_snapshot(&mut self, events: i64) {
        let head_seq = self.fold.head_seq();
        if head_seq - self.snapshot_seq < events || self.fold.state().is_terminal() {
            return;
        }
        let kept = async {
            let mut tx = self.worker.means.engine.begin(self.lease.workspace.uuid()).await?;
            let kept = snapshot::keep(&mut tx, &self.fold).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(kept)
        };
        match kept.await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(run = %self.lease.run, head_seq, "too much to remember for a snapshot");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(run = %self.lease.run, head_seq, error, "keep a snapshot");
            }
        }
        // Tried again no sooner either way.
        self.snapshot_seq = head_seq;
    }

    /// Events that the journal does not take as they are.
    fn too_large(&self, events: &[Event]) -> Vec<WholeEvent> {
        let ids = &self.worker.means.ambient.ids;
        let whole = |(place, event): (usize, &Event)| {
            let json = event.oversized()?;
            Some(WholeEvent { place, artifact: ArtifactId::new(ids.uuid()), json })
        };
        events.iter().enumerate().filter_map(whole).collect()
    }

    /// Whether just these events are what the journal goes on with: an append whose answer got lost was committed then, and
    /// what is under way for the run may go on.
    async fn is_committed(&self, events: &[Event], at: OffsetDateTime) -> Result<bool, Stop> {
        let records = page(&self.worker, &self.lease, self.fold.head_seq()).await?;
        let same = |(record, event): (&Record, &Event)| record.at == at && record.event == *event;
        Ok(records.len() == events.len() && records.iter().zip(events).all(same))
    }

    /// Gives the lease back until something comes: an error, since this worker's part is over then. It comes back well when
    /// there is mail, which is to be read first.
    pub(super) async fn rest(&mut self, rest: Rest) -> Result<(), Stop> {
        let (run, epoch) = (self.lease.run, self.lease.epoch);
        self.keep_snapshot(snapshot::AT_REST).await;
        faults::pass(Point::BeforeRest);
        let suspended = self.persist(|| lease::suspend(&self.worker.means.engine, run, epoch, rest)).await?;
        faults::pass(Point::AfterRest);
        match suspended {
            Suspended::Done => Err(Stop::Resting),
            // Also said when the answer to the first try got lost.
            Suspended::Lost => Err(Stop::Lost),
            Suspended::MailArrived => {
                self.mail = true;
                Ok(())
            }
        }
    }

    /// Repeats what the database did not come to answer, for as long as the lease may be ours.
    pub(super) async fn persist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut wait = REPEAT_AFTER;
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) if !db::is_unavailable(&error) => return Err(Stop::broken(error)),
                Err(_) => {}
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(1));
        }
    }

    /// Repeats an append whose fate is unknown, for as long as the lease may be ours: the attempt is dropped when it is not.
    async fn commit(&self, append: &Append, besides: &Besides) -> Result<Appended, Stop> {
        let mut wait = REPEAT_AFTER;
        loop {
            let done = if besides.is_empty() && !needs_transaction(append) {
                self.worker.committer.append(append.clone()).await
            } else {
                append_with(&self.worker.means.engine, self.lease.workspace, append, besides).await
            };
            match done {
                Ok(appended) => return Ok(appended),
                Err(Refusal::Fenced) => return Err(Stop::Lost),
                Err(Refusal::Duplicate | Refusal::RuleGone | Refusal::TreeFull) => return Err(Stop::Reload),
                Err(Refusal::Database(error)) if !db::is_unavailable(&error) => {
                    return Err(Stop::broken(error));
                }
                Err(Refusal::Database(_) | Refusal::Unknown) => {}
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(1));
        }
    }
}

/// The journal behind a record, a page of it.
async fn page(worker: &Worker, lease: &Lease, after: i64) -> Result<Vec<Record>, Stop> {
    let mut tx = worker.means.engine.read(lease.workspace.uuid()).await.map_err(Stop::broken)?;
    match journal::page(&mut tx, lease.run, after, PAGE).await {
        Ok(records) => Ok(records),
        // A newer release wrote it, which also has workers that can read it.
        Err(error @ journal::Error::Decode { .. }) => Err(Stop::Foreign(error.into())),
        Err(error) => Err(Stop::broken(error)),
    }
}
