//! What runs left behind, read from the tables of a real system for the checker of histories.

use std::collections::{BTreeMap, BTreeSet};

use mc_tasks::domain::event::Event;
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::history::{Entry, Letter, Outside, Receipt, Row, RunHistory};
use mc_tasks::domain::id::RunId;
use mc_tasks::store::run::status;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct RunRow {
    run_id: Uuid,
    status: i16,
    wait_reason: i16,
    head_seq: i64,
    lease_epoch: i64,
    worker_id: Option<Uuid>,
    mailbox_seq: i64,
    mailbox_read: i64,
    open_items: i32,
    total_tokens: i64,
    cost_nano_usd: i64,
}

/// Every run's history.
pub(crate) async fn histories(
    admin: &PgPool,
    acknowledged: &BTreeMap<Uuid, BTreeSet<Uuid>>,
) -> Vec<RunHistory> {
    let rows: Vec<RunRow> =
        sqlx::query_as("SELECT * FROM tasks.run ORDER BY run_id").fetch_all(admin).await.expect("read runs");
    let mut histories = Vec::new();
    for row in rows {
        let run = row.run_id;
        histories.push(RunHistory {
            run: RunId::new(run),
            journal: journal(admin, run).await,
            letters: letters(admin, run).await,
            acknowledged: acknowledged.get(&run).cloned().unwrap_or_default(),
            row: row_of(row),
        });
    }
    histories
}

async fn journal(admin: &PgPool, run: Uuid) -> Vec<Entry> {
    let rows: Vec<(i64, i64, OffsetDateTime, String)> = sqlx::query_as(
        "SELECT seq, epoch, create_time, body::text FROM tasks.journal WHERE run_id = $1 ORDER BY seq",
    )
    .bind(run)
    .fetch_all(admin)
    .await
    .expect("read a journal");
    rows.into_iter()
        .map(|(seq, epoch, at, body)| {
            let event =
                Event::from_json(&body).unwrap_or_else(|error| panic!("{run} {seq}: {error}: {body}"));
            Entry { seq, epoch, at, event }
        })
        .collect()
}

async fn letters(admin: &PgPool, run: Uuid) -> Vec<Letter> {
    let rows: Vec<(i64, Uuid, bool, bool, i16)> = sqlx::query_as(
        "SELECT number, command_id, kind = 4, kind = 20, state FROM tasks.command
         WHERE run_id = $1 ORDER BY number",
    )
    .bind(run)
    .fetch_all(admin)
    .await
    .expect("read letters");
    let letter = |(number, id, decides, tells, state)| {
        let receipt = match state {
            1 => Receipt::Requested,
            2 => Receipt::Delivered,
            3 => Receipt::Effective,
            _ => Receipt::Superseded,
        };
        Letter { number, id, decides, tells, receipt }
    };
    rows.into_iter().map(letter).collect()
}

fn row_of(row: RunRow) -> Row {
    let state = match row.status {
        status::QUEUED => RunState::Queued,
        status::RUNNING => RunState::Running,
        status::SUCCEEDED => RunState::Succeeded,
        status::FAILED => RunState::Failed,
        status::CANCELLED => RunState::Cancelled,
        status::PAUSED => RunState::Paused,
        _ => RunState::Waiting(match row.wait_reason {
            1 => WaitReason::Approval,
            2 => WaitReason::Input,
            3 => WaitReason::Outcome,
            other => panic!("no run of this test waits for {other}"),
        }),
    };
    Row {
        state,
        head_seq: row.head_seq,
        lease_epoch: row.lease_epoch,
        worker: row.worker_id,
        mailbox_seq: row.mailbox_seq,
        mailbox_read: row.mailbox_read,
        open_items: row.open_items.into(),
        tokens: row.total_tokens,
        cost_nano_usd: row.cost_nano_usd,
    }
}

/// What was counted outside of the engine: letters by the letterbox, charges by the ledger.
pub(crate) async fn outside(admin: &PgPool, effects: BTreeMap<String, u32>) -> Outside {
    let charges: Vec<(String, i64)> = sqlx::query_as(
        "SELECT g.idempotency_key, count(*) FROM llm.usage_entry u JOIN llm.generation g USING (generation_id)
         GROUP BY g.idempotency_key",
    )
    .fetch_all(admin)
    .await
    .expect("read the ledger");
    let alive: Vec<Uuid> =
        sqlx::query_scalar("SELECT worker_id FROM tasks.worker WHERE beat_time > now() - interval '6 s'")
            .fetch_all(admin)
            .await
            .expect("read workers");
    Outside {
        effects,
        counted_tools: ["http_request".to_owned()].into(),
        charges: charges.into_iter().map(|(key, times)| (key, times as u32)).collect(),
        alive: alive.into_iter().collect(),
    }
}
