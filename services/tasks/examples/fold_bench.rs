//! Measures what a worker reads that takes a run: its whole journal, or a snapshot and what came behind it.
//!
//! `fold_bench postgres://admin@host/postgres`: the database named is used to make another, which is dropped at the end. Runs of
//! several lengths, each step an intent, an answer of 1 KB, a call and its result of 1 KB; row-level security on. Each figure is
//! the median of eleven loads.

#![allow(clippy::print_stdout, reason = "it is what a program for the terminal does")]

use anyhow::Context;
use mc_chassis::Ambient;
use mc_chassis::db::{self, Database, Passwords};
use mc_tasks::SCHEMA;
use mc_tasks::domain::brief::{
    AgentSnapshot, ContextPolicy, ModelParameters, RunBrief, RunLimits, TaskSnapshot,
};
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall, Usage};
use mc_tasks::domain::event::{
    EffectClass, Event, ModelCallCompleted, ModelCallStarted, Queued, Started, ToolCallCompleted,
    ToolCallStarted,
};
use mc_tasks::domain::fold::RunFold;
use mc_tasks::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use mc_tasks::domain::key;
use mc_tasks::store::append::{Append, append_one};
use mc_tasks::store::lease::{self, Caps, Claim, Lease};
use mc_tasks::store::snapshot::{self, AT_REST, EVERY};
use mc_tasks::store::{beat, run};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

const LENGTHS: [u32; 7] = [20, 100, 200, 500, 1_000, 2_500, 10_000];
const TEXT: usize = 1_000;
const LOADS: usize = 11;
const HOME: WorkspaceId = WorkspaceId::new(Uuid::from_u128(1));

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let admin = Url::parse(&std::env::args().nth(1).context("fold_bench postgres://admin@host/postgres")?)?;
    let ambient = Ambient::system();
    let name = format!("fold_bench_{}", ambient.ids.uuid().simple());
    let mut connection = PgConnection::connect(admin.as_str()).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    let measured = measure(&admin, &name, &ambient).await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&mut connection)
        .await?;
    measured
}

async fn measure(admin: &Url, name: &str, ambient: &Ambient) -> anyhow::Result<()> {
    let mut url = admin.clone();
    url.set_path(name);
    let passwords =
        ["api", "engine"].iter().fold(Passwords::unchanged(), |all, login| all.set(*login, "bench"));
    db::migrate(url.as_str(), &SCHEMA, &passwords).await?;
    let login = async |login: &str| {
        let mut url = url.clone();
        url.set_username(&format!("mc_tasks_{login}")).and_then(|()| url.set_password(Some("bench"))).ok();
        Database::connect(&db::Settings::new(url.as_str(), "fold bench")).await
    };
    let bench = Bench { api: login("api").await?, engine: login("engine").await?, ambient: ambient.clone() };
    println!(
        "{LOADS} loads each, median; a snapshot is kept each {EVERY} events, and at a rest behind {AT_REST}"
    );
    println!(
        "events   whole: rows      ms   snapshot: rows      ms   behind it {EVERY}: rows      ms   kept: KB      ms"
    );
    for length in LENGTHS {
        bench.compare(length).await?;
    }
    Ok(())
}

struct Bench {
    api: Database,
    engine: Database,
    ambient: Ambient,
}

