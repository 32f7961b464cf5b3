//! What is in the tables, of the model and of PostgreSQL, in the same words.

use std::collections::BTreeMap;

use mc_tasks::domain::id::RunId;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::tables::Tables;

/// Everything about runs, and the workers on the list.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    runs: BTreeMap<Uuid, Seen>,
    /// With whether their beat is yet to come.
    workers: Vec<(Uuid, bool)>,
    /// Of each workspace: refusals, who goes first, how many are let go next, and whether its time has come.
    parks: Vec<(Uuid, i32, Option<Uuid>, i32, bool)>,
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    parent: Option<Uuid>,
    status: i16,
    wait_reason: i16,
    epoch: i64,
    worker: Option<Uuid>,
    head_seq: i64,
    claims: i16,
    steps: i32,
    mailbox: (i64, i64),
    open_items: i32,
    pending_command: i16,
    /// In line, and where its row of `run` says; none while it is not.
    ready: Option<bool>,
    delayed: Option<OffsetDateTime>,
    /// Whether it is in line to call and do nothing else, and whether it waits for its provider.
    calls: (bool, bool),
    /// What people are told of it.
    wake_time: Option<OffsetDateTime>,
    /// Kind and epoch.
    journal: Vec<(String, i64)>,
    /// Id, state and whether it was delivered.
    letters: Vec<(Uuid, i16, bool)>,
    items: Vec<(Uuid, i16)>,
}

pub(super) fn model(tables: &Tables) -> Contents {
    let runs = tables.runs.iter().map(|(run, row)| {
        let seen = Seen {
            parent: row.lineage.map(|lineage| lineage.parent.uuid()),
            status: row.status,
            wait_reason: row.wait_reason,
            epoch: row.epoch,
            worker: row.worker,
            head_seq: row.head_seq,
            claims: row.claims,
            steps: row.steps,
            mailbox: (row.mailbox_seq, row.mailbox_read),
            open_items: row.open_items,
            pending_command: row.pending_command,
            ready: tables.ready.contains(run).then_some(true),
            delayed: tables.delayed.get(run).copied(),
            calls: (tables.calls.contains(run), tables.asleep.contains(run)),
            wake_time: tables.delayed.get(run).copied(),
            journal: row.journal.iter().map(|entry| (entry.event.kind().into(), entry.epoch)).collect(),
            letters: row.letters.iter().map(|it| (it.id(), it.state, it.delivered)).collect(),
            items: row.items.iter().map(|(item, state)| (*item, *state)).collect(),
        };
        (run.uuid(), seen)
    });
    let workers = tables.workers.iter().map(|(worker, beat)| (*worker, *beat > tables.now));
    let parks = tables.parks.iter().map(|(workspace, park)| {
        let probe = park.probe.map(|(run, _)| run.uuid());
        (workspace.uuid(), park.refusals as i32, probe, park.batch as i32, park.until <= tables.now)
    });
    Contents { runs: runs.collect(), workers: workers.collect(), parks: parks.collect() }
}

#[derive(sqlx::FromRow)]
struct RunRow {
    run_id: Uuid,
    parent_run: Option<Uuid>,
    status: i16,
    wait_reason: i16,
    lease_epoch: i64,
    worker_id: Option<Uuid>,
    head_seq: i64,
    claims: i16,
    steps: i32,
    mailbox_seq: i64,
    mailbox_read: i64,
    open_items: i32,
    pending_command: i16,
    ready: Option<bool>,
    wake_at: Option<OffsetDateTime>,
    calls: bool,
    asleep: bool,
    wake_time: Option<OffsetDateTime>,
}

pub(super) async fn sql(admin: &PgPool) -> Contents {
    let rows: Vec<RunRow> = sqlx::query_as(
        "SELECT r.*, d.wake_at, coalesce(y.calls, false) AS calls, d.provider IS NOT NULL AS asleep, CASE WHEN y.run_id IS NOT NULL THEN
             (y.workspace_id, y.agent_id, y.provider, y.turn, y.fold_version, y.capability)
                 = (r.workspace_id, r.agent_id, r.provider, r.turn, r.fold_version, r.capability)
             AND y.agent_runs IS NOT DISTINCT FROM r.agent_runs END AS ready
         FROM tasks.run r
         LEFT JOIN tasks.ready y USING (run_id) LEFT JOIN tasks.delayed d USING (run_id)",
    )
    .fetch_all(admin)
    .await
    .expect("read runs");
    let mut runs: BTreeMap<Uuid, Seen> = rows.into_iter().map(|row| (row.run_id, seen(row))).collect();
    let journal: Vec<(Uuid, String, i64)> =
        sqlx::query_as("SELECT run_id, kind, epoch FROM tasks.journal ORDER BY run_id, seq")
            .fetch_all(admin)
            .await
            .expect("read journals");
    for (run, kind, epoch) in journal {
        runs.entry(run).or_default().journal.push((kind, epoch));
    }
    let letters: Vec<(Uuid, Uuid, i16, bool)> = sqlx::query_as(
        "SELECT run_id, command_id, state, deliver_time IS NOT NULL FROM tasks.command ORDER BY run_id, number",
    )
    .fetch_all(admin)
    .await
    .expect("read letters");
    for (run, id, state, delivered) in letters {
        runs.entry(run).or_default().letters.push((id, state, delivered));
    }
    let items: Vec<(Uuid, Uuid, i16)> =
        sqlx::query_as("SELECT run_id, item_id, state FROM tasks.inbox_item ORDER BY item_id")
            .fetch_all(admin)
            .await
            .expect("read items");
    for (run, item, state) in items {
        runs.entry(run).or_default().items.push((item, state));
    }
    let workers = sqlx::query_as(
        "SELECT worker_id, beat_time > clock_timestamp() FROM tasks.worker ORDER BY worker_id",
    )
    .fetch_all(admin)
    .await
    .expect("read workers");
    let parks = sqlx::query_as(
        "SELECT workspace_id, refusals, probe_run, batch, until <= now() FROM tasks.park ORDER BY workspace_id",
    )
    .fetch_all(admin)
    .await
    .expect("read parks");
    Contents { runs, workers, parks }
}

fn seen(row: RunRow) -> Seen {
    Seen {
        parent: row.parent_run,
        status: row.status,
        wait_reason: row.wait_reason,
        epoch: row.lease_epoch,
        worker: row.worker_id,
        head_seq: row.head_seq,
        claims: row.claims,
        steps: row.steps,
        mailbox: (row.mailbox_seq, row.mailbox_read),
        open_items: row.open_items,
        pending_command: row.pending_command,
        ready: row.ready,
        delayed: row.wake_at,
        calls: (row.calls, row.asleep),
        wake_time: row.wake_time,
        ..Seen::default()
    }
}

/// The runs in order.
pub(super) fn runs(tables: &Tables) -> Vec<RunId> {
    tables.runs.keys().copied().collect()
}
