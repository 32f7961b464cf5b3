//! The database's server dies and its standby takes over: no run is taken from a worker that lives.
//!
//! A worker that could not beat for as long as a lease lasts stops by itself, and gives back what it had as soon as it is heard
//! again. To a scheduler all workers look dead by then.

use std::time::Duration;

use mc_chassis::Lifecycle;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::Instant;

use crate::drain::leases;
use crate::line::Line;
use crate::patience::until;
use crate::servers::{Postgres, database_url, redis};
use crate::system::{Shape, System};
use crate::watcher::Watcher;
use crate::{BACK_WITHIN, ends_whole};

/// Without a database for longer than a lease lasts without a beat (6 s by default): every worker looks dead by then.
const GAP: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failover_to_a_standby_takes_no_run_from_the_living() {
    let lifecycle = Lifecycle::new();
    let mut first = Postgres::start().await;
    let second = first.standby().await;
    let line = Line::open(first.port(), &lifecycle).await;
    let (mut redis, redis_url) = redis();
    redis.start().await;
    let system = System::start_as(Shape::Single, &database_url(line.port), &redis_url, |up| {
        up.args(["--workers", "2"]);
    })
    .await;
    let agent = system.agent("slow").await;
    let watcher = Watcher::connect(&system).await;
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(system.run(&agent).await);
        watcher.follow(runs.last().expect("just made"));
    }
    let admin = PgPool::connect(&first.url).await.expect("connect");
    until("each run is leased", Duration::from_secs(20), async || leases(&admin).await.len() == runs.len())
        .await;
    admin.close().await;

    first.server.kill().await;
    let killed = Instant::now();
    line.lead_to(second.port());
    let tasks = format!("{}/tasks", system.workspace);
    until("a standby is read and not written to", BACK_WITHIN, async || {
        let written = system.call("POST", &tasks, Some(json!({"title": "Now?"}))).await;
        assert_eq!((written.status, written.body["reason"].as_str()), (503, Some("DATABASE_UNAVAILABLE")));
        system.call("GET", &runs[0], None).await.status == 200
    })
    .await;
    until("every lease looks old", GAP * 2, async || killed.elapsed() > GAP).await;
    second.promote().await;
    until("the system is ready again", BACK_WITHIN, async || system.health("/readyz").await.status == 200)
        .await;

    for run in &runs {
        ends_whole(&system, &watcher, run).await;
    }
    let logs = system.logs();
    let said = |what: &str| logs.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    assert!(!said("lost the lease; stopped").is_empty(), "the gap was longer than a lease lasts");
    assert!(
        said("took runs from workers that are silent").is_empty(),
        "{:?}",
        said("workers that are silent")
    );
    system.stop().await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}