impl Bench {
    async fn compare(&self, length: u32) -> anyhow::Result<()> {
        let lease = self.start().await?;
        self.append(&lease, vec![Event::Started(Started {})]).await?;
        let steps = (length - 2) / 4;
        for step in 1..=steps {
            self.append(&lease, events(lease.run, step)).await?;
        }
        let (rows, ms, fold) = self.load(&lease).await?;
        let bytes = fold.to_snapshot().len();
        let mut kept = Vec::new();
        for _ in 0..LOADS {
            let begun = Instant::now();
            let mut tx = self.engine.begin(HOME.uuid()).await?;
            snapshot::keep(&mut tx, &fold).await?;
            tx.commit().await?;
            kept.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let (snapshot_rows, snapshot_ms, same) = self.load(&lease).await?;
        anyhow::ensure!(same == fold, "a snapshot comes to the same");
        for step in 1..=u32::try_from(EVERY / 4)? {
            self.append(&lease, events(lease.run, steps + step)).await?;
        }
        let (tail_rows, tail_ms, _) = self.load(&lease).await?;
        println!(
            "{length:6}   {rows:11} {ms:7.1}   {snapshot_rows:14} {snapshot_ms:7.1}   {tail_rows:19} {tail_ms:7.1}   {:8} {:7.1}",
            bytes / 1024,
            median(kept)
        );
        Ok(())
    }

    /// Events that were read, and the milliseconds that it took. The snapshot is looked for, however short the journal.
    async fn load(&self, lease: &Lease) -> anyhow::Result<(i64, f64, RunFold)> {
        let mut took = Vec::new();
        let mut last = None;
        for _ in 0..LOADS {
            let begun = Instant::now();
            last = Some(snapshot::load(&self.engine, HOME, lease.run, i64::MAX).await?);
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let last = last.context("at least one")?;
        Ok((last.events, median(took), last.fold))
    }

    async fn append(&self, lease: &Lease, events: Vec<Event>) -> anyhow::Result<()> {
        let append = Append { run: lease.run, epoch: lease.epoch, at: self.ambient.clock.now(), events };
        append_one(&mut *self.engine.pool().acquire().await?, &append).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<Lease> {
        let ids = &self.ambient.ids;
        let task = TaskSnapshot {
            task: TaskId::new(ids.uuid()),
            title: "Bench".into(),
            brief: "b".repeat(500),
            acceptance_checks: Vec::new(),
        };
        let agent = AgentSnapshot {
            agent: AgentId::new(ids.uuid()),
            version: 1,
            display_name: "Bench".into(),
            instructions: "i".repeat(500),
            model: "simulator/demo".into(),
            parameters: ModelParameters::default(),
            tools: Vec::new(),
            limits: RunLimits::default(),
            context: ContextPolicy::default(),
        };
        let brief = RunBrief::pin(HOME, RunId::new(ids.uuid()), UserId::new(ids.uuid()), task, agent);
        let mut tx = self.api.begin(HOME.uuid()).await?;
        run::insert(&mut tx, &Queued { brief: brief.into(), start_at: None }, self.ambient.clock.now())
            .await?;
        tx.commit().await?;
        let worker = ids.uuid();
        beat::register(self.engine.pool(), worker).await?;
        let claim = Claim {
            worker,
            limit: 1,
            after: WorkspaceId::new(Uuid::nil()),
            caps: Caps::NONE,
            fold_version: run::FOLD_VERSION_COLUMN,
            capabilities: &[String::new()],
        };
        lease::claim(&self.engine, &claim).await?.pop().context("a run is ready")
    }
}

fn median(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

fn events(run: RunId, step: u32) -> Vec<Event> {
    let (call_id, tool) = (format!("c{step}"), String::from("http_fetch"));
    let arguments_json = format!(r#"{{"url":"https://example.com/{step}"}}"#);
    let call = ToolCall { id: call_id.clone(), tool: tool.clone(), arguments_json: arguments_json.clone() };
    let parts = vec![Part::Text { text: "t".repeat(TEXT) }, Part::ToolCall(call)];
    vec![
        Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt: 1,
            model: "simulator/demo".into(),
            message_count: step * 2,
            compacts_through: None,
        }),
        Event::ModelCallCompleted(ModelCallCompleted {
            step,
            attempt: 1,
            message: Message { role: Role::Assistant, parts },
            finish_reason: FinishReason::ToolCalls,
            usage: Usage { output_tokens: 250, ..Usage::default() },
            cost_nano_usd: Some(1_000),
            generation: String::new(),
            duration_ms: 900,
        }),
        Event::ToolCallStarted(ToolCallStarted {
            step,
            call_id: call_id.clone(),
            tool: tool.clone(),
            arguments_json,
            effect_class: EffectClass::Pure,
            idempotency_key: key::tool_call(run, step, &call_id),
            attempt: 1,
        }),
        Event::ToolCallCompleted(ToolCallCompleted {
            step,
            call_id,
            tool,
            content: "r".repeat(TEXT),
            is_error: false,
            artifact: None,
            duration_ms: 100,
        }),
    ]
}
