//! One heartbeat for all generations of the process: it keeps their leases, and tells it which ones were taken away
//! or are to stop.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::Generations;
use super::live::Live;
use crate::store;

/// Beats until it is dropped. A beat that fails is logged; the next one may still be in time.
pub(super) async fn beat(generations: Generations) {
    let mut ticks = tokio::time::interval(generations.0.terms.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut by_workspace: HashMap<Uuid, Vec<Arc<Live>>> = HashMap::new();
        for live in generations.live().values().filter(|live| live.is_committed()) {
            by_workspace.entry(live.owned.workspace).or_default().push(live.clone());
        }
        for (workspace, alive) in by_workspace {
            if let Err(error) = beat_workspace(&generations, workspace, &alive).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a heartbeat of generations failed");
            }
        }
    }
}

async fn beat_workspace(
    generations: &Generations,
    workspace: Uuid,
    alive: &[Arc<Live>],
) -> Result<(), sqlx::Error> {
    let beats: Vec<(Uuid, i32, u64)> =
        alive.iter().map(|live| (live.owned.id, live.owned.epoch, live.output_estimate())).collect();
    let mut tx = generations.0.database.begin(workspace).await?;
    let kept = store::heartbeat::beat(&mut tx, &beats).await?;
    tx.commit().await?;
    for live in alive {
        match kept.get(&live.owned.id) {
            Some(false) => {}
            Some(true) => live.stopped.cancel(),
            // One that has just ended is no longer running either; nobody listens to its token any more.
            None => live.fenced.cancel(),
        }
    }
    Ok(())
}
