//! Settling what dead owners left behind, whether or not anybody ever asks for it again.

use std::sync::PoisonError;

use mc_chassis::db;
use uuid::Uuid;

use super::Generations;
use crate::domain::generation::Stored;
use crate::error::Error;
use crate::store;
use crate::store::generation::By;

/// Stale generations of a workspace that one look settles at most; the next look takes the next ones.
const GENERATIONS: i64 = 100;
/// Workspaces that one look goes through at most.
const WORKSPACES: i32 = 100;

/// Looks once a heartbeat, in every process: taking a generation away is one guarded update, so any number may try.
pub(super) async fn sweep(generations: Generations) {
    let mut ticks = tokio::time::interval(generations.0.terms.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = generations.sweep_all().await {
            generations.doubt();
            tracing::warn!(error = &error as &dyn std::error::Error, "sweep generations whose owner died");
        }
    }
}

impl Generations {
    async fn sweep_all(&self) -> Result<(), sqlx::Error> {
        // A database that is slower than this may have kept owners from showing themselves.
        let patience = self.0.terms.lease / 2;
        let workspaces = tokio::time::timeout(patience, self.stale_workspaces());
        let workspaces = workspaces.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        for workspace in workspaces {
            match self.sweep(workspace).await {
                Err(Error::Database(error)) if db::is_unavailable(&error) => return Err(error),
                // The others' ledgers shall not wait for this one.
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, %workspace, "sweep a workspace");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn stale_workspaces(&self) -> Result<Vec<Uuid>, sqlx::Error> {
        let mut tx = self.0.database.begin_open().await?;
        store::heartbeat::stale_workspaces(&mut tx, self.0.terms.lease, WORKSPACES).await
    }

    /// Settles what dead owners left behind in a workspace, so that its ledger is whole.
    pub async fn sweep(&self, workspace: Uuid) -> Result<(), Error> {
        let stale = {
            let mut tx = self.0.database.read(workspace).await?;
            store::heartbeat::stale(&mut tx, workspace, self.0.terms.lease, GENERATIONS).await?
        };
        for id in stale {
            self.get(workspace, id).await?;
        }
        Ok(())
    }

    /// Takes a stale generation from its owner and books the estimate. Returns it as it then stands, whoever was faster.
    pub(super) async fn abandon(&self, stored: Stored) -> Result<Stored, Error> {
        // What runs here is not dead, however late its heartbeat is.
        if self.is_unsure() || self.live().contains_key(&stored.id) {
            return Ok(stored);
        }
        let settlement = stored.estimated_settlement(self.0.prices);
        let now = self.0.ambient.clock.now();
        let mut tx = self.0.database.begin(stored.workspace).await?;
        if store::heartbeat::abandon(&mut tx, &stored, &settlement, self.0.terms.lease, now).await? {
            tx.commit().await?;
            tracing::warn!(generation = %stored.id, owner = %stored.owner, "settled a generation whose owner died");
        } else {
            tx.rollback().await?;
        }
        let again = self.find(stored.workspace, By::Id(stored.id)).await?;
        Ok(again.unwrap_or(stored))
    }

    /// Notes that the database was away: owners could not show themselves either, and get a lease's time to do so.
    pub(super) fn doubt(&self) {
        let until = self.0.ambient.clock.instant() + self.0.terms.lease;
        *self.0.unsure_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_unsure(&self) -> bool {
        let until = *self.0.unsure_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| self.0.ambient.clock.instant() < until)
    }
}
