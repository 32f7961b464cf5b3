//! Measures the queue under load: how soon a small tenant starts behind another's backlog of 100,000, and how much the
//! tables swell in an hour of claims and releases that is compressed in time, beside 100,000 runs that wait.
//!
//! `queue_bench postgres://admin@host/postgres`: the database named is used to make another, which is dropped at the end.
//! Row-level security is on. Autovacuum is turned off and played instead, sixty times in the hour: a table is vacuumed
//! whose dead rows are above its threshold, as the migrations set it, and as PostgreSQL would by default. About two minutes.

#![allow(clippy::print_stdout, reason = "it is what a program for the terminal does")]

use std::time::Duration;

use anyhow::Context;
use mc_chassis::Ambient;
use mc_chassis::db::{self, Database, Passwords};
use mc_tasks::SCHEMA;
use mc_tasks::domain::id::WorkspaceId;
use mc_tasks::store::lease::{self, Caps, Claim, Lease, Release};
use mc_tasks::store::{beat, run};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

const LARGE: Uuid = Uuid::from_u128(1);
const SMALL: Uuid = Uuid::from_u128(2);
const BACKLOG: i64 = 100_000;
/// Runs that are claimed and let go in the hour: fifty a second.
const CYCLES: usize = 180_000;
const BATCH: usize = 60;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let admin = Url::parse(&std::env::args().nth(1).context("queue_bench postgres://admin@host/postgres")?)?;
    let ambient = Ambient::system();
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    for part in [Part::Start, Part::Hour { ours: true }, Part::Hour { ours: false }] {
        let name = format!("queue_bench_{}", ambient.ids.uuid().simple());
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        let measured = measure(&admin, &name, part, &ambient).await;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
            .execute(&mut connection)
            .await?;
        measured?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Start,
    /// With the thresholds of our migrations, or with PostgreSQL's own.
    Hour {
        ours: bool,
    },
}

async fn measure(admin: &Url, name: &str, part: Part, ambient: &Ambient) -> anyhow::Result<()> {
    let mut url = admin.clone();
    url.set_path(name);
    let passwords = Passwords::unchanged().set("api", "bench").set("engine", "bench");
    db::migrate(url.as_str(), &SCHEMA, &passwords).await?;
    let owner = sqlx::PgPool::connect(url.as_str()).await?;
    url.set_username("mc_tasks_engine").and_then(|()| url.set_password(Some("bench"))).ok();
    let engine = Database::connect(&db::Settings::new(url.as_str(), "queue bench")).await?;
    let bench = Bench { owner, engine, worker: ambient.ids.uuid() };
    beat::register(bench.engine.pool(), bench.worker).await?;
    match part {
        Part::Start => bench.small_tenant().await,
        Part::Hour { ours } => bench.hour(ours).await,
    }
}

struct Bench {
    owner: sqlx::PgPool,
    engine: Database,
    worker: Uuid,
}

