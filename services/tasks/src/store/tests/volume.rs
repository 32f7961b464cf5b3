//! A hundred thousand runs that wait: what the engine does all day touches as many pages as beside a hundred.

use std::fmt::Write as _;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use time::OffsetDateTime;
use uuid::Uuid;

use super::plans::{Plan, explain};
use super::{NOW, Tables, workspace};
use crate::domain::id::WorkspaceId;
use crate::store::beat::BEAT;
use crate::store::lease::{CLAIM, PROMOTE, REAP, SUSPEND};
use crate::store::run::{FOLD_VERSION_COLUMN, status};

const HOME: WorkspaceId = workspace(1);
/// One of the workers that have the leases.
const WORKER: Uuid = Uuid::from_u128(0xa1);

type Bound<'q> = Query<'q, Postgres, PgArguments>;

impl Tables {
    /// Runs that wait: half for people, with an open inbox item each, half for a time.
    async fn let_wait(&self, runs: i64) {
        let statement = format!(
            "INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, status, wait_reason, wake_time,
                 head_seq, starter, fold_version, create_time, model, open_items, title)
             SELECT gen_random_uuid(), '{home}', gen_random_uuid(), md5((n % 50)::text)::uuid, 1, 5,
                 CASE WHEN n % 2 = 0 THEN 1 ELSE 4 END, CASE WHEN n % 2 = 1 THEN now() + n * interval '1 minute' END,
                 1, gen_random_uuid(), 1, now(), 'one/m', 1 - n % 2, 'Wait' FROM generate_series(1, {runs}) n;
             INSERT INTO tasks.delayed (run_id, workspace_id, wake_at)
             SELECT run_id, workspace_id, wake_time FROM tasks.run WHERE wait_reason = 4 ON CONFLICT DO NOTHING;
             INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, kind, step, call_id, create_time)
             SELECT run_id, workspace_id, run_id, 1, 1, 'c', now() FROM tasks.run WHERE wait_reason = 1 ON CONFLICT DO NOTHING",
            home = HOME.uuid()
        );
        self.carry_out(&statement).await;
    }

    /// Runs at work with four workers, and runs in line.
    async fn let_work(&self) {
        self.carry_out(&format!(
            "INSERT INTO tasks.worker (worker_id)
             SELECT ('00000000-0000-0000-0000-0000000000a' || n)::uuid FROM generate_series(1, 4) n;
             INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, status, worker_id, lease_epoch,
                 head_seq, starter, fold_version, create_time, model)
             SELECT gen_random_uuid(), '{home}', gen_random_uuid(), md5((n % 50)::text)::uuid, 1, 2,
                 ('00000000-0000-0000-0000-0000000000a' || 1 + n % 4)::uuid, 1, 1, gen_random_uuid(), 1, now(), 'one/m'
             FROM generate_series(1, 100) n;
             INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, head_seq, starter, fold_version,
                 create_time, model)
             SELECT gen_random_uuid(), '{home}', gen_random_uuid(), md5((n % 10)::text)::uuid, 1, 1, gen_random_uuid(), 1,
                 now(), 'one/m' FROM generate_series(1, 1000) n;
             INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, agent_id, provider, turn)
             SELECT run_id, workspace_id, now(), fold_version, agent_id, provider, turn FROM tasks.run WHERE status = 1;
             UPDATE tasks.delayed SET wake_at = now() - interval '1 s'
             WHERE run_id IN (SELECT run_id FROM tasks.delayed ORDER BY wake_at LIMIT 10)",
            home = HOME.uuid()
        ))
        .await;
    }

    async fn carry_out(&self, statements: &str) {
        let statements =
            format!("{statements}; ANALYZE tasks.run; ANALYZE tasks.ready; ANALYZE tasks.inbox_item");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&self.kit.admin()).await.expect("fill");
    }

    /// A run in this state, with its epoch.
    async fn any(&self, state: i16) -> (Uuid, i64) {
        sqlx::query_as("SELECT run_id, lease_epoch FROM tasks.run WHERE status = $1 ORDER BY run_id LIMIT 1")
            .bind(state)
            .fetch_one(&self.kit.admin())
            .await
            .expect("one")
    }

    /// What the engine does all day, each once and undone.
    async fn day(&self) -> Vec<(&'static str, Plan)> {
        let (run, epoch) = self.any(status::RUNNING).await;
        let (asleep, _) = self.any(status::WAITING).await;
        let mut plans = Vec::new();
        let mut engine = async |name, statement: &str, bind: &dyn Fn(Bound<'static>) -> Bound<'static>| {
            let mut tx = self.engine.begin_open().await.expect("begin");
            plans.push((name, explain(&mut tx, statement, bind).await));
            // Now, not some time after the drop: what is locked would be passed over.
            tx.rollback().await.expect("roll back");
        };
        engine("claim 64", CLAIM, &|query| {
            let caps: [i64; 4] = [256, 56, 64, 1_000];
            let query = query.bind(64_i64).bind(Uuid::from_u128(0xb1)).bind(Uuid::nil());
            let query = caps.into_iter().fold(query, Query::bind);
            query.bind(FOLD_VERSION_COLUMN).bind(vec![String::new()])
        })
        .await;
        engine("beat", BEAT, &|query| query.bind(WORKER)).await;
        engine("append", crate::store::append::APPEND, &|query| one_event(query, run, epoch)).await;
        engine("suspend", SUSPEND, &|query| {
            query.bind(run).bind(epoch).bind(status::WAITING).bind(4_i16).bind(Some(NOW))
        })
        .await;
        let release = include_str!("../../../queries/release.sql");
        engine("release", release, &|query| query.bind(run).bind(epoch).bind(true)).await;
        let give_back = include_str!("../../../queries/give_back.sql");
        engine("give back 25", give_back, &|query| query.bind(WORKER).bind(Vec::<Uuid>::new())).await;
        let end = include_str!("../../../queries/end_run.sql");
        engine("end", end, &|query| {
            let query = query.bind(run).bind(epoch).bind(status::SUCCEEDED).bind("Done.");
            query.bind(None::<String>).bind(None::<String>).bind(NOW).bind(3_i16).bind(Some(1_i16))
        })
        .await;
        engine("promote 10", PROMOTE, &|query| query).await;
        engine("reap none", REAP, &|query| query.bind(3_600.0)).await;

        let mut api = async |name, statement: &str, bind: &dyn Fn(Bound<'static>) -> Bound<'static>| {
            let mut tx = self.api.begin(HOME.uuid()).await.expect("begin");
            plans.push((name, explain(&mut tx, statement, bind).await));
            tx.rollback().await.expect("roll back");
        };
        api("post", include_str!("../../../queries/post.sql"), &|query| {
            let query = query
                .bind(asleep)
                .bind(true)
                .bind(true)
                .bind(Some(1_i16))
                .bind(Uuid::from_u128(5))
                .bind(1_i16);
            query.bind(None::<String>).bind(Uuid::from_u128(9)).bind("").bind(NOW).bind(1_i16).bind(false)
        })
        .await;
        let of_home = |query: Bound<'static>| query.bind(HOME.uuid());
        let items = "SELECT i.* FROM tasks.inbox_item i JOIN tasks.run r ON r.run_id = i.run_id
             WHERE i.workspace_id = $1 AND i.state = 1 ORDER BY i.item_id DESC LIMIT 51";
        api("list the open inbox", items, &of_home).await;
        let runs = "SELECT * FROM tasks.run WHERE workspace_id = $1 ORDER BY run_id DESC LIMIT 51";
        api("list runs", runs, &of_home).await;
        let running =
            "SELECT * FROM tasks.run WHERE workspace_id = $1 AND status = 2 ORDER BY run_id DESC LIMIT 51";
        api("list running runs", running, &of_home).await;
        let failed =
            "SELECT * FROM tasks.run WHERE workspace_id = $1 AND status = 4 ORDER BY run_id DESC LIMIT 51";
        api("list failed runs", failed, &of_home).await;
        plans
    }
}

/// An append of one event to one run.
fn one_event(query: Bound<'static>, run: Uuid, epoch: i64) -> Bound<'static> {
    let (none, few): (Vec<i64>, Vec<i32>) = (vec![0], vec![0]);
    let query = query.bind(vec![run]).bind(vec![epoch]).bind(vec![1_i64]).bind(vec![true]).bind(few.clone());
    let query = query.bind(none.clone()).bind(none.clone()).bind(none).bind(few);
    let query = query.bind(vec![None::<OffsetDateTime>]).bind(vec![run]).bind(vec![1_i64]);
    let query = query.bind(vec!["note".to_owned()]).bind(vec!["s1".to_owned()]).bind(vec![1_i32]);
    query.bind(vec!["{}".to_owned()]).bind(vec![NOW])
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "the table is for who runs it")]
async fn day_of_the_engine_costs_as_much_beside_a_hundred_thousand_that_wait() {
    let tables = Tables::new().await;
    tables.let_wait(100).await;
    tables.let_work().await;
    let few = tables.day().await;
    tables.let_wait(99_900).await;
    let many = tables.day().await;

    let mut table = format!(
        "{:<22} {:>13} {:>17} {:>10}\n",
        "statement", "pages at 100", "pages at 100,000", "discarded"
    );
    for ((name, few), (_, many)) in few.iter().zip(&many) {
        let _ = writeln!(table, "{name:<22} {:>13} {:>17} {:>10}", few.pages, many.pages, many.discarded);
    }
    eprintln!("{table}");
    for ((name, few), (_, many)) in few.iter().zip(&many) {
        let plan = &many.text;
        // Trees are higher by a level or two, and a list of fifty finds each row on a page of its own.
        assert!(
            many.pages <= few.pages * 2 + 200,
            "{name}: {} pages, {} beside a hundred\n{plan}",
            many.pages,
            few.pages
        );
        assert!(many.discarded <= 100, "{name}: {} rows read in vain\n{plan}", many.discarded);
        // The list of workers has a row for each process.
        let whole = many.scans.iter().find(|(table, rows)| table != "worker" || *rows > 100);
        assert!(whole.is_none(), "{name} reads a table whole: {whole:?}\n{plan}");
        assert!(!many.compiled, "{name} is compiled each time it is planned\n{plan}");
    }
}
