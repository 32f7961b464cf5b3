//! Stopping a generation by its key: here at once, elsewhere by a mark on its row, and before it began by keeping its key.

use uuid::Uuid;

use super::Generations;
use crate::domain::generation::{State, Stored, name};
use crate::error::Error;
use crate::store;
use crate::store::generation::By;

impl Generations {
    /// Stops the generation under a key for good and returns it as it then stands; it is still running only if its owner
    /// has not answered within two heartbeats.
    pub async fn cancel(&self, workspace: Uuid, key: &str) -> Result<Stored, Error> {
        loop {
            if let Some(stored) = self.find(workspace, By::Key(key)).await? {
                return self.stop(stored).await;
            }
            let (id, now) = (self.0.ambient.ids.uuid(), self.0.ambient.clock.now());
            let mut tx = self.0.database.begin(workspace).await?;
            // Not kept means that the key was used in the meantime, and as no row ever goes it is found now.
            store::cancel::keep_key(&mut tx, id, workspace, key, self.0.owner, now).await?;
            tx.commit().await?;
        }
    }

    async fn stop(&self, stored: Stored) -> Result<Stored, Error> {
        if stored.state != State::Running {
            return Ok(stored);
        }
        let live = self.live().get(&stored.id).cloned();
        if let Some(live) = &live {
            live.stopped.cancel();
        }
        // Also for one that runs here: should this process die before it settles, whoever does will know.
        let mut tx = self.0.database.begin(stored.workspace).await?;
        store::cancel::request(&mut tx, stored.id).await?;
        tx.commit().await?;
        let (workspace, id) = (stored.workspace, stored.id);
        let ended = async {
            if let Some(live) = live {
                live.ended().await;
            }
            let stored = self.find(workspace, By::Id(id)).await?.unwrap_or(stored);
            self.wait_for_end(stored).await
        };
        if let Ok(ended) = tokio::time::timeout(self.0.terms.heartbeat * 2, ended).await {
            return ended;
        }
        let again = self.find(workspace, By::Id(id)).await?;
        again.ok_or_else(|| Error::NotFound(name(workspace, id)))
    }
}
