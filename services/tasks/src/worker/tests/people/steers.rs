//! Messages to a run at work, and pauses that do not wait: heard once, in order, whatever dies in between.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::domain::event::ModelCallFailed;
use CommandKind::{Cancel, Pause, Resume, Steer};
use CommandState::{Delivered, Effective, Superseded};

fn write() -> Vec<(&'static str, String)> {
    vec![("write_artifact", r#"{"path":"a.md","content":"A"}"#.into())]
}

/// A run whose model says half a word and no more.
async fn calling(world: &World) -> RunId {
    world.fleet.script.then(Reply::Stall("Half a wo", write()));
    world.fleet.queued(HOME).await
}

async fn interrupted_call(world: &World, run: RunId) -> ModelCallFailed {
    let failed = world.events(run).await.into_iter().find_map(|event| match event {
        Event::ModelCallFailed(failed) => Some(failed),
        _ => None,
    });
    failed.expect("the call that was stopped")
}

async fn succeeded(world: &World, run: RunId) {
    let ended = world.run(run).await;
    assert_eq!(i32::from(ended.status), RunState::Succeeded as i32, "{ended:?}");
}

#[tokio::test]
async fn messages_wait_for_the_answer_and_its_tools_and_are_heard_in_their_order() {
    let world = World::new().await;
    world.fleet.script.then(Reply::Slow("Hm", write()));
    let run = world.fleet.queued(HOME).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    let receipt = world.steer(run, "Shorter.", false).await;
    assert_eq!((receipt.kind(), receipt.text.as_str(), receipt.interrupt), (Steer, "Shorter.", false));
    world.steer(run, "And\nfriendlier.", false).await;
    world.fleet.once(HOME, run, |run| run.head_seq == 5).await;
    assert_eq!(world.receipts(run).await, [(Steer, Delivered), (Steer, Delivered)]);

    world.fleet.script.go_on();
    world.fleet.ended(HOME, run).await;
    succeeded(&world, run).await;
    assert_eq!(world.receipts(run).await, [(Steer, Effective), (Steer, Effective)]);
    let kinds = world.kinds(run).await;
    assert_eq!(
        kinds[5..11],
        [
            "model_call_completed",
            "tool_call_started",
            "tool_call_completed",
            "steered",
            "steered",
            "model_call_started"
        ]
    );
    assert_eq!(world.fleet.script.heard(), ["Shorter.", "And\nfriendlier."]);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn interrupting_message_stops_the_call_and_its_cost_is_booked_beside_the_second_one() {
    let world = World::new().await;
    let run = calling(&world).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    let receipt = world.steer(run, "Stop, that is the wrong file.", true).await;
    assert!(receipt.interrupt);
    let ended = world.fleet.ended(HOME, run).await;
    succeeded(&world, run).await;

    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    assert_eq!(world.fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
    assert_eq!(world.fleet.script.heard(), ["Stop, that is the wrong file."]);
    let stopped = interrupted_call(&world, run).await;
    assert_eq!(stopped.error.reason, "RUN_STEERED");
    assert_eq!(stopped.error.message, "The call was stopped because a person interrupted it.");
    assert!(stopped.retry_at.is_some() && stopped.maybe_billed && stopped.cost_estimated);
    assert_eq!((ended.cost_nano_usd, ended.estimated_cost_nano_usd, ended.total_tokens), (1_700, 700, 140));
    assert_eq!(
        world.kinds(run).await[2..7],
        ["model_call_started", "command_delivered", "model_call_failed", "steered", "model_call_started"]
    );
    assert_eq!(world.receipts(run).await, [(Steer, Effective)]);
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn message_that_was_delivered_outlives_its_worker() {
    let world = World::new().await;
    let run = calling(&world).await;
    let heard = async {
        world.fleet.script.was_asked.notified().await;
        world.steer(run, "Shorter.", false).await;
        world.fleet.bells.ring(run);
        world.fleet.once(HOME, run, |run| run.head_seq == 4).await;
    };
    world.killed(Box::pin(heard)).await;
    assert_eq!(world.receipts(run).await, [(Steer, Delivered)]);
    world.fleet.script.go_on();
    world.attempt().await;
    succeeded(&world, run).await;
    assert_eq!(world.fleet.script.heard(), ["Shorter."]);
    assert_eq!(world.receipts(run).await, [(Steer, Effective)]);
    let keys = world.fleet.script.keys();
    assert_eq!(
        keys,
        [format!("{run}/1/1"), format!("{run}/1/1"), format!("{run}/2/1")],
        "the call is joined"
    );
}

#[tokio::test]
async fn worker_that_dies_while_it_interrupts_leaves_it_to_the_next_one() {
    for pauses in [false, true] {
        let world = World::new().await;
        let run = calling(&world).await;
        let read = async {
            world.fleet.script.was_asked.notified().await;
            world.fleet.script.holds_cancels.store(true, Ordering::Relaxed);
            let order =
                if pauses { world.pause_at_once(run).await } else { world.steer(run, "Stop.", true).await };
            assert!(order.interrupt);
            world.fleet.bells.ring(run);
            world.fleet.script.cancel_came.notified().await;
        };
        world.killed(Box::pin(read)).await;
        let kind = if pauses { Pause } else { Steer };
        assert_eq!(world.receipts(run).await, [(kind, Delivered)]);
        world.fleet.script.holds_cancels.store(false, Ordering::Relaxed);
        world.attempt().await;
        assert_eq!(world.receipts(run).await, [(kind, Effective)]);
        let stopped = interrupted_call(&world, run).await;
        assert_eq!(stopped.error.reason, if pauses { "RUN_PAUSED" } else { "RUN_STEERED" });
        if pauses {
            assert_eq!(i32::from(world.run(run).await.status), RunState::Paused as i32);
            world.resume(run).await;
            world.attempt().await;
        } else {
            assert_eq!(world.fleet.script.heard(), ["Stop."]);
        }
        succeeded(&world, run).await;
        assert!(world.fleet.script.keys().ends_with(&[format!("{run}/1/1"), format!("{run}/1/2")]));
        assert_eq!(world.run(run).await.cost_nano_usd, 1_700);
    }
}

#[tokio::test]
async fn pause_that_does_not_wait_holds_at_once_and_resuming_is_a_second_charge() {
    let world = World::new().await;
    let run = calling(&world).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    world.pause(run).await;
    world.fleet.once(HOME, run, |run| run.head_seq == 4).await;
    world.pause_at_once(run).await;
    let paused = world.once(run, RunState::Paused).await;
    assert_eq!((paused.cost_nano_usd, paused.steps, paused.pending_command), (700, 1, 0));
    assert_eq!(world.receipts(run).await, [(Pause, Superseded), (Pause, Effective)]);
    world.resume(run).await;
    let ended = world.fleet.ended(HOME, run).await;
    succeeded(&world, run).await;
    assert_eq!((ended.cost_nano_usd, ended.steps), (1_700, 1));
    let kinds = world.kinds(run).await;
    assert_eq!(
        kinds[3..10],
        [
            "command_delivered",
            "command_delivered",
            "model_call_failed",
            "paused",
            "command_delivered",
            "resumed",
            "model_call_started"
        ]
    );
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn call_that_could_not_be_stopped_holds_nobody_up_and_its_cost_is_unknown() {
    let world = World::new().await;
    let run = calling(&world).await;
    world.killed(world.fleet.script.was_asked.notified()).await;
    world.fleet.script.is_deaf.store(true, Ordering::Relaxed);
    world.pause_at_once(run).await;
    world.attempt().await;
    let paused = world.run(run).await;
    assert_eq!((i32::from(paused.status), paused.unpriced_calls), (RunState::Paused as i32, 1));
    assert!(interrupted_call(&world, run).await.error.message.contains("unknown"));
}

#[tokio::test]
async fn tools_are_not_interrupted() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.site.hold();
    let worker = world.fleet.worker();
    world.site.came().await;
    world.steer(run, "Stop.", true).await;
    world.fleet.once(HOME, run, |run| run.head_seq == 6).await;
    assert_eq!(world.receipts(run).await, [(Steer, Delivered)]);
    world.site.go_on();
    world.fleet.ended(HOME, run).await;
    succeeded(&world, run).await;
    assert_eq!(world.site.asked().len(), 1);
    assert_eq!(world.fleet.script.heard(), ["Stop."]);
    assert!(world.fleet.script.cancelled.lock().unwrap().is_empty());
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn waiting_run_reads_it_at_once_and_passes_it_on_when_it_goes_on() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    world.steer(run, "Only if it is cheap.", true).await;
    world.attempt().await;
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), waits.open_items), (RunState::Waiting as i32, 1));
    assert_eq!(world.receipts(run).await, [(Steer, Delivered)]);
    world.decide(&item, approve(None)).await.expect("decide");
    world.attempt().await;
    succeeded(&world, run).await;
    assert_eq!(world.fleet.script.heard(), ["Only if it is cheap."]);
    assert_eq!(world.receipts(run).await, [(Steer, Effective)]);
}

#[tokio::test]
async fn paused_run_keeps_it_until_it_is_resumed_and_a_delayed_one_until_its_time() {
    let world = World::new().await;
    let run = world.fleet.queued(HOME).await;
    world.pause(run).await;
    world.attempt().await;
    world.steer(run, "Good morning.", true).await;
    assert!(!world.fleet.is_ready(run).await, "it does not end the pause");
    world.resume(run).await;
    world.attempt().await;
    succeeded(&world, run).await;
    assert_eq!(world.fleet.script.heard(), ["Good morning."]);
    assert_eq!(world.receipts(run).await, [(Pause, Effective), (Steer, Effective), (Resume, Effective)]);

    world.fleet.script.then(Reply::Fail(tonic::Code::Unavailable, "PROVIDER_OVERLOADED"));
    let run = world.fleet.queued(HOME).await;
    world.attempt().await;
    world.steer(run, "Patience.", true).await;
    assert!(!world.fleet.is_ready(run).await, "the provider is left alone all the same");
    world.fleet.wake_all().await;
    world.fleet.advance(time::Duration::minutes(5));
    world.attempt().await;
    succeeded(&world, run).await;
    assert_eq!(world.fleet.script.heard(), ["Patience."]);
}

#[tokio::test]
async fn message_to_a_run_that_is_cancelled_says_that_it_came_too_late() {
    let world = World::new().await;
    let run = world.fleet.queued(HOME).await;
    world.steer(run, "Wait.", false).await;
    world.cancel(run).await;
    world.attempt().await;
    assert_eq!(world.receipts(run).await, [(Steer, Superseded), (Cancel, Effective)]);
}

#[tokio::test]
async fn without_the_bus_the_heartbeat_brings_the_message() {
    let world = World::without_bus().await;
    let run = calling(&world).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    world.steer(run, "Stop.", true).await;
    world.fleet.ended(HOME, run).await;
    succeeded(&world, run).await;
    assert_eq!(world.fleet.script.heard(), ["Stop."]);
    worker.shutdown(Duration::from_secs(5)).await;
}
