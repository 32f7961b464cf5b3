//! One attempt at one run: from the claim to whatever ends this worker's part in it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::domain::decide::{self, ModelCall, Next};
use crate::domain::event::{ChildCancelCause, Event, RunError};
use crate::domain::fold::{RunFold, WaitReason};
use crate::domain::retry::AfterFailure;
use crate::faults::{self, Point};
use crate::store::append::Besides;
use crate::store::lease::{self, Lease, Release, Rest};
use crate::topics;
use crate::worker::journal::Journal;
use crate::worker::park::{self, Leave};
use crate::worker::stop::Because;
use crate::worker::{Worker, model, poison, tool};

/// A wait up to this long keeps the run here; a longer one gives the lease back.
const SHORT_WAIT: Duration = Duration::from_secs(30);
/// For each attempt in a row that broke, the next one waits this much longer.
const BREAK: time::Duration = time::Duration::seconds(2);
/// How long a run that this release cannot read is left alone.
const LEAVE_ALONE: time::Duration = time::Duration::seconds(15);

/// What ends this worker's part in a run.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run has ended.
    Ended,
    /// The lease is lost; another worker has the run.
    Lost,
    /// The journal holds something that the fold does not: read it again and go on.
    Reload,
    /// The process drains; the run is ready for others at once.
    HandBack,
    /// The lease is given back already: the run waits for people, for a time, or is paused.
    Resting,
    /// Another release has to carry it on.
    Foreign(anyhow::Error),
    /// The attempt broke.
    Broken(anyhow::Error),
}

impl Stop {
    pub(super) fn broken(error: impl Into<anyhow::Error>) -> Self {
        Self::Broken(error.into())
    }
}

/// Carries a run on and lets it go. Nothing that happens inside harms the worker.
pub(super) async fn attempt(worker: Arc<Worker>, lease: Lease) {
    let carried = AssertUnwindSafe(carry(worker.clone(), lease.clone())).catch_unwind();
    // Losing the lease drops all that is under way for the run: the model's stream, the tools, the appends.
    let stop = tokio::select! {
        biased;
        () = worker.pulse.lost() => Stop::Lost,
        carried = carried => carried.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Stop::Broken(anyhow::anyhow!("panic: {}", text.unwrap_or_default()))
        }),
    };
    worker.live.close(lease.run);
    if let Err(error) = let_go(&worker, &lease, stop).await {
        // Tried again as long as the lease is surely ours; later the worker gives back all that it does not carry on.
        tracing::warn!(run = %lease.run, error = &error as &dyn std::error::Error, "let a run go");
        tokio::select! {
            () = worker.pulse.lost() => {}
            () = let_go_at_last(&worker, &lease) => {}
        }
    }
}

async fn let_go(worker: &Worker, lease: &Lease, stop: Stop) -> Result<(), sqlx::Error> {
    let engine = &worker.means.engine;
    let (run, epoch) = (lease.run, lease.epoch);
    let now = worker.means.ambient.clock.now();
    match stop {
        Stop::Ended | Stop::Resting => {}
        Stop::Lost => tracing::info!(%run, epoch, "lost the lease; stopped"),
        Stop::HandBack | Stop::Reload => {
            faults::pass(Point::BeforeRelease);
            lease::release(engine, run, epoch, Release::HandBack).await?;
            faults::pass(Point::AfterRelease);
            topics::publish(&worker.means.bus, topics::READY, &"");
        }
        Stop::Foreign(error) => {
            tracing::warn!(%run, error = format!("{error:#}"), "left to another release");
            lease::delay(engine, run, epoch, now + LEAVE_ALONE, Release::HandBack).await?;
        }
        Stop::Broken(error) => {
            tracing::error!(%run, claims = lease.claims, error = format!("{error:#}"), "attempt broke");
            // At once the first time, as after a crash; then ever later.
            let wait = BREAK * i32::from(lease.claims - 1);
            lease::delay(engine, run, epoch, now + wait, Release::Broken).await?;
        }
    }
    Ok(())
}

async fn let_go_at_last(worker: &Worker, lease: &Lease) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if lease::release(&worker.means.engine, lease.run, lease.epoch, Release::Broken).await.is_ok() {
            return;
        }
    }
}

/// Carries a run on until something stops it here.
async fn carry(worker: Arc<Worker>, lease: Lease) -> Stop {
    if lease.claims > worker.settings.max_claims {
        return poison::end(&worker, &lease).await;
    }
    let mut asked_again = AskedAgain::default();
    let mut is_new = true;
    // Hung up before anything is read, so that no letter falls between a look and a ring.
    let bell = Arc::new(worker.bells.hang(lease.run));
    let mut mail = lease.mail;
    loop {
        let stopped = match Journal::load(worker.clone(), lease.clone(), bell.clone(), mail).await {
            Ok(mut journal) => go_on(&mut journal, std::mem::take(&mut is_new), &mut asked_again).await,
            Err(stop) => Err(stop),
        };
        match stopped {
            Ok(()) => return Stop::Ended,
            Err(Stop::Reload) => mail = true,
            Err(stop) => return stop,
        }
    }
}

