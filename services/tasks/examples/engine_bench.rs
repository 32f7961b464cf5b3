//! Measures the engine on a database of its own: durable steps, claims, and the way from the queue to the start.
//!
//! `engine_bench postgres://admin@host/postgres [redis://host]`: the first database named is used to make another, which is
//! dropped at the end. Row-level security is on, as the serving roles have it; durability is whatever the server's `fsync` and
//! `synchronous_commit` say, and both are printed. A step is an intent and a result with a body of 2 KB, each committed
//! before the next begins, as in a run. About a minute. `MC_BENCH_TOLD` names a file to which the figures are added as a line
//! of JSON, for the table beside the peers.

#![allow(clippy::print_stdout, reason = "it is what a program for the terminal does")]

#[path = "support/waiting.rs"]
mod waiting;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use mc_chassis::bus::Bus;
use mc_chassis::db::{self, Database, Passwords};
use mc_chassis::{Ambient, Lifecycle};
use mc_tasks::SCHEMA;
use mc_tasks::domain::brief::{AgentSnapshot, ModelParameters, RunBrief, RunLimits, TaskSnapshot};
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, Usage};
use mc_tasks::domain::event::{Event, ModelCallCompleted, ModelCallStarted, Queued, Started};
use mc_tasks::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use mc_tasks::store::append::{Append, append_one};
use mc_tasks::store::lease::{self, Caps, Claim, Lease};
use mc_tasks::store::{beat, run};
use mc_tasks::topics;
use mc_tasks::worker::committer::Committer;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

/// What the design reached on these two cores without row-level security and bodies (facts/engine.md).
const CEILING: &str =
    "ceiling of the bare design, empty body, no RLS: 15,282 steps/s, 5,669 runs/s, start 2.0/6.3 ms";
const BODY: usize = 2_000;
const RUNS: usize = 128;
/// As `MC_TASKS_COMMIT_LANES` has it; its figure is the one that is compared.
const DEFAULT_LANES: usize = 4;
const SPAN: Duration = Duration::from_secs(6);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let admin =
        Url::parse(&arguments.next().context("engine_bench postgres://admin@host/postgres [redis://host]")?)?;
    let redis = arguments.next();
    let ambient = Ambient::system();
    let name = format!("engine_bench_{}", ambient.ids.uuid().simple());
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    let settings: (String, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')",
    )
    .fetch_one(&mut connection)
    .await?;
    println!("PostgreSQL {}, fsync {}, synchronous_commit {}", settings.0, settings.1, settings.2);
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    let measured = measure(&admin, &name, redis.as_deref(), &ambient).await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&mut connection)
        .await?;
    measured
}

async fn measure(admin: &Url, name: &str, redis: Option<&str>, ambient: &Ambient) -> anyhow::Result<()> {
    let mut url = admin.clone();
    url.set_path(name);
    let passwords =
        ["api", "engine"].iter().fold(Passwords::unchanged(), |all, login| all.set(*login, "bench"));
    db::migrate(url.as_str(), &SCHEMA, &passwords).await?;
    let login = async |login: &str| {
        let mut url = url.clone();
        url.set_username(&format!("mc_tasks_{login}")).and_then(|()| url.set_password(Some("bench"))).ok();
        let settings =
            db::Settings { max_connections: 24, ..db::Settings::new(url.as_str(), "engine bench") };
        Database::connect(&settings).await
    };
    let bench = Bench { api: login("api").await?, engine: login("engine").await?, ambient: ambient.clone() };
    println!("{CEILING}");
    let mut steps = 0.0;
    for lanes in [0, 1, 2, DEFAULT_LANES] {
        steps = bench.steps(lanes).await?;
        let how = if lanes == 0 {
            "each append its own statement".into()
        } else {
            format!("{lanes} lanes of group commit")
        };
        println!(
            "steps: {steps:8.0} /s   {RUNS} runs at once, intent + result of {BODY} bytes, RLS on, {how}"
        );
    }
    println!(
        "claim: {:8.0} runs/s   20,000 runs of 20 workspaces, 2 workers, batches of 64",
        bench.claims().await?
    );
    let lifecycle = Lifecycle::new();
    let (bus, hints) = match redis {
        Some(url) => (Bus::redis(url, "engine-bench", &lifecycle)?, "hints over Redis"),
        None => (Bus::local(), "hints within the process"),
    };
    let (p50, p99) = bench.starts(bus.clone()).await?;
    println!(
        "start: p50 {p50:.1} ms, p99 {p99:.1} ms   StartTask's transaction to RunStarted committed, 50/s, {hints}"
    );
    waiting::fill(&mut PgConnection::connect(url.as_str()).await?, 100_000).await?;
    let beside = bench.starts(bus).await?;
    println!(
        "start: p50 {:.1} ms, p99 {:.1} ms   the same beside 100,000 runs that wait: p99 {:+.0} %",
        beside.0,
        beside.1,
        (beside.1 / p99 - 1.0) * 100.0
    );
    lifecycle.shutdown(Duration::from_secs(1)).await;
    if let Some(path) = std::env::var_os("MC_BENCH_TOLD") {
        let version = env!("CARGO_PKG_VERSION");
        let told = serde_json::json!({"peer": "Mission Control", "version": version, "steps": steps, "p50": p50, "p99": p99});
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{told}")?;
    }
    Ok(())
}

