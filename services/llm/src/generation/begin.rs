//! Beginning a generation: its row is durable before its provider hears of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::live::Live;
use super::run::Job;
use super::{Events, Generations, Request};
use crate::domain::accumulate::Accumulator;
use crate::domain::provider::{Provider, SIMULATOR_ID};
use crate::domain::usage::estimate_input;
use crate::error::Error;
use crate::provider::Call;
use crate::store;
use crate::store::generation::{By, New, Owned};

/// What beginning came to.
enum Begun {
    /// The generation runs here now.
    Here(Arc<Live>),
    /// Somebody else began it in the meantime.
    Elsewhere,
}

impl Generations {
    /// Begins a generation, or joins it if somebody is faster. From its row on it is a task of the process: a caller
    /// who goes away at any point leaves nothing half done.
    pub(super) async fn begin(&self, request: Request, hash: [u8; 32]) -> Result<Events, Error> {
        if self.0.lifecycle.draining().is_cancelled() {
            return Err(Error::Draining);
        }
        let (workspace, key) = (request.workspace, request.idempotency_key.clone());
        let (tell, told) = oneshot::channel();
        let generations = self.clone();
        self.0.lifecycle.spawn("generation", async move {
            match generations.insert(request, hash).await {
                Ok(Some((entry, job))) => {
                    let live = entry.live.clone();
                    // The caller may be gone; the generation goes on.
                    let _ = tell.send(Ok(Begun::Here(live.clone())));
                    generations.run(&live, job).await;
                    drop(entry);
                }
                Ok(None) => drop(tell.send(Ok(Begun::Elsewhere))),
                Err(error) => drop(tell.send(Err(error))),
            }
        });
        match told.await {
            Ok(Ok(Begun::Here(live))) => Ok(self.follow(&live, false)),
            Ok(Ok(Begun::Elsewhere)) => match self.find(workspace, By::Key(&key)).await? {
                Some(stored) => self.join(stored, hash),
                None => Err(Error::Draining),
            },
            Ok(Err(error)) => Err(error),
            // The task was aborted at the end of a shutdown.
            Err(_) => Err(Error::Draining),
        }
    }

    /// Makes the row and, before anybody can see it, the place where this process keeps the answer. `None` when the key
    /// was taken in the meantime.
    async fn insert(&self, request: Request, hash: [u8; 32]) -> Result<Option<(Entry, Job)>, Error> {
        let Request { workspace, idempotency_key, ask, run } = request;
        let mut tx = self.0.database.begin(workspace).await?;
        let provider = if ask.model.provider() == SIMULATOR_ID {
            Provider::simulator()
        } else {
            let found = store::provider::get(&mut tx, workspace, ask.model.provider()).await?;
            let name = || format!("workspaces/{workspace}/providers/{}", ask.model.provider());
            found.ok_or_else(|| Error::NotFound(name()))?
        };
        let id = self.0.ambient.ids.uuid();
        let now = self.0.ambient.clock.now();
        let estimated_input = estimate_input(&ask);
        let new = New {
            id,
            workspace,
            idempotency_key: &idempotency_key,
            request_hash: hash,
            model: ask.model.to_string(),
            price_place: provider.price_place(),
            owner: self.0.owner,
            estimated_input,
            attribution: &ask.attribution,
            created_at: now,
        };
        if !store::generation::insert(&mut tx, &new).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let (model, attribution) = (new.model, ask.attribution.clone());
        let owned = Owned { id, workspace, epoch: 1, model, attribution };
        let mint = id.simple().to_string()[20..].to_owned();
        let limit = self.0.terms.max_answer_bytes;
        let accumulator = Accumulator::new(ask.model.provider(), ask.model.model(), &mint, limit);
        let live = Arc::new(Live::new(owned, accumulator));
        self.live().insert(id, live.clone());
        let entry = Entry { generations: self.clone(), live };
        tx.commit().await?;
        entry.live.committed();
        let call = Call { attempt: attempt(&idempotency_key), ask: Arc::new(ask) };
        Ok(Some((entry, Job { provider, call, run, estimated_input })))
    }
}

/// A generation's place in the table of live ones; it goes when the task ends, in whatever way.
struct Entry {
    generations: Generations,
    live: Arc<Live>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.generations.live().remove(&self.live.owned.id);
    }
}

/// Which attempt of its caller a request is: the last part of a key `{run}/{step}/{attempt}`, else the first.
fn attempt(key: &str) -> u32 {
    key.rsplit_once('/').and_then(|(_, last)| last.parse().ok()).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_is_the_last_part_of_the_key() {
        assert_eq!(["r/3/2", "r/3/x", "key", "r/1/0", "7"].map(attempt), [2, 1, 1, 1, 1]);
    }
}
