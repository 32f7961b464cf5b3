//! Snapshots of folds beside their journals: read where they serve, and believed nowhere that the journal says otherwise.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::{NOW, Tables, workspace};
use crate::domain::conversation::{FinishReason, Message, Part, Role, ToolCall, Usage};
use crate::domain::event::{
    EffectClass, Event, ModelCallCompleted, ModelCallStarted, Started, ToolCallCompleted, ToolCallStarted,
};
use crate::domain::fold::RunFold;
use crate::domain::id::{RunId, WorkspaceId};
use crate::domain::key;
use crate::store::append::{Append, append_one};
use crate::store::journal;
use crate::store::lease::Lease;
use crate::store::snapshot::{self, AT_REST, Loaded};

const HOME: WorkspaceId = workspace(1);

/// The events of a step: an answer that writes a file, and what became of that.
fn step(run: RunId, step: u32) -> Vec<Event> {
    let (call_id, tool) = (format!("c{step}"), String::from("write_artifact"));
    let arguments_json = format!(r#"{{"path":"{step}.md","content":"{step}"}}"#);
    let call = ToolCall { id: call_id.clone(), tool: tool.clone(), arguments_json: arguments_json.clone() };
    vec![
        Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt: 1,
            model: "simulator/demo".into(),
            message_count: 1,
            compacts_through: None,
        }),
        Event::ModelCallCompleted(ModelCallCompleted {
            step,
            attempt: 1,
            message: Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)] },
            finish_reason: FinishReason::ToolCalls,
            usage: Usage { output_tokens: 5, ..Usage::default() },
            cost_nano_usd: Some(1),
            generation: String::new(),
            duration_ms: 1,
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
            content: format!("Wrote {step}.md."),
            is_error: false,
            artifact: None,
            duration_ms: 1,
        }),
    ]
}

struct Long {
    tables: Arc<Tables>,
    lease: Lease,
    steps: u32,
}

impl Long {
    async fn new(steps: u32) -> Self {
        let tables = Arc::new(Tables::new().await);
        Self::of(&tables, steps).await
    }

    async fn of(tables: &Arc<Tables>, steps: u32) -> Self {
        tables.run(HOME).await;
        let lease = tables.claim(tables.worker().await, 1).await.remove(0);
        let mut long = Self { tables: tables.clone(), lease, steps: 0 };
        long.append(vec![Event::Started(Started {})]).await;
        long.work(steps).await;
        long
    }

    async fn append(&self, events: Vec<Event>) {
        let append = Append { run: self.lease.run, epoch: self.lease.epoch, at: NOW, events };
        let mut connection = self.tables.engine.pool().acquire().await.expect("acquire");
        append_one(&mut connection, &append).await.expect("append");
    }

    async fn work(&mut self, steps: u32) {
        for _ in 0..steps {
            self.steps += 1;
            self.append(step(self.lease.run, self.steps)).await;
        }
    }

    fn head(&self) -> i64 {
        2 + 4 * i64::from(self.steps)
    }

    async fn load(&self) -> Loaded {
        snapshot::load(&self.tables.engine, HOME, self.lease.run, self.head()).await.expect("load")
    }

    /// The fold of the whole journal.
    async fn whole(&self) -> RunFold {
        let mut tx = self.tables.engine.read(HOME.uuid()).await.expect("read");
        let records = journal::page(&mut tx, self.lease.run, 0, 10_000).await.expect("page");
        RunFold::replay(&records).expect("a journal")
    }

    async fn keep(&self, fold: &RunFold) {
        let mut tx = self.tables.engine.begin(HOME.uuid()).await.expect("begin");
        assert!(snapshot::keep(&mut tx, fold).await.expect("keep"));
        tx.commit().await.expect("commit");
    }

    async fn damage(&self, change: &str) {
        let statement = format!("UPDATE tasks.run_snapshot SET {change} WHERE run_id = $1");
        let done = sqlx::query(AssertSqlSafe(statement))
            .bind(self.lease.run.uuid())
            .execute(&self.tables.kit.admin())
            .await
            .expect("damage");
        assert_eq!(done.rows_affected(), 1);
    }
}

