//! The end of a run that breaks whatever carries it: written without reading its journal, since that may be what breaks.

use crate::domain::event::{ChildCancelCause, Event, Failed, RunError};
use crate::domain::mail;
use crate::domain::order::Letter;
use crate::store::append::{Append, Besides, Refusal, append_with};
use crate::store::children as store;
use crate::store::lease::Lease;
use crate::store::{journal, mailbox};
use crate::topics::{self, Live};
use crate::worker::Worker;
use crate::worker::attempt::Stop;
use crate::worker::children;
use crate::worker::stop::stop_for_good;

/// Ends a run that was claimed too often without bringing anything about. One that broke behind an order to retry, before
/// anybody could take note of the order, is told of as retried first.
pub(super) async fn end(worker: &Worker, lease: &Lease) -> Stop {
    let letters = match unread(worker, lease).await {
        Ok(letters) => letters,
        // A newer release put it there, which also has workers that can read it.
        Err(error @ mailbox::Error::Letter { .. }) => return Stop::Foreign(error.into()),
        Err(error) => return Stop::broken(error),
    };
    let mut events = mail::reopened(&letters);
    let besides = Besides {
        read_up_to: if events.is_empty() { 0 } else { letters.last().map_or(0, |letter| letter.number) },
        ..Besides::default()
    };
    let error = RunError::new(
        "POISON_RUN",
        format!(
            "The run was begun {} times in a row without getting anywhere: each worker that took it stopped or broke. It is \
             not tried again by itself. The logs of the workers say why; retry the run once that is mended.",
            lease.claims - 1
        ),
    );
    if let Err(error) = cancel_children(worker, lease).await {
        return Stop::broken(error);
    }
    if let Some(call) = open_call(worker, lease).await {
        events.push(stop_for_good(worker, lease, call, &error).await);
    }
    events.push(Event::Failed(Failed { error }));
    let append = Append { run: lease.run, epoch: lease.epoch, at: worker.means.ambient.clock.now(), events };
    match append_with(&worker.means.engine, lease.workspace, &append, &besides).await {
        Ok(appended) => {
            if let Some(told) = &appended.told {
                children::announce(worker, told);
            }
            let head = Live::Head { seq: appended.head_seq };
            topics::publish(&worker.means.bus, &topics::run(lease.run), &head);
            Stop::Ended
        }
        Err(Refusal::Fenced) => Stop::Lost,
        Err(error) => Stop::broken(error),
    }
}

/// Orders its children to end, of which the tables know without its journal. Each has the order among its own letters.
async fn cancel_children(worker: &Worker, lease: &Lease) -> Result<(), sqlx::Error> {
    let live = {
        let mut tx = worker.means.engine.read(lease.workspace.uuid()).await?;
        store::live_of(&mut tx, lease.run).await?
    };
    let (cause, now) = (ChildCancelCause::ParentFailed, worker.means.ambient.clock.now());
    for run in live {
        children::order_end(worker, lease.workspace, run, cause, lease.starter, now).await?;
    }
    Ok(())
}

/// The model call that is under way: told by the newest event about one, which is all that is read.
async fn open_call(worker: &Worker, lease: &Lease) -> Option<(u32, u32)> {
    let read = async {
        let mut tx = worker.means.engine.read(lease.workspace.uuid()).await?;
        journal::open_model_call(&mut tx, lease.run, lease.head_seq).await
    };
    let found = read.await.inspect_err(|error: &journal::Error| {
        tracing::warn!(run = %lease.run, error = error as &dyn std::error::Error, "look for the model call of a run");
    });
    found.ok().flatten()
}

async fn unread(worker: &Worker, lease: &Lease) -> Result<Vec<Letter>, mailbox::Error> {
    if !lease.mail {
        return Ok(Vec::new());
    }
    let mut tx = worker.means.engine.read(lease.workspace.uuid()).await?;
    mailbox::unread(&mut tx, lease.run).await
}