#[derive(Clone)]
struct Bench {
    api: Database,
    engine: Database,
    ambient: Ambient,
}

impl Bench {
    /// Steps per second. Without lanes, every append is a statement of its own.
    async fn steps(&self, lanes: usize) -> anyhow::Result<f64> {
        self.queue(RUNS, 8).await?;
        let leases = self.claim_all(self.worker().await?).await?;
        let lifecycle = Lifecycle::new();
        let committer = (lanes > 0).then(|| Arc::new(Committer::start(&self.engine, lanes, &lifecycle)));
        let steps = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let runs = leases.into_iter().map(|lease| {
            let (bench, committer, steps) = (self.clone(), committer.clone(), steps.clone());
            lifecycle.spawn("run", async move {
                for step in 1.. {
                    for event in [intent(step), result(step)] {
                        bench.append(committer.as_deref(), &lease, event).await?;
                    }
                    steps.fetch_add(1, Ordering::Relaxed);
                    if begun.elapsed() > SPAN {
                        break;
                    }
                }
                anyhow::Ok(())
            })
        });
        for run in runs.collect::<Vec<_>>() {
            run.await??;
        }
        let rate = steps.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
        lifecycle.shutdown(Duration::from_secs(1)).await;
        Ok(rate)
    }

    async fn append(&self, committer: Option<&Committer>, lease: &Lease, event: Event) -> anyhow::Result<()> {
        let at = self.ambient.clock.now();
        let append = Append { run: lease.run, epoch: lease.epoch, at, events: vec![event] };
        match committer {
            Some(committer) => committer.append(append).await?,
            None => append_one(&mut *self.engine.pool().acquire().await?, &append).await?,
        };
        Ok(())
    }

    /// Runs claimed per second.
    async fn claims(&self) -> anyhow::Result<f64> {
        const CLAIMED: usize = 20_000;
        self.queue(CLAIMED, 20).await?;
        let begun = Instant::now();
        let (first, second) = (self.worker().await?, self.worker().await?);
        let (first, second) = futures::try_join!(self.claim_all(first), self.claim_all(second))?;
        anyhow::ensure!(first.len() + second.len() == CLAIMED, "every run is claimed once");
        Ok(CLAIMED as f64 / begun.elapsed().as_secs_f64())
    }

    /// Median and 99th percentile in milliseconds, from before the transaction that queues a run to the answer of the commit
    /// of its first event by a worker.
    async fn starts(&self, bus: Bus) -> anyhow::Result<(f64, f64)> {
        let worker = self.worker().await?;
        let (bench, lifecycle) = (self.clone(), Lifecycle::new());
        let mut hints = bus.subscribe(topics::READY).await;
        let committer = Committer::start(&self.engine, 2, &lifecycle);
        let (started, mut starts) = tokio::sync::mpsc::channel(16);
        lifecycle.spawn_background("claim", async move {
            loop {
                for lease in bench.claim(worker, 64).await? {
                    bench.append(Some(&committer), &lease, Event::Started(Started {})).await?;
                    started.send(lease.run).await?;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), hints.next()).await;
            }
            #[allow(unreachable_code, reason = "it says what the block's errors are")]
            anyhow::Ok(())
        });
        let mut took = Vec::new();
        for _ in 0..500 {
            let begun = Instant::now();
            let run = self.start_one().await?;
            topics::publish(&bus, topics::READY, &"");
            anyhow::ensure!(starts.recv().await == Some(run), "runs start in order");
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        lifecycle.shutdown(Duration::from_secs(1)).await;
        took.sort_by(f64::total_cmp);
        Ok((took[took.len() / 2], took[took.len() * 99 / 100]))
    }