#[tokio::test]
async fn a_run_is_read_from_its_snapshot_on_and_comes_to_the_same() {
    let mut long = Long::new(40).await;
    let first = long.load().await;
    assert_eq!((first.snapshot_seq, first.events), (0, long.head()));
    assert_eq!(first.fold, long.whole().await);
    long.keep(&first.fold).await;
    let kept_at = long.head();
    assert_eq!(long.load().await, Loaded { fold: first.fold, snapshot_seq: kept_at, events: 0 });

    long.work(3).await;
    let second = long.load().await;
    assert_eq!((second.snapshot_seq, second.events), (kept_at, 12), "the tail alone");
    assert_eq!(second.fold, long.whole().await);
    // One row a run, whatever comes.
    long.keep(&second.fold).await;
    assert_eq!(long.load().await.snapshot_seq, long.head());
}

#[tokio::test]
async fn short_journals_are_read_without_a_look_for_a_snapshot() {
    let long = Long::new(40).await;
    let fold = long.whole().await;
    long.keep(&fold).await;
    for (head_seq, snapshot_seq) in [(AT_REST - 1, 0), (AT_REST, long.head())] {
        let loaded = snapshot::load(&long.tables.engine, HOME, long.lease.run, head_seq).await.expect("load");
        assert_eq!((loaded.snapshot_seq, &loaded.fold), (snapshot_seq, &fold));
    }
}

#[tokio::test]
async fn a_snapshot_that_is_damaged_or_of_another_version_never_wins_over_the_journal() {
    let mut long = Long::new(30).await;
    let early = long.whole().await;
    long.work(10).await;
    let whole = long.whole().await;
    let other = Long::of(&long.tables, 40).await;
    other.keep(&other.whole().await).await;
    let damages = [
        "version = version + 1",
        "version = version - 1000",
        "content = set_byte(content, 100, get_byte(content, 100) # 1)",
        "content = ''",
        "content = '{}', sha256 = sha256('{}')",
        "sha256 = sha256('')",
        "event_sha256 = sha256('')",
        "seq = seq - 1",
        "seq = seq + 1",
        "seq = 1000000",
        // Whole in itself, and of another run.
        "(content, sha256) = (SELECT o.content, o.sha256 FROM tasks.run_snapshot o WHERE o.run_id <> run_snapshot.run_id)",
    ];
    for damage in damages {
        long.keep(&whole).await;
        assert_eq!(long.load().await.snapshot_seq, long.head(), "believed before");
        long.damage(damage).await;
        let loaded = long.load().await;
        assert_eq!((loaded.snapshot_seq, loaded.events), (0, long.head()), "{damage}");
        assert_eq!(loaded.fold, whole, "{damage}");
        assert_ne!(other.lease.run, long.lease.run);
    }
    // One that is kept anew takes the place of what is damaged.
    long.keep(&whole).await;
    assert_eq!(long.load().await.snapshot_seq, long.head());

    // Well formed, signed, and of a state that the next event cannot follow.
    long.keep(&early).await;
    let text = String::from_utf8(early.to_snapshot()).expect("JSON");
    let wrong = text.replace("\"steps\":30", "\"steps\":29");
    assert_ne!(text, wrong);
    sqlx::query("UPDATE tasks.run_snapshot SET content = $2, sha256 = sha256($2) WHERE run_id = $1")
        .bind(long.lease.run.uuid())
        .bind(wrong.into_bytes())
        .execute(&long.tables.kit.admin())
        .await
        .expect("forge");
    let loaded = long.load().await;
    assert_eq!((loaded.snapshot_seq, loaded.fold), (0, whole));
}

#[tokio::test]
async fn nothing_is_kept_of_what_is_not_committed() {
    let long = Long::new(30).await;
    let mut ahead = long.whole().await;
    for (seq, event) in (ahead.head_seq() + 1..).zip(step(long.lease.run, 31)) {
        ahead.apply(&crate::domain::event::Record { seq, at: NOW, event }).expect("legal");
    }
    long.keep(&ahead).await;
    assert_eq!(long.load().await.snapshot_seq, 0);
}
