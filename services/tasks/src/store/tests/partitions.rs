//! The journal by ranges of run ids: one run is in one partition, and partitions are made ahead, once, and in nobody's way.

use std::time::Duration;

use mc_chassis::db::{self, Passwords, Schema};
use mc_chassis::testkit;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;
use time::OffsetDateTime;
use uuid::Uuid;

use super::plans::explain;
use super::{Tables, workspace};
use crate::domain::id::WorkspaceId;
use crate::store::append::is_duplicate;
use crate::store::journal::{JOURNAL_PAGE, PAGE_BYTES};
use crate::store::partition::{self, Partition};
use crate::{MIGRATIONS, SCHEMA};

const HOME: WorkspaceId = workspace(1);
const WEEK: Duration = Duration::from_hours(7 * 24);
/// The migration that makes partitions of the table.
const PARTITIONED: i64 = 20_261_123_221_000;

/// A UUIDv7 of this time.
fn id_at(at: OffsetDateTime, number: u128) -> Uuid {
    let ms = u128::try_from(at.unix_timestamp_nanos() / 1_000_000).expect("after 1970");
    Uuid::from_u128(ms << 80 | 0x7000 << 64 | 0x8000_0000_0000_0000 | number)
}

/// Now, by the clock that the migration went by.
async fn clock(tables: &Tables) -> OffsetDateTime {
    sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&tables.kit.admin()).await.expect("clock")
}

async fn write(connection: &mut PgConnection, run: Uuid, seq: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO tasks.journal (run_id, seq, workspace_id, kind, step_key, attempt, epoch, body, create_time)
         VALUES ($1, $2, $3, 'started', 'step', 1, 1, '{\"v\":1,\"kind\":\"started\"}', now())",
    )
    .bind(run)
    .bind(seq)
    .bind(HOME.uuid())
    .execute(connection)
    .await
    .map(drop)
}

impl Tables {
    async fn write(&self, run: Uuid, seq: i64) -> Result<(), sqlx::Error> {
        let mut tx = self.api.begin(HOME.uuid()).await.expect("begin");
        write(&mut tx, run, seq).await?;
        tx.commit().await
    }

    /// The table that an event of a run is in.
    async fn place(&self, run: Uuid) -> String {
        sqlx::query_scalar(
            "SELECT c.relname::text FROM tasks.journal j JOIN pg_class c ON c.oid = j.tableoid WHERE j.run_id = $1",
        )
        .bind(run)
        .fetch_one(&self.kit.admin())
        .await
        .expect("written")
    }

    async fn partitions(&self) -> Vec<Partition> {
        partition::list(self.engine.pool()).await.expect("list")
    }
}

#[tokio::test]
async fn partitions_are_made_ahead_without_a_hole_and_once_by_two_schedulers() {
    let tables = Tables::new().await;
    let now = clock(&tables).await;
    let make = || partition::make(tables.engine.pool(), now, WEEK, WEEK * 4);
    let (one, other) = tokio::join!(make(), make());
    let made = one.expect("make") + other.expect("make");
    assert!((3..=5).contains(&made), "{made}");
    assert_eq!(make().await.expect("make"), 0, "all are there");

    let all = tables.partitions().await;
    assert_eq!(all.iter().filter(|one| one.is_default).count(), 1);
    let ranges: Vec<_> = all.iter().filter(|one| !one.is_default).collect();
    assert_eq!(ranges.len(), made as usize + 1, "{ranges:?}");
    assert_eq!(ranges[0].from_id, None, "the oldest has no beginning");
    for pair in ranges.windows(2) {
        assert_eq!(pair[0].to_id, pair[1].from_id, "no hole");
    }
    let last = ranges.last().and_then(|last| last.to_id).expect("an end");
    assert!(last >= id_at(now + WEEK * 4, 0), "far enough ahead");

    // Narrower ones begin where the last one ends, and no more than sixteen at once.
    let hours = Duration::from_hours(1);
    let later = now + WEEK * 5;
    let made = partition::make(tables.engine.pool(), later, hours, WEEK).await.expect("make");
    assert_eq!(made, 16);
    for wrong in [Duration::from_secs(3_599), Duration::from_hours(366 * 24 + 1)] {
        partition::make(tables.engine.pool(), later, wrong, WEEK).await.expect_err("no such width");
    }
}

#[tokio::test]
async fn an_event_that_is_there_already_is_known_in_every_partition() {
    let tables = Tables::new().await;
    let now = clock(&tables).await;
    partition::make(tables.engine.pool(), now, WEEK, WEEK * 2).await.expect("make");
    let ids = [(now, "journal_first"), (now + WEEK, "journal_2"), (now + WEEK * 52, "journal_default")];
    for (at, place) in ids {
        let run = id_at(at, 1);
        tables.write(run, 1).await.expect("write");
        assert!(tables.place(run).await.starts_with(place), "{}", tables.place(run).await);
        let error = tables.write(run, 2).await.expect_err("the same step");
        assert!(is_duplicate(&error), "{error}");
        let error = tables.write(run, 1).await.expect_err("the same place");
        assert!(!is_duplicate(&error), "{error}");
    }
}

