//! Runs that wait for a time: shown, heard, woken once, and whole after whatever dies.

use std::sync::Arc;

use mc_proto::tasks::v1::WaitReason;
use tonic::Code;

use super::*;
use crate::domain::conversation::{FinishReason, Message, Part, Role, ToolCall, Usage};
use crate::domain::decide::{self, Next};
use crate::domain::event::ModelCallCompleted;
use crate::rpc::view::timestamp;
use crate::store::append::Besides;
use crate::store::tests::NOW;
use crate::worker::journal::Journal;
use CommandKind::{Cancel, Pause, Resume};
use CommandState::Effective;

const HOUR: time::Duration = time::Duration::HOUR;

fn wait() -> (&'static str, String) {
    ("wait", r#"{"seconds":3600,"reason":"The build."}"#.to_owned())
}

async fn promote(world: &World, at: time::OffsetDateTime) -> u64 {
    world.fleet.tables.promote_at(at).await
}

/// A run that waits an hour for its build.
async fn waiting(world: &World) -> RunId {
    let run = world.queued(vec![ToolGrant::of("wait")], vec![wait()]).await;
    world.attempt().await;
    run
}

async fn shows_the_timer(world: &World, run: RunId) {
    let shown = world.shown(run).await;
    assert_eq!((shown.state(), shown.wait_reason()), (RunState::Waiting, WaitReason::Timer));
    assert_eq!(shown.wake_time, Some(timestamp(NOW + HOUR)));
    let held: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.run WHERE worker_id IS NOT NULL")
        .fetch_one(&world.fleet.tables.kit.admin())
        .await
        .expect("count");
    assert!(held == 0 && !world.fleet.is_ready(run).await, "it holds nothing and is nobody's work");
}

#[tokio::test]
async fn timer_holds_no_worker_and_its_result_goes_back_to_the_model() {
    let world = World::new().await;
    let run = waiting(&world).await;
    shows_the_timer(&world, run).await;
    assert_eq!(world.kinds(run).await.last(), Some(&"timer_set"));

    assert_eq!(promote(&world, NOW + HOUR - time::Duration::SECOND).await, 0);
    // Everybody was down for a day: it is late, and once.
    world.fleet.advance(time::Duration::DAY);
    assert_eq!(promote(&world, NOW + time::Duration::DAY).await, 1);
    assert_eq!(promote(&world, NOW + time::Duration::DAY).await, 0);
    world.attempt().await;
    let ended = world.shown(run).await;
    assert_eq!((ended.state(), ended.wake_time), (RunState::Succeeded, None));
    let results = world.fleet.script.results();
    let said = "Waited 1d and was woken by the timer. It is 2026-11-24T08:00:00Z now; the timer was due at 2026-11-23T09:00:00Z.";
    assert_eq!(results, [(said.to_owned(), false)]);
    let kinds = world.kinds(run).await;
    assert_eq!(kinds[3..6], ["model_call_completed", "timer_set", "tool_call_completed"]);
}

#[tokio::test]
async fn worker_that_dies_between_the_timer_and_the_rest_loses_neither() {
    let world = World::new().await;
    world.fleet.queued_with(HOME, vec![ToolGrant::of("wait")]).await;
    let (worker, lease) = world.fleet.claim().await;
    let dead = worker.id;
    let bell = Arc::new(worker.bells.hang(lease.run));
    let mut journal = Journal::load(worker, lease.clone(), bell, false).await.expect("load");
    while !matches!(journal.fold().state(), crate::domain::fold::RunState::Waiting(_)) {
        let events = match decide::next(journal.fold(), NOW) {
            Next::Append(events) => events,
            Next::CallModel(call) => {
                let (tool, arguments_json) = wait();
                let part = Part::ToolCall(ToolCall { id: "a".into(), tool: tool.into(), arguments_json });
                let answered = Event::ModelCallCompleted(ModelCallCompleted {
                    step: 1,
                    attempt: 1,
                    message: Message { role: Role::Assistant, parts: vec![part] },
                    finish_reason: FinishReason::ToolCalls,
                    usage: Usage::default(),
                    cost_nano_usd: Some(1),
                    generation: String::new(),
                    duration_ms: 1,
                });
                call.intent.into_iter().chain([answered]).collect()
            }
            other => panic!("{other:?}"),
        };
        journal.append(events, Besides::default()).await.expect("append");
    }
    drop(journal);
    let run = lease.run;
    assert_eq!(world.shown(run).await.state(), RunState::Running, "it died before it could rest");

    world.fleet.reap(dead).await;
    world.fleet.advance(time::Duration::MINUTE);
    world.attempt().await;
    shows_the_timer(&world, run).await;
    assert_eq!(world.kinds(run).await.iter().filter(|kind| **kind == "timer_set").count(), 1);
    // Woken before its time, it waits on, until the same time.
    world.fleet.wake_all().await;
    world.attempt().await;
    shows_the_timer(&world, run).await;
    world.fleet.advance(HOUR);
    world.fleet.wake_all().await;
    world.attempt().await;
    assert_eq!(world.shown(run).await.state(), RunState::Succeeded);
    assert!(world.kinds(run).await.iter().all(|kind| *kind != "taken_over"), "a run that waits is nobody's");
}

#[tokio::test]
async fn orders_take_effect_at_once_while_it_waits() {
    let world = World::new().await;
    let run = waiting(&world).await;
    world.pause(run).await;
    world.attempt().await;
    let paused = world.shown(run).await;
    assert_eq!((paused.state(), paused.wake_time), (RunState::Paused, None));
    assert_eq!(promote(&world, NOW + 2 * HOUR).await, 0, "a pause outlasts the timer");
    world.resume(run).await;
    world.attempt().await;
    shows_the_timer(&world, run).await;
    world.cancel(run).await;
    world.attempt().await;
    assert_eq!(world.shown(run).await.state(), RunState::Cancelled);
    assert_eq!(world.receipts(run).await, [(Pause, Effective), (Resume, Effective), (Cancel, Effective)]);
    assert_eq!(promote(&world, NOW + 2 * HOUR).await, 0);
    assert_eq!(world.fleet.script.keys().len(), 1, "the model was not asked again");
}

#[tokio::test]
async fn scheduled_run_is_cancelled_and_paused_before_it_starts() {
    let world = World::new().await;
    let start_at = NOW + HOUR;
    let run = world.fleet.tables.run_at(HOME, start_at).await;
    let shown = world.shown(run).await;
    assert_eq!((shown.state(), shown.start_time), (RunState::Queued, None));
    let at = Some(timestamp(start_at));
    assert_eq!((shown.scheduled_start_time, shown.wake_time), (at, at));

    world.pause(run).await;
    world.attempt().await;
    let paused = world.shown(run).await;
    assert_eq!((paused.state(), paused.start_time, paused.wake_time), (RunState::Paused, None, None));
    world.resume(run).await;
    world.attempt().await;
    let queued = world.shown(run).await;
    assert_eq!((queued.state(), queued.start_time, queued.wake_time), (RunState::Queued, None, at));
    assert!(!world.fleet.is_ready(run).await, "its time has not come");
    world.cancel(run).await;
    world.attempt().await;
    let ended = world.shown(run).await;
    assert_eq!(
        (ended.state(), ended.start_time, ended.scheduled_start_time),
        (RunState::Cancelled, None, at)
    );
    let order =
        ["command_delivered", "paused", "command_delivered", "resumed", "command_delivered", "cancelled"];
    assert_eq!(world.kinds(run).await[1..], order, "it never started");
    assert!(world.fleet.script.keys().is_empty());
}

#[tokio::test]
async fn scheduled_run_starts_at_its_time() {
    let world = World::new().await;
    let run = world.fleet.tables.run_at(HOME, NOW + HOUR).await;
    assert_eq!(promote(&world, NOW).await, 0);
    world.fleet.advance(HOUR);
    assert_eq!(promote(&world, NOW + HOUR).await, 1);
    world.attempt().await;
    let ended = world.shown(run).await;
    assert_eq!((ended.state(), ended.start_time), (RunState::Succeeded, Some(timestamp(NOW + HOUR))));
}

#[tokio::test]
async fn run_whose_provider_is_out_of_quota_says_so_and_until_when() {
    let world = World::new().await;
    world.fleet.script.then(Reply::Fail(Code::ResourceExhausted, "PROVIDER_RATE_LIMITED"));
    let run = world.fleet.queued(HOME).await;
    world.attempt().await;
    let shown = world.shown(run).await;
    assert_eq!((shown.state(), shown.wait_reason()), (RunState::Waiting, WaitReason::Quota));
    let retry_at = match world.events(run).await.pop() {
        Some(Event::ModelCallFailed(failed)) => failed.retry_at.expect("it is tried again"),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown.wake_time, Some(timestamp(retry_at)));
    world.fleet.wake_all().await;
    world.fleet.advance(retry_at - NOW + time::Duration::MILLISECOND);
    world.attempt().await;
    assert_eq!(world.shown(run).await.state(), RunState::Succeeded);
    assert_eq!(world.fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
}
