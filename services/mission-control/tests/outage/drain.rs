//! A worker process that is told to go: its runs are others' at once, and nothing is done twice.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::patience::until;
use crate::servers::{Postgres, redis};
use crate::system::{Shape, System};
use crate::watcher::Watcher;
use crate::{RUN_WITHIN, ends_whole};

/// Half of the lease's time limit by default: had the runs been taken from the dead, they would have waited for all of it.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(3);

/// Each run that a worker has, with the worker and the epoch of the lease.
pub(crate) async fn leases(admin: &PgPool) -> Vec<(Uuid, Uuid, i64)> {
    sqlx::query_as("SELECT run_id, worker_id, lease_epoch FROM tasks.run WHERE worker_id IS NOT NULL")
        .fetch_all(admin)
        .await
        .expect("leases")
}

async fn is_on_the_list(admin: &PgPool, worker: Uuid) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM tasks.worker WHERE worker_id = $1)")
        .bind(worker)
        .fetch_one(admin)
        .await
        .expect("look")
}

/// Runs of these that are neither under a later lease nor at their end.
async fn waiting(admin: &PgPool, held: &[(Uuid, i64)]) -> i64 {
    let (runs, epochs): (Vec<Uuid>, Vec<i64>) = held.iter().copied().unzip();
    sqlx::query_scalar(
        "SELECT count(*) FROM tasks.run JOIN unnest($1::uuid[], $2::bigint[]) AS held (run_id, epoch) USING (run_id)
         WHERE lease_epoch = epoch AND end_time IS NULL",
    )
    .bind(runs)
    .bind(epochs)
    .fetch_one(admin)
    .await
    .expect("who has them")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_that_is_told_to_go_hands_its_runs_over_at_once() {
    let postgres = Postgres::start().await;
    let (mut redis, redis_url) = redis();
    redis.start().await;
    let system = System::start_as(Shape::Single, &postgres.url, &redis_url, |up| {
        up.args(["--workers", "2"]);
    })
    .await;
    let admin = PgPool::connect(&postgres.url).await.expect("connect");
    let agent = system.agent("slow").await;
    let watcher = Watcher::connect(&system).await;
    let mut runs = Vec::new();
    for _ in 0..10 {
        runs.push(system.run(&agent).await);
        watcher.follow(runs.last().expect("just made"));
    }
    let busy = async || {
        let leases = leases(&admin).await;
        let mut workers: Vec<Uuid> = leases.iter().map(|(_, worker, _)| *worker).collect();
        workers.sort_unstable();
        workers.dedup();
        workers.len() == 2 && leases.len() == runs.len()
    };
    until("both workers have runs, and these call their model", Duration::from_secs(20), busy).await;

    let before = leases(&admin).await;
    let pid = Pid::from_raw(i32::try_from(system.processes()["worker-1"]).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("SIGTERM");
    let told = Instant::now();
    // Which of the two it was is seen by what it lets go of.
    let mut gone = None;
    until("runs of one worker are under new leases", HANDED_OVER_WITHIN, async || {
        let workers = before.iter().map(|(_, worker, _)| *worker);
        for worker in workers {
            let of = before.iter().filter(|(_, of, _)| *of == worker);
            let held: Vec<(Uuid, i64)> = of.map(|(run, _, epoch)| (*run, *epoch)).collect();
            if waiting(&admin, &held).await == 0 {
                gone = Some((worker, held.len()));
                return true;
            }
        }
        false
    })
    .await;
    let (worker, held) = gone.expect("one of them");
    eprintln!("{held} runs were handed over in {:?}", told.elapsed());
    until("it takes itself off the list", RUN_WITHIN, async || !is_on_the_list(&admin, worker).await).await;
    let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.run WHERE claims > 1")
        .fetch_one(&admin)
        .await
        .expect("claims");
    assert_eq!(taken, 0, "a claim that was handed back counts against no run");
    for run in &runs {
        ends_whole(&system, &watcher, run).await;
    }
    system.stop().await;
}