#[tokio::test]
async fn reading_one_run_touches_one_partition() {
    let tables = Tables::new().await;
    let now = clock(&tables).await;
    partition::make(tables.engine.pool(), now, WEEK, WEEK * 4).await.expect("make");
    for (at, place) in
        [(now, "journal_first"), (now + WEEK * 2, "journal_2"), (now + WEEK * 99, "journal_default")]
    {
        let run = id_at(at, 7);
        tables.write(run, 1).await.expect("write");
        // As a plan for this run, and as one for any run, which a connection settles on after a while.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let mut tx = tables.engine.begin(HOME.uuid()).await.expect("begin");
            let set = format!("SET LOCAL plan_cache_mode = {mode}");
            sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut *tx).await.expect("set");
            let plan = explain(&mut tx, JOURNAL_PAGE, |query| {
                query.bind(run).bind(0_i64).bind(500_i64).bind(PAGE_BYTES)
            })
            .await;
            let touched: Vec<&str> =
                plan.text.lines().filter(|line| line.contains("\"Relation Name\"")).collect();
            assert_eq!(touched.len(), 1, "{mode}: {}", plan.text);
            assert!(touched[0].contains(place), "{mode}: {touched:?}");
            assert!(plan.pages <= 5, "{mode}: {} pages", plan.pages);
        }
    }
}

#[tokio::test]
async fn appends_go_on_beside_a_partition_that_is_made_and_who_cannot_have_the_lock_gives_up() {
    let tables = Tables::new().await;
    let now = clock(&tables).await;
    let mut appending = tables.api.begin(HOME.uuid()).await.expect("begin");
    write(&mut appending, id_at(now, 1), 1).await.expect("write");
    assert!(partition::make(tables.engine.pool(), now, WEEK, WEEK).await.expect("not in its way") > 0);
    write(&mut appending, id_at(now, 2), 1).await.expect("write");
    appending.commit().await.expect("commit");

    // Who reads the whole table holds the default, whose bounds change.
    let mut reading = tables.api.begin(HOME.uuid()).await.expect("begin");
    sqlx::query("SELECT count(*) FROM tasks.journal").execute(&mut *reading).await.expect("read");
    let before = tables.partitions().await;
    let error = partition::make(tables.engine.pool(), now, WEEK, WEEK * 8).await.expect_err("held");
    assert!(db::is_unavailable(&error), "{error}");
    assert_eq!(tables.partitions().await, before, "nothing is left half made");
    drop(reading);
    assert!(partition::make(tables.engine.pool(), now, WEEK, WEEK * 8).await.expect("free") > 0);
}

#[tokio::test]
async fn what_nobody_foresaw_is_caught_and_stays_where_it_is() {
    let tables = Tables::new().await;
    let now = clock(&tables).await;
    let (soon, ahead) = (id_at(now + WEEK * 2, 1), id_at(now + WEEK * 3, 1));
    tables.write(ahead, 1).await.expect("write");
    assert_eq!(tables.place(ahead).await, "journal_default");
    partition::make(tables.engine.pool(), now, WEEK, WEEK * 6).await.expect("make");
    assert_eq!(tables.place(ahead).await, "journal_default", "its range is the default's");
    tables.write(soon, 1).await.expect("write");
    assert_ne!(tables.place(soon).await, "journal_default", "the ranges beside it are not");
    let beside = id_at(now + WEEK * 5, 1);
    tables.write(beside, 1).await.expect("write");
    assert_ne!(tables.place(beside).await, "journal_default");
    assert_eq!(partition::make(tables.engine.pool(), now, WEEK, WEEK * 6).await.expect("make"), 0);
}

/// The schema as it was before a migration.
fn before(version: i64) -> &'static Schema {
    let older = MIGRATIONS.iter().filter(|migration| migration.version < version).cloned().collect();
    let migrator: &'static Migrator = Box::leak(Box::new(Migrator::with_migrations(older)));
    Box::leak(Box::new(Schema::new("tasks", migrator, &["api", "engine"])))
}

#[tokio::test]
async fn the_migration_keeps_every_row_of_every_time() {
    let kit = testkit::database(&[before(PARTITIONED)]).await;
    let now: OffsetDateTime =
        sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&kit.admin()).await.expect("clock");
    // The nil and the greatest id, which no clock makes, and times before and after the first bound.
    let ids = [Uuid::nil(), id_at(now - WEEK * 100, 1), id_at(now, 1), id_at(now + WEEK * 3, 1), Uuid::max()];
    let mut admin = kit.admin().acquire().await.expect("acquire");
    for id in ids {
        write(&mut admin, id, 1).await.expect("write");
    }
    db::migrate(&kit.admin_url(), &SCHEMA, &Passwords::unchanged()).await.expect("migrate");

    let places: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT run_id, c.relname::text FROM tasks.journal j JOIN pg_class c ON c.oid = j.tableoid ORDER BY run_id",
    )
    .fetch_all(&kit.admin())
    .await
    .expect("read");
    let expected: Vec<_> = ids
        .into_iter()
        .zip(["first", "first", "first", "default", "default"].map(|place| format!("journal_{place}")))
        .collect();
    assert_eq!(places, expected);
    let api = kit.login("tasks", "api").await;
    let mut tx = api.begin(workspace(2).uuid()).await.expect("begin");
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks.journal").fetch_one(&mut *tx).await.expect("count");
    assert_eq!(seen, 0, "workspaces are as apart as before");
}
