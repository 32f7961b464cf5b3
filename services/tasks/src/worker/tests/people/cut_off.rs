//! A worker whose heartbeat is not answered, on a database that answers everything else: it stops of its own accord, in time,
//! before anybody else may take its runs.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::domain::brief::{AgentSnapshot, RunLimits};
use crate::store::tests::writer;
use crate::worker::WorkerSettings;

const TTL: Duration = Duration::from_secs(3);
/// What a request is on its way at most, on a busy machine.
const ON_ITS_WAY: Duration = Duration::from_millis(300);
const ORDERS: u32 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_effect_begins_behind_half_the_time_limit_without_an_acknowledged_beat() {
    let world = World::new().await;
    for order in 0..ORDERS {
        world.fleet.script.then(Reply::Answer("Next.", vec![world.order(&format!("order {order}"))]));
    }
    let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::AtMostOnce)];
    let limits = RunLimits { max_steps: ORDERS + 1, ..RunLimits::default() };
    let run = world.fleet.queued_by(HOME, AgentSnapshot { tools, limits, ..writer() }).await;
    let worker = world.fleet.worker_with(WorkerSettings {
        ttl: TTL,
        heartbeat: TTL / 6,
        schedules: false,
        poll: Duration::from_millis(50),
        ..WorkerSettings::default()
    });
    for _ in 0..5 {
        world.site.came().await;
    }

    // The worker's row is locked: its beats hang, and all its commits go through.
    let mut locked = world.fleet.tables.kit.admin().begin().await.expect("begin");
    sqlx::query("SELECT FROM tasks.worker FOR UPDATE").execute(&mut *locked).await.expect("lock");
    let deaf = Instant::now();
    let mut last = None;
    while tokio::time::timeout(TTL, world.site.came()).await.is_ok() {
        let now = Instant::now();
        assert!(now - deaf < TTL, "effects go on until others may take the run");
        last = Some(now);
    }
    let last = last.expect("effects go on for a while") - deaf;
    assert!(last <= TTL / 2 + ON_ITS_WAY, "the last effect began {last:?} behind the last beat");
    let lease = world.run(run).await;
    assert_eq!((i32::from(lease.status), lease.end_time), (RunState::Running as i32, None), "nobody took it");

    locked.rollback().await.expect("unlock");
    // Stopped between an intent and its request, it cannot tell whether that was sent, and asks.
    let asks = async {
        while i32::from(world.run(run).await.status) != RunState::Waiting as i32 {
            tokio::task::yield_now().await;
        }
    };
    let goes_on = async {
        tokio::select! {
            () = world.site.came() => {}
            () = asks => {}
        }
    };
    tokio::time::timeout(TTL * 5, goes_on).await.expect("it goes on where it stopped");
    worker.shutdown(Duration::from_secs(5)).await;
    let mut keys: Vec<String> = world.site.seen().into_iter().map(|seen| seen.key).collect();
    let sent = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), sent, "nothing was sent twice");
}
