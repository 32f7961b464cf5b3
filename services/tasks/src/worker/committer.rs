//! Group commit of appends: what comes together while a statement is on its way goes with the next one, each run under its
//! own fence. At low load an append goes alone and waits for nothing.

use std::collections::HashSet;

use mc_chassis::Lifecycle;
use mc_chassis::db::{self, Database};
use tokio::sync::{mpsc, oneshot};

use crate::domain::id::RunId;
use crate::store::append::{Append, Appended, Refusal, append_many, append_one};

/// Runs whose appends one statement carries at most.
const BATCH: usize = 64;

type Answer = oneshot::Sender<Result<Appended, Refusal>>;

struct Request {
    append: Append,
    answer: Answer,
}

/// Appends for all runs of a worker.
#[derive(Debug)]
pub struct Committer {
    lanes: Vec<mpsc::Sender<Request>>,
}

impl Committer {
    /// Starts the lanes. A run always takes the same one, so its appends keep their order.
    pub fn start(database: &Database, lanes: usize, lifecycle: &Lifecycle) -> Self {
        let lane = || {
            let (sender, receiver) = mpsc::channel(4 * BATCH);
            lifecycle.spawn_background("commit appends", commit(database.clone(), receiver));
            sender
        };
        Self { lanes: (0..lanes.max(1)).map(|_| lane()).collect() }
    }

    /// Appends for one run. Dropped before it answers, the append may still be committed.
    pub async fn append(&self, append: Append) -> Result<Appended, Refusal> {
        let (answer, answered) = oneshot::channel();
        // The end of a UUIDv7 is random.
        let lane = append.run.uuid().as_u128() as usize % self.lanes.len();
        let sent = self.lanes[lane].send(Request { append, answer }).await;
        if sent.is_err() {
            return Err(Refusal::Unknown);
        }
        answered.await.unwrap_or(Err(Refusal::Unknown))
    }
}

async fn commit(database: Database, mut requests: mpsc::Receiver<Request>) {
    let mut held: Vec<Request> = Vec::new();
    loop {
        if held.is_empty() {
            match requests.recv().await {
                Some(request) => held.push(request),
                None => return,
            }
        }
        while held.len() < BATCH
            && let Ok(request) = requests.try_recv()
        {
            held.push(request);
        }
        // One statement updates a run's row once. A run comes twice when a new attempt follows one that was dropped.
        let mut runs: HashSet<RunId> = HashSet::new();
        let (batch, later) = held.into_iter().partition(|request| runs.insert(request.append.run));
        held = later;
        commit_batch(&database, batch).await;
    }
}

async fn commit_batch(database: &Database, batch: Vec<Request>) {
    let (appends, answers): (Vec<Append>, Vec<Answer>) =
        batch.into_iter().map(|request| (request.append, request.answer)).unzip();
    let mut connection = match database.pool().acquire().await {
        Ok(connection) => connection,
        Err(error) => return refuse_all(&error, answers),
    };
    match append_many(&mut connection, &appends).await {
        Ok(committed) => {
            for (append, answer) in appends.iter().zip(answers) {
                // Whoever asked may be gone, as when its lease was lost meanwhile.
                let _ = answer.send(committed.get(&append.run).copied().ok_or(Refusal::Fenced));
            }
        }
        Err(error) if db::is_unavailable(&error) => refuse_all(&error, answers),
        // One of them is at fault, and nothing was committed: each alone, so that the others do not suffer.
        Err(_) => {
            for (append, answer) in appends.iter().zip(answers) {
                let _ = answer.send(append_one(&mut connection, append).await);
            }
        }
    }
}

fn refuse_all(error: &sqlx::Error, answers: Vec<Answer>) {
    tracing::warn!(error = error as &dyn std::error::Error, appends = answers.len(), "append to journals");
    for answer in answers {
        let _ = answer.send(Err(Refusal::Unknown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Tables, intent, workspace};

    #[tokio::test]
    async fn appends_of_many_runs_share_statements_and_a_bad_one_spoils_no_other() {
        let tables = Tables::new().await;
        for number in 0..30 {
            tables.run(workspace(number % 4 + 1)).await;
        }
        let worker = tables.worker().await;
        let leases = tables.claim(worker, 30).await;
        let lifecycle = Lifecycle::new();
        let committer = Committer::start(&tables.engine, 2, &lifecycle);
        committer.append(intent(&leases[0], 1)).await.expect("alone");

        let all = leases.iter().enumerate().map(|(at, lease)| {
            let stale = Append { epoch: lease.epoch + i64::from(at == 7), ..intent(lease, 1) };
            committer.append(stale)
        });
        let answers = futures::future::join_all(all).await;
        for (at, answer) in answers.iter().enumerate() {
            match at {
                0 => assert!(matches!(answer, Err(Refusal::Duplicate)), "{answer:?}"),
                7 => assert!(matches!(answer, Err(Refusal::Fenced)), "{answer:?}"),
                _ => assert_eq!(answer.as_ref().expect("committed").head_seq, 2),
            }
        }
    }
}
