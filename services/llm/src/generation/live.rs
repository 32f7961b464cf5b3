//! An answer that is coming in this process: one writer, any number of readers, each from the beginning at its own pace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::accumulate::{Accumulator, Answer, Chunk, Incomplete, Violation};
use crate::domain::conversation::Message;
use crate::domain::follow::{Delta, Follower};
use crate::domain::generation::{Finished, Unanswered};
use crate::domain::usage::{Usage, estimate_tokens};
use crate::store::generation::Owned;

/// How an answer ended, for its readers.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It is whole.
    Finished(Box<Finished>),
    /// It never will be.
    Unanswered(Box<Unanswered>),
    /// This process did not come to write the end: what became of it, or will, is in the row.
    Elsewhere,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Live {
    /// The row that it will end.
    pub(super) owned: Owned,
    /// Cancelled when the row was taken away.
    pub(super) fenced: CancellationToken,
    /// Cancelled when somebody asked to stop it.
    pub(super) stopped: CancellationToken,
    committed: AtomicBool,
    state: Mutex<State>,
    /// Rises with every change, so that readers wake.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    accumulator: Accumulator,
    outcome: Option<Outcome>,
}

impl Live {
    pub(super) fn new(owned: Owned, accumulator: Accumulator) -> Self {
        Self {
            owned,
            fenced: CancellationToken::new(),
            stopped: CancellationToken::new(),
            committed: AtomicBool::new(false),
            state: Mutex::new(State { accumulator, outcome: None }),
            changes: watch::Sender::new(0),
        }
    }

    /// Notes that the row is durable: only from now on can a heartbeat that misses it mean that it was taken away.
    pub(super) fn committed(&self) {
        self.committed.store(true, Ordering::Release);
    }

    pub(super) fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Acquire)
    }

    /// Takes the next chunk.
    pub(super) fn push(&self, chunk: Chunk) -> Result<(), Violation> {
        let pushed = self.lock().accumulator.push(chunk);
        self.changes.send_modify(|changes| *changes += 1);
        pushed
    }

    /// Ends the stream of chunks, if it can end here.
    pub(super) fn close(&self) -> Result<Answer, Incomplete> {
        let closed = self.lock().accumulator.close();
        self.changes.send_modify(|changes| *changes += 1);
        closed
    }

    /// What has come so far: the message, what the provider said of its usage, and the model's name.
    pub(super) fn partial(&self) -> (Message, Option<Usage>, String) {
        let state = self.lock();
        let accumulator = &state.accumulator;
        (accumulator.partial(), accumulator.usage(), accumulator.provider_model().to_owned())
    }

    /// Tokens of answer that have come, estimated.
    pub(super) fn output_estimate(&self) -> u64 {
        estimate_tokens(self.lock().accumulator.bytes() as u64)
    }

    /// Ends it for its readers. Nothing may be pushed any more.
    pub(super) fn finish(&self, outcome: Outcome) {
        self.lock().outcome = Some(outcome);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) {
        let mut changes = self.changes.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(|_| self.lock().outcome.is_some()).await;
    }

    /// A reader that has seen nothing yet.
    pub(super) fn reader(self: &std::sync::Arc<Self>) -> Reader {
        Reader { live: self.clone(), follower: Follower::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader. It keeps no queue: what it has not seen is in the answer itself.
#[derive(Debug)]
pub(super) struct Reader {
    live: std::sync::Arc<Live>,
    follower: Follower,
}

impl Reader {
    /// Workspace and id of what is read.
    pub(super) fn generation(&self) -> (Uuid, Uuid) {
        (self.live.owned.workspace, self.live.owned.id)
    }

    /// What is new, and the outcome if there is one. Waits until there is something.
    pub(super) async fn next(&mut self) -> (Vec<Delta>, Option<Outcome>) {
        let mut changes = self.live.changes.subscribe();
        loop {
            changes.mark_unchanged();
            {
                let state = self.live.lock();
                let deltas = self.follower.catch_up(state.accumulator.parts());
                if !deltas.is_empty() || state.outcome.is_some() {
                    return (deltas, state.outcome.clone());
                }
            }
            // The sender lives as long as `self.live`, so this only ends with a change.
            let _ = changes.changed().await;
        }
    }
}
