//! The model of the tables held to PostgreSQL: the same random statements are given to both, and what they answer and what
//! they leave behind is the same after each. So a world that the model allows is one that the SQL allows.

mod events;
mod look;
mod op;
mod ops;
mod parks;

use mc_chassis::db::Database;
use mc_chassis::testkit::{self, TestDatabase};
use mc_tasks::SCHEMA;
use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestError, TestRunner};
use tokio::runtime::Runtime;

use op::{Op, any_op};
use parks::any_op_at_a_limit;

use crate::exec::{Micros, SECOND};
use crate::tables::{Bug, Tables};

/// A worker that has not beaten for this long is dead. Longer than a case takes.
const TTL: Micros = 10 * SECOND;
/// How long ago the last beat of a worker is that is made to look dead.
const AGO: Micros = 3_600 * SECOND;
/// The model's time; it stands still.
const NOW: Micros = 100_000 * SECOND;

/// PostgreSQL and the model, side by side.
struct Both {
    kit: TestDatabase,
    api: Database,
    engine: Database,
    model: Tables,
    next: u64,
}

impl Both {
    async fn new() -> Self {
        let kit = testkit::database(&[&SCHEMA]).await;
        let (api, engine) = (kit.login("tasks", "api").await, kit.login("tasks", "engine").await);
        // A server that has just started reaps nothing; that has a test of its own.
        sqlx::query("SELECT pg_sleep(extract(epoch FROM greatest(interval '0', pg_postmaster_start_time() + interval '11 s' - now())))")
            .execute(&kit.admin())
            .await
            .expect("wait for the server to be old enough");
        Self { kit, api, engine, model: Tables::default(), next: 1 }
    }

    /// Both are empty again.
    async fn clear(&mut self) {
        sqlx::query(
            "TRUNCATE tasks.run, tasks.ready, tasks.delayed, tasks.park, tasks.worker, tasks.journal, tasks.command, \
             tasks.inbox_item, tasks.change",
        )
        .execute(&self.kit.admin())
        .await
        .expect("truncate");
        self.model = Tables { now: NOW, bug: self.model.bug, ..Tables::default() };
    }

    /// Says how they differ behind one of these statements, if they do.
    async fn differ(&mut self, ops: &[Op]) -> Result<(), String> {
        self.clear().await;
        for (place, op) in ops.iter().enumerate() {
            let (model, sql) = self.carry_out(op).await;
            if model != sql {
                return Err(format!("{place} {op:?}: the model answers {model}, PostgreSQL {sql}"));
            }
            let (model, sql) = (look::model(&self.model), look::sql(&self.kit.admin()).await);
            if model != sql {
                return Err(format!("{place} {op:?}: the model has\n{model:#?}\nPostgreSQL has\n{sql:#?}"));
            }
        }
        Ok(())
    }
}

fn compare(bug: Option<Bug>, cases: u32, op: impl Strategy<Value = Op>) -> Result<(), String> {
    let runtime = Runtime::new().expect("a runtime");
    let mut both = runtime.block_on(Both::new());
    both.model.bug = bug;
    let both = std::cell::RefCell::new(both);
    let max_shrink_iters = if bug.is_some() { 0 } else { 200 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    // The same statements each time, so that what CI finds is found again.
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let ran = runner.run(&vec(op, 10..60), |ops| {
        runtime.block_on(both.borrow_mut().differ(&ops)).map_err(proptest::test_runner::TestCaseError::fail)
    });
    // Its pools close on the runtime that they were opened on.
    let guard = runtime.enter();
    drop(both);
    drop(guard);
    match ran {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, ops)) => Err(format!("{why}\nbehind {ops:?}")),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn model_and_sql_do_the_same_to_the_same_statements() {
    if let Err(difference) = compare(None, 80, any_op()) {
        panic!("{difference}");
    }
}

#[test]
fn model_and_sql_do_the_same_at_a_providers_limit() {
    if let Err(difference) = compare(None, 80, any_op_at_a_limit()) {
        panic!("{difference}");
    }
}

#[test]
fn model_without_a_guard_is_told_from_the_sql() {
    let bugs = [
        Bug::AppendWithoutFence,
        Bug::SuspendBesideMail,
        Bug::EndLeavesLettersOpen,
        Bug::ReapForgetsReady,
        Bug::FutureBeatsStand,
        Bug::PostWakesNobody,
        Bug::EndTellsNoParent,
    ];
    for bug in bugs {
        assert!(compare(Some(bug), 80, any_op()).is_err(), "{bug:?} makes no difference");
    }
    for bug in [Bug::TwoGoFirst, Bug::NobodyGoesFirst] {
        assert!(compare(Some(bug), 400, any_op_at_a_limit()).is_err(), "{bug:?} makes no difference");
    }
}
