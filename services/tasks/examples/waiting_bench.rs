//! Measures what waiting costs: a worker that also schedules, beside nothing, 1,000 and 100,000 runs that wait.
//!
//! `waiting_bench postgres://admin@host/postgres`: the database named is used to make others, which are dropped at the end; it has
//! to be on this machine, whose `/proc` says what the server's backends use. Half of the runs wait for a person, half for a time
//! tomorrow. All settings are the defaults, hints travel within the process. For each number a worker starts, is let settle for
//! three seconds, and is watched for fifteen. About a minute.

#![allow(clippy::print_stdout, reason = "it is what a program for the terminal does")]

#[path = "support/waiting.rs"]
mod waiting;

use std::time::Duration;

use anyhow::Context;
use mc_chassis::auth::{ServiceIdentity, SigningKey};
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::config::ClientSettings;
use mc_chassis::db::{self, Database, Passwords};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::{Ambient, Lifecycle};
use mc_tasks::SCHEMA;
use mc_tasks::worker::{self, Means, WorkerSettings};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use url::Url;

const SETTLES: Duration = Duration::from_secs(3);
const SPAN: Duration = Duration::from_secs(15);
/// What `/proc` counts processor time in, per second: `USER_HZ`, which Linux has fixed for programs.
const TICKS: f64 = 100.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    mc_chassis::install_crypto();
    let admin =
        Url::parse(&std::env::args().nth(1).context("waiting_bench postgres://admin@host/postgres")?)?;
    let ambient = Ambient::system();
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    for runs in [0, 1_000, 100_000] {
        let name = format!("waiting_bench_{}", ambient.ids.uuid().simple());
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        let measured = measure(&admin, &name, runs, &ambient).await;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
            .execute(&mut connection)
            .await?;
        measured?;
    }
    Ok(())
}

async fn measure(admin: &Url, name: &str, runs: i64, ambient: &Ambient) -> anyhow::Result<()> {
    let mut url = admin.clone();
    url.set_path(name);
    let passwords = Passwords::unchanged().set("api", "bench").set("engine", "bench");
    db::migrate(url.as_str(), &SCHEMA, &passwords).await?;
    let owner = PgPool::connect(url.as_str()).await?;
    waiting::fill(&mut *owner.acquire().await?, runs).await?;
    url.set_username("mc_tasks_engine").and_then(|()| url.set_password(Some("bench"))).ok();

    let lifecycle = Lifecycle::new();
    // Nothing that waits calls anybody.
    let nobody = |name| {
        let target = "http://127.0.0.1:9".parse().map_err(anyhow::Error::msg)?;
        anyhow::Ok(Upstream::new(name, target, &ClientSettings::default(), &lifecycle))
    };
    let means = Means {
        engine: Database::connect(&db::Settings::new(url.as_str(), "waiting bench")).await?,
        llm: nobody("llm")?,
        identity: ServiceIdentity::new("tasks", SigningKey::from_seed([7; 32]), ambient.clock.clone()),
        registry: nobody("registry")?,
        accounts: nobody("identity")?,
        egress: Egress::new(EgressPolicy::default())?,
        mailer: None,
        bus: Bus::local(),
        ambient: ambient.clone(),
    };
    let ends = lifecycle.clone();
    let working =
        lifecycle.spawn("worker", async move { worker::run(WorkerSettings::default(), means, &ends).await });
    tokio::time::sleep(SETTLES).await;
    let (own, theirs) = (processor_seconds("self")?, backends(&owner).await?);
    tokio::time::sleep(SPAN).await;
    let percent = |from: f64, to: f64| (to - from) / SPAN.as_secs_f64() * 100.0;
    println!(
        "{runs:>7} wait: worker {:.2} % of a core, {:.1} MiB resident; its PostgreSQL backends {:.2} % of a core",
        percent(own, processor_seconds("self")?),
        resident_mib()?,
        percent(theirs, backends(&owner).await?),
    );
    lifecycle.shutdown(Duration::from_secs(10)).await;
    working.await?
}

/// Processor time of the server's processes that serve this database, all in all, in seconds.
async fn backends(owner: &PgPool) -> anyhow::Result<f64> {
    let serve = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user";
    let pids: Vec<String> = sqlx::query_scalar(serve).fetch_all(owner).await?;
    anyhow::ensure!(!pids.is_empty(), "the worker has connections");
    pids.iter().map(|pid| processor_seconds(pid)).sum()
}

/// Processor time of a process so far, its own and the kernel's for it, in seconds.
fn processor_seconds(pid: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may hold anything; there the times are the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').context("a name in brackets")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// Memory that this process holds, in MiB.
fn resident_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1_024.0)
}