impl Bench {
    async fn fill(&self, status: i16, runs: i64, workspace: Uuid) -> anyhow::Result<()> {
        sqlx::query(
            "WITH made AS (
                 INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, status, wait_reason, head_seq,
                     starter, fold_version, create_time, model)
                 SELECT gen_random_uuid(), $3, gen_random_uuid(), md5((n % 10)::text)::uuid, 1, $1,
                     CASE WHEN $1 = 5 THEN 1 ELSE 0 END, 0, $3, 1, now(), 'one/m' FROM generate_series(1, $2) n RETURNING *
             )
             INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, agent_id, provider, turn)
             SELECT run_id, workspace_id, now(), fold_version, agent_id, provider, turn FROM made WHERE status = 1",
        )
        .bind(status)
        .bind(runs)
        .bind(workspace)
        .execute(&self.owner)
        .await?;
        Ok(())
    }

    async fn claim(&self, limit: usize, after: Uuid, caps: Caps) -> anyhow::Result<Vec<Lease>> {
        let claim = Claim {
            worker: self.worker,
            limit: limit as i64,
            after: WorkspaceId::new(after),
            caps,
            fold_version: run::FOLD_VERSION_COLUMN,
            capabilities: &[String::new()],
        };
        Ok(lease::claim(&self.engine, &claim).await?)
    }

    /// A worker of 64 slots that the large tenant's backlog keeps busy, each run a quarter of a second. Of the small tenant
    /// one run after the other comes, and is timed from before the statement that queues it until it is leased.
    async fn small_tenant(&self) -> anyhow::Result<()> {
        self.fill(1, BACKLOG, LARGE).await?;
        for table in TABLES {
            sqlx::raw_sql(AssertSqlSafe(format!("VACUUM ANALYZE tasks.{table}")))
                .execute(&self.owner)
                .await?;
        }
        let caps = Caps { workspace: 256, here: 56, agent: 64, provider: 128 };
        let (mut busy, mut took, mut claims) = (Vec::<(Instant, Lease)>::new(), Vec::new(), 0_u32);
        let (mut after, mut waits, mut next_at) = (Uuid::nil(), None::<Instant>, Instant::now());
        while took.len() < 500 {
            if waits.is_none() && Instant::now() >= next_at {
                waits = Some(Instant::now());
                self.fill(1, 1, SMALL).await?;
            }
            let done = |since: &Instant| since.elapsed() > Duration::from_millis(250);
            let over = busy.iter().position(|(since, _)| done(since));
            if let Some(at) = over {
                let (_, lease) = busy.swap_remove(at);
                lease::release(&self.engine, lease.run, lease.epoch, Release::HandBack).await?;
                continue;
            }
            let leases = self.claim((64 - busy.len()).max(1), after, caps).await?;
            claims += 1;
            after = leases.iter().map(|lease| lease.workspace.uuid()).max().unwrap_or(Uuid::nil());
            for lease in leases {
                if lease.workspace.uuid() == SMALL {
                    took.push(waits.take().context("one was queued")?.elapsed().as_secs_f64() * 1_000.0);
                    lease::suspend(&self.engine, lease.run, lease.epoch, lease::Rest::Paused).await?;
                    next_at = Instant::now() + Duration::from_millis(20);
                } else {
                    busy.push((Instant::now(), lease));
                }
            }
            if over.is_none() && waits.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        took.sort_by(f64::total_cmp);
        println!(
            "small tenant behind {BACKLOG} runs of another: queued to leased p50 {:.1} ms, p99 {:.1} ms ({} starts, {claims} claims, {} runs of the other at work)",
            took[took.len() / 2],
            took[took.len() * 99 / 100],
            took.len(),
            busy.len()
        );
        Ok(())
    }

    /// An hour of claims and releases.
    async fn hour(&self, ours: bool) -> anyhow::Result<()> {
        self.fill(5, BACKLOG, LARGE).await?;
        self.fill(1, 1_000, SMALL).await?;
        for table in TABLES {
            // One at a time: several in one message are a transaction, in which nothing is vacuumed.
            let quiet = format!("ALTER TABLE tasks.{table} SET (autovacuum_enabled = false)");
            for statement in [quiet, format!("VACUUM ANALYZE tasks.{table}")] {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.owner).await?;
            }
        }
        let before = self.sizes().await?;
        let (mut vacuums, mut first, mut last) = ([0; TABLES.len()], Duration::ZERO, Duration::ZERO);
        for minute in 0..60 {
            let begun = Instant::now();
            for _ in 0..CYCLES / 60 / BATCH {
                let leases = self.claim(BATCH, Uuid::nil(), Caps::NONE).await?;
                anyhow::ensure!(leases.len() == BATCH, "{} were claimed", leases.len());
                lease::give_back(&self.engine, self.worker, &[]).await?;
            }
            last = begun.elapsed();
            if minute == 0 {
                first = last;
            }
            for (table, vacuums) in TABLES.iter().zip(&mut vacuums) {
                *vacuums += u32::from(self.vacuum(table, ours).await?);
            }
        }
        println!(
            "an hour of {CYCLES} claims and releases beside {BACKLOG} that wait, thresholds {}:",
            if ours { "as set" } else { "by default" }
        );
        println!(
            "  first minute's work {:.2} s, last one's {:.2} s",
            first.as_secs_f64(),
            last.as_secs_f64()
        );
        for (((table, before), (_, after)), vacuums) in before.iter().zip(self.sizes().await?).zip(vacuums) {
            let mib = |bytes: &i64| *bytes as f64 / f64::from(1 << 20);
            println!(
                "  {table:<8} table {:7.2} -> {:7.2} MiB, indexes {:7.2} -> {:7.2} MiB, vacuumed {vacuums} times",
                mib(&before.0),
                mib(&after.0),
                mib(&before.1),
                mib(&after.1)
            );
        }
        Ok(())
    }

    /// Bytes of each table and of its indexes.
    async fn sizes(&self) -> anyhow::Result<Vec<(&'static str, (i64, i64))>> {
        let mut sizes = Vec::new();
        for table in TABLES {
            let size = sqlx::query_as("SELECT pg_table_size($1::regclass), pg_indexes_size($1::regclass)")
                .bind(format!("tasks.{table}"))
                .fetch_one(&self.owner)
                .await?;
            sizes.push((table, size));
        }
        Ok(sizes)
    }

    /// What autovacuum does in its minute; true if it had to.
    async fn vacuum(&self, table: &str, ours: bool) -> anyhow::Result<bool> {
        let option = |name: &str, default: &str| {
            let set = "(SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = ";
            if ours { format!("coalesce({set}'{name}')::float8, {default})") } else { default.to_owned() }
        };
        let threshold = option("autovacuum_vacuum_threshold", "50");
        let scale = option("autovacuum_vacuum_scale_factor", "0.2");
        let due: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT s.n_dead_tup > {threshold} + {scale} * greatest(c.reltuples, 0)
             FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.oid = $1::regclass"
        )))
        .bind(format!("tasks.{table}"))
        .fetch_one(&self.owner)
        .await?;
        if due {
            sqlx::raw_sql(AssertSqlSafe(format!("VACUUM ANALYZE tasks.{table}")))
                .execute(&self.owner)
                .await?;
        }
        Ok(due)
    }
}

const TABLES: [&str; 2] = ["ready", "run"];
