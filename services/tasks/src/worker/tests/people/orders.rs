//! Pause and resume: told of at once, effective at the next safe point, and lost by no crash.

use mc_proto::tasks::v1::WaitReason;
use std::time::Duration;

use super::*;
use CommandKind::{Pause, Resume};
use CommandState::{Delivered, Effective, Superseded};

#[tokio::test]
async fn pause_in_mid_call_takes_effect_behind_the_answer_and_the_run_goes_on_when_resumed() {
    let world = World::new().await;
    world
        .fleet
        .script
        .then(Reply::Slow("Hm", vec![("write_artifact", r#"{"path":"a.md","content":"A"}"#.into())]));
    let run = world.fleet.queued(HOME).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    world.pause(run).await;
    let heard = world.fleet.once(HOME, run, |run| run.head_seq == 4).await;
    assert_eq!((i32::from(heard.status), i32::from(heard.pending_command)), (2, Pause as i32));
    assert_eq!(world.receipts(run).await, [(Pause, Delivered)], "the answer is still coming");

    world.fleet.script.go_on();
    let paused = world.once(run, RunState::Paused).await;
    assert_eq!((paused.pending_command, paused.steps), (0, 1));
    assert_eq!(world.receipts(run).await, [(Pause, Effective)]);
    assert_eq!(
        world.kinds(run).await[2..],
        ["model_call_started", "command_delivered", "model_call_completed", "paused"],
        "the answer is kept, and nothing is done about it"
    );

    world.resume(run).await;
    let ended = world.fleet.ended(HOME, run).await;
    assert_eq!((i32::from(ended.status), ended.steps), (RunState::Succeeded as i32, 2));
    assert_eq!(world.receipts(run).await, [(Pause, Effective), (Resume, Effective)]);
    let kinds = world.kinds(run).await;
    assert_eq!(kinds[6..8], ["command_delivered", "resumed"]);
    assert_eq!(world.fleet.script.keys().len(), 2, "each call once");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn pause_while_a_tool_runs_waits_for_its_result() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.site.hold();
    let worker = world.fleet.worker();
    world.site.came().await;
    world.pause(run).await;
    world.fleet.once(HOME, run, |run| run.head_seq == 6).await;
    assert_eq!(world.receipts(run).await, [(Pause, Delivered)]);
    world.site.go_on();
    world.once(run, RunState::Paused).await;
    let kinds = world.kinds(run).await;
    assert_eq!(kinds[4..], ["tool_call_started", "command_delivered", "tool_call_completed", "paused"]);
    assert_eq!(world.site.asked().len(), 1);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn pause_before_the_start_takes_effect_without_one_and_a_second_one_is_the_same() {
    let world = World::new().await;
    let run = world.fleet.queued(HOME).await;
    let first = world.pause(run).await;
    assert_eq!(world.pause(run).await.name, first.name);
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Paused as i32);
    assert!(world.fleet.script.keys().is_empty(), "no model was called");
    assert_eq!(world.kinds(run).await[1..], ["command_delivered", "paused"]);
}

#[tokio::test]
async fn pause_that_is_taken_back_in_time_never_was() {
    let world = World::new().await;
    let run = world.fleet.queued(HOME).await;
    world.pause(run).await;
    world.resume(run).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.receipts(run).await, [(Pause, Superseded), (Resume, Effective)]);
    assert!(!world.kinds(run).await.contains(&"paused"));
}

#[tokio::test]
async fn decision_during_a_pause_is_acted_on_when_the_run_is_resumed() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    world.pause(run).await;
    world.attempt().await;
    let paused = world.run(run).await;
    assert_eq!((i32::from(paused.status), paused.open_items), (RunState::Paused as i32, 1));
    world.decide(&item, approve(None)).await.expect("decide");
    assert!(!world.fleet.is_ready(run).await, "a decision does not end a pause");
    assert!(world.site.seen().is_empty());
    world.resume(run).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.seen().len(), 1);
}

#[tokio::test]
async fn run_that_waited_when_it_was_paused_waits_on_when_it_is_resumed() {
    let world = World::new().await;
    let calls = vec![("ask_human", r#"{"question":"Who?"}"#.to_owned())];
    let run = world.queued(vec![ToolGrant::of("ask_human")], calls).await;
    world.attempt().await;
    world.pause(run).await;
    world.attempt().await;
    world.resume(run).await;
    world.attempt().await;
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), i32::from(waits.wait_reason)), (5, WaitReason::Input as i32));
    assert_eq!(world.open(run).await.len(), 1, "the question is still the same one");
}

#[tokio::test]
async fn pause_outlives_the_worker_that_read_it() {
    let world = World::new().await;
    world
        .fleet
        .script
        .then(Reply::Stall("Hm", vec![("write_artifact", r#"{"path":"a.md","content":"A"}"#.into())]));
    let run = world.fleet.queued(HOME).await;
    let heard = async {
        world.fleet.script.was_asked.notified().await;
        world.pause(run).await;
        // Only the bell says that there is mail; the bus of a bare worker has nobody who listens.
        world.fleet.bells.ring(run);
        world.fleet.once(HOME, run, |run| run.head_seq == 4).await;
    };
    world.killed(Box::pin(heard)).await;
    world.fleet.script.go_on();
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Paused as i32);
    assert_eq!(world.receipts(run).await, [(Pause, Effective)]);
}

#[tokio::test]
async fn without_the_bus_the_heartbeat_brings_the_order() {
    let world = World::without_bus().await;
    world.fleet.script.then(Reply::Stall("Hm", Vec::new()));
    let run = world.fleet.queued(HOME).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    world.cancel(run).await;
    world.once(run, RunState::Cancelled).await;
    worker.shutdown(Duration::from_secs(5)).await;
}