    async fn start_one(&self) -> anyhow::Result<RunId> {
        let ids = &self.ambient.ids;
        let workspace = WorkspaceId::new(Uuid::from_u128(1));
        let run = RunId::new(ids.uuid());
        let brief = RunBrief::pin(
            workspace,
            run,
            UserId::new(ids.uuid()),
            TaskSnapshot {
                task: TaskId::new(ids.uuid()),
                title: "Bench".into(),
                brief: "b".repeat(500),
                acceptance_checks: Vec::new(),
            },
            AgentSnapshot {
                agent: AgentId::new(ids.uuid()),
                version: 1,
                display_name: "Bench".into(),
                instructions: "i".repeat(500),
                model: "simulator/demo".into(),
                parameters: ModelParameters::default(),
                tools: Vec::new(),
                limits: RunLimits::default(),
                context: mc_tasks::domain::brief::ContextPolicy::default(),
            },
        );
        let mut tx = self.api.begin(workspace.uuid()).await?;
        run::insert(&mut tx, &Queued { brief: Arc::new(brief), start_at: None }, self.ambient.clock.now())
            .await?;
        tx.commit().await?;
        Ok(run)
    }

    /// Puts many runs into the queue at once.
    async fn queue(&self, runs: usize, workspaces: usize) -> anyhow::Result<()> {
        for workspace in 0..workspaces {
            let id = Uuid::from_u128(100 + workspace as u128);
            let runs: Vec<Uuid> = (0..runs / workspaces).map(|_| self.ambient.ids.uuid()).collect();
            let mut tx = self.api.begin(id).await?;
            sqlx::query(
                "INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, head_seq, starter, fold_version, create_time)
                 SELECT r, $2, r, $3, 1, 0, r, 1, now() FROM unnest($1::uuid[]) r",
            )
            .bind(&runs)
            .bind(id)
            .bind(self.ambient.ids.uuid())
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, agent_id, provider, turn)
                 SELECT run_id, workspace_id, now(), fold_version, agent_id, provider, turn FROM tasks.run
                 WHERE run_id = ANY ($1)",
            )
            .bind(&runs)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn worker(&self) -> anyhow::Result<Uuid> {
        let worker = self.ambient.ids.uuid();
        beat::register(self.engine.pool(), worker).await?;
        Ok(worker)
    }

    async fn claim(&self, worker: Uuid, limit: i64) -> anyhow::Result<Vec<Lease>> {
        let claim = Claim {
            worker,
            limit,
            after: WorkspaceId::new(Uuid::nil()),
            caps: Caps::NONE,
            fold_version: run::FOLD_VERSION_COLUMN,
            capabilities: &[String::new()],
        };
        Ok(lease::claim(&self.engine, &claim).await?)
    }

    async fn claim_all(&self, worker: Uuid) -> anyhow::Result<Vec<Lease>> {
        let mut all = Vec::new();
        loop {
            let batch = self.claim(worker, 64).await?;
            if batch.is_empty() {
                return Ok(all);
            }
            all.extend(batch);
        }
    }
}

fn intent(step: u32) -> Event {
    Event::ModelCallStarted(ModelCallStarted {
        step,
        attempt: 1,
        model: "simulator/demo".into(),
        message_count: 1,
        compacts_through: None,
    })
}

fn result(step: u32) -> Event {
    let message = Message { role: Role::Assistant, parts: vec![Part::Text { text: "x".repeat(BODY) }] };
    Event::ModelCallCompleted(ModelCallCompleted {
        step,
        attempt: 1,
        message,
        finish_reason: FinishReason::Stop,
        usage: Usage { input_tokens: 900, output_tokens: 100, ..Usage::default() },
        cost_nano_usd: Some(1_000),
        generation: String::new(),
        duration_ms: 1,
    })
}