/// How often in a row a model call was asked for again under the same key.
#[derive(Debug, Default)]
struct AskedAgain {
    call: (u32, u32),
    times: u32,
}

impl AskedAgain {
    fn at(&mut self, call: &ModelCall) -> u32 {
        if self.call != (call.step, call.attempt) {
            *self = Self { call: (call.step, call.attempt), times: 0 };
        }
        self.times
    }
}

/// The loop: read the mail, decide, do, commit. Comes back when the run has ended. `is_new` says that the run was taken just
/// now, and not only its journal read again.
async fn go_on(journal: &mut Journal, is_new: bool, asked_again: &mut AskedAgain) -> Result<(), Stop> {
    let worker = journal.worker().clone();
    let draining = worker.lifecycle.draining();
    if is_new && let Some(event) = decide::claimed(journal.fold(), journal.lease().epoch) {
        journal.append(vec![event], Besides::default()).await?;
    }
    loop {
        worker.pulse.fresh().await;
        if draining.is_cancelled() {
            return Err(Stop::HandBack);
        }
        journal.read_mail(true).await?;
        if journal.interrupt().await? {
            continue;
        }
        let mut next = decide::next(journal.fold(), journal.now());
        let mut leave = Leave::Given;
        if park::begins_call(&next) {
            let Some(given) = journal.leave_to_call().await? else { continue };
            leave = given;
            next = decide::released(journal.fold(), journal.now());
        }
        match next {
            Next::Ended => return Ok(()),
            Next::RetryAt(at) => journal.rest(Rest::Until(at)).await?,
            Next::Wait(reason) => journal.rest(waiting(journal.fold(), reason)).await?,
            Next::Paused => journal.rest(Rest::Paused).await?,
            Next::Append(mut events) => {
                if let Some(Event::Failed(end)) = events.last().cloned() {
                    let before = settle(journal, &end.error).await?;
                    events.splice(events.len() - 1..events.len() - 1, before);
                }
                journal.append(events, Besides::default()).await?;
            }
            Next::Ask(asks) => journal.ask(asks).await?,
            Next::Delegate(delegate) => journal.delegate(&delegate).await?,
            Next::CancelChildren(runs) => {
                let starter = journal.lease().starter;
                let ordered = journal.cancel_children(&runs, ChildCancelCause::NotNeeded, starter).await?;
                if let Some(event) = ordered {
                    journal.append(vec![event], Besides::default()).await?;
                }
            }
            Next::UseTools(uses) => tool::use_all(journal, uses).await?,
            Next::CallModel(call) => {
                if let Some(intent) = &call.intent {
                    faults::pass(Point::BeforeIntent);
                    journal.append(vec![intent.clone()], Besides::default()).await?;
                    faults::pass(Point::AfterIntent);
                }
                // The intent may have taken long to commit.
                worker.pulse.fresh().await;
                faults::pass(Point::BeforeModelCall);
                let called = model::call(journal, &call, leave, asked_again.at(&call)).await?;
                faults::pass(Point::AfterModelCall);
                match called {
                    AfterFailure::Append(event) => {
                        worker.live.close(journal.lease().run);
                        journal.append(vec![event], Besides::default()).await?;
                    }
                    AfterFailure::AskAgain { at } => {
                        asked_again.times += 1;
                        wait_until(journal, at, &draining).await?;
                    }
                }
            }
        }
    }
}

/// What is journalled before a run fails: its model call is stopped, and its children are ordered to end.
async fn settle(journal: &mut Journal, error: &RunError) -> Result<Vec<Event>, Stop> {
    let mut before = Vec::new();
    if let Some(call) = journal.open_call() {
        before.push(journal.stop_call(&call, Because::failed(error)).await);
    }
    let starter = journal.lease().starter;
    before.extend(journal.cancel_all_children(ChildCancelCause::ParentFailed, starter).await?);
    Ok(before)
}

/// The rest of a run that waits.
fn waiting(fold: &RunFold, reason: WaitReason) -> Rest {
    fold.wake_at().map_or(Rest::Waiting(reason), |at| Rest::WaitingUntil(reason, at))
}

/// Waits here if the wait is short, else gives the lease back until then. Mail ends it early.
pub(super) async fn wait_until(
    journal: &mut Journal,
    at: OffsetDateTime,
    draining: &CancellationToken,
) -> Result<(), Stop> {
    let wait = Duration::try_from(at - journal.now()).unwrap_or_default();
    if wait > SHORT_WAIT {
        return journal.rest(Rest::Until(at)).await;
    }
    let bell = journal.bell();
    tokio::select! {
        () = draining.cancelled() => Err(Stop::HandBack),
        () = tokio::time::sleep(wait) => Ok(()),
        () = bell.rung() => {
            journal.expect_mail();
            Ok(())
        }
    }
}
