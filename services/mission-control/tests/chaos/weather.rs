//! What happens to all workers at once: answers of the database lost behind a commit, connections cut, backends terminated,
//! Redis gone, hints that are doubled or about nothing.

use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::bus::Bus;
use mc_chassis::config::BusSettings;
use mc_tasks::topics;

use crate::rig::Rig;

/// Every kind, by the name of its row.
pub(crate) const ALL: [&str; 5] =
    ["commit answer lost", "connections cut", "backends terminated", "redis gone", "hints doubled"];

/// Blows for as long as it is polled.
pub(crate) async fn blow(rig: &Rig) {
    let lifecycle = Lifecycle::new();
    let settings = BusSettings { redis_url: Some(rig.redis_url.parse().expect("a URL")) };
    let bus = Bus::open(&settings, "", &lifecycle).expect("a bus");
    let mut turn = 0;
    loop {
        let pause = Duration::from_millis(500 + rig.deck.below(1_500));
        tokio::time::sleep(pause).await;
        let what = ALL[turn % ALL.len()];
        turn += 1;
        match what {
            "commit answer lost" => {
                for _ in 0..3 {
                    rig.proxy.lose_an_answer();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            "connections cut" => rig.proxy.cut_all(),
            "backends terminated" => {
                let ended = sqlx::query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mc_tasks_engine'",
                );
                ended.execute(&rig.admin).await.expect("terminate");
            }
            "redis gone" => {
                let mut redis = rig.redis.lock().await;
                redis.kill().await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                redis.start().await;
            }
            _ => {
                for _ in 0..20 {
                    topics::publish(&bus, topics::READY, &"");
                    for run in some_runs(rig).await {
                        topics::publish(&bus, topics::MAIL, &topics::Mail { run, number: 1 });
                    }
                }
            }
        }
        rig.score.hit(what);
    }
}

async fn some_runs(rig: &Rig) -> Vec<mc_tasks::domain::id::RunId> {
    let runs: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT run_id FROM tasks.run ORDER BY random() LIMIT 5")
        .fetch_all(&rig.admin)
        .await
        .expect("some runs");
    runs.into_iter().map(mc_tasks::domain::id::RunId::new).collect()
}
