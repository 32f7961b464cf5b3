//! Cancel in every state: the run ends, what it asked is void, and what it was paying for is stopped and booked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_proto::tasks::v1::RetryDecision;

use super::*;
use crate::domain::brief::{AgentSnapshot, RunLimits};
use crate::domain::event::{Cancelled, ModelCallFailed};
use crate::store::tests::writer;
use crate::worker::WorkerSettings;
use CommandKind::{Cancel, Pause};
use CommandState::{Delivered, Effective};

async fn is_cancelled(world: &World, run: RunId) -> Cancelled {
    let ended = world.run(run).await;
    assert_eq!((i32::from(ended.status), ended.open_items), (RunState::Cancelled as i32, 0), "{ended:?}");
    assert!(ended.end_time.is_some() && ended.pending_command == 0);
    assert_eq!(world.receipts(run).await.last(), Some(&(Cancel, Effective)));
    assert!(world.open(run).await.is_empty(), "what it asked is void");
    assert!(!world.fleet.is_ready(run).await);
    match world.events(run).await.pop() {
        Some(Event::Cancelled(cancelled)) => {
            assert_eq!((cancelled.requester.uuid(), cancelled.reason.as_str()), (USER, "Enough"));
            cancelled
        }
        other => panic!("{other:?}"),
    }
}

async fn stopped_call(world: &World, run: RunId) -> ModelCallFailed {
    let failed = world.events(run).await.into_iter().rev().find_map(|event| match event {
        Event::ModelCallFailed(failed) => Some(failed),
        _ => None,
    });
    failed.expect("the call that was stopped")
}

/// A run whose model says half a word and no more, with the worker that waits for it.
async fn calling(world: &World) -> RunId {
    world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    world.fleet.queued(HOME).await
}

#[tokio::test]
async fn queued_run_is_cancelled_before_anything_costs() {
    let world = World::new().await;
    let run = world.fleet.queued(HOME).await;
    world.cancel(run).await;
    world.attempt().await;
    is_cancelled(&world, run).await;
    assert!(world.fleet.script.keys().is_empty() && world.fleet.script.cancelled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn model_call_is_stopped_at_the_provider_and_what_it_cost_is_booked() {
    let world = World::new().await;
    let run = calling(&world).await;
    let worker = world.fleet.worker();
    world.fleet.script.was_asked.notified().await;
    world.cancel(run).await;
    world.once(run, RunState::Cancelled).await;
    world.fleet.script.was_left.notified().await;

    assert!(is_cancelled(&world, run).await.survivors.is_empty());
    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    let stopped = stopped_call(&world, run).await;
    assert_eq!((stopped.error.reason.as_str(), stopped.retry_at), ("RUN_CANCELLED", None));
    assert_eq!(stopped.error.message, "The call was stopped because the run was cancelled.");
    assert_eq!(stopped.generation, format!("generations/{run}/1/1"));
    let ended = world.run(run).await;
    assert_eq!((ended.cost_nano_usd, ended.estimated_cost_nano_usd), (700, 700));
    assert_eq!((ended.total_tokens, ended.unpriced_calls), (40, 0));
    assert_eq!(
        world.kinds(run).await[2..],
        ["model_call_started", "command_delivered", "model_call_failed", "cancelled"]
    );
    worker.shutdown(Duration::from_secs(5)).await;
}

/// Comes back with what comes within the time in which a cancel has to reach whatever is under way.
async fn within_two_seconds<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(2), what).await.expect("within two seconds")
}

#[tokio::test]
async fn model_call_and_tools_are_reached_within_two_seconds_without_bus_or_heartbeat_too() {
    for bus_is_dead in [false, true] {
        let world = World::new().await;
        let ends = Lifecycle::new();
        let dead = Bus::redis("redis://127.0.0.1:1", "cancels", &ends).expect("bus");
        let bus = if bus_is_dead { dead } else { world.fleet.bus.clone() };
        let settings = WorkerSettings {
            heartbeat: Duration::from_secs(20),
            ttl: Duration::from_mins(1),
            poll: Duration::from_millis(50),
            ..WorkerSettings::default()
        };
        let worker = world.fleet.worker_on(bus, settings);

        let run = calling(&world).await;
        world.fleet.script.was_asked.notified().await;
        world.cancel(run).await;
        within_two_seconds(world.fleet.script.cancel_came.notified()).await;
        world.once(run, RunState::Cancelled).await;

        let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::AtMostOnce)];
        let run = world.queued(tools, vec![world.order("one")]).await;
        world.site.hold();
        world.site.came().await;
        world.cancel(run).await;
        within_two_seconds(async {
            world.site.left().await;
            world.once(run, RunState::Cancelled).await;
        })
        .await;
        assert_eq!(is_cancelled(&world, run).await.survivors, ["http_request"]);
        worker.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn model_call_of_a_dead_worker_is_stopped_by_whoever_takes_the_run() {
    let world = World::new().await;
    let run = calling(&world).await;
    world.killed(world.fleet.script.was_asked.notified()).await;
    world.cancel(run).await;
    world.attempt().await;
    is_cancelled(&world, run).await;
    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    assert_eq!(world.fleet.script.keys().len(), 1, "it does not ask again");
    assert_eq!(world.run(run).await.cost_nano_usd, 700);
}

#[tokio::test]
async fn order_is_delivered_before_the_provider_lets_go_and_a_crash_between_loses_nothing() {
    let world = World::new().await;
    let run = calling(&world).await;
    let read = async {
        world.fleet.script.was_asked.notified().await;
        world.fleet.script.holds_cancels.store(true, Ordering::Relaxed);
        world.cancel(run).await;
        world.fleet.bells.ring(run);
        world.fleet.script.cancel_came.notified().await;
    };
    world.killed(Box::pin(read)).await;
    assert_eq!(world.receipts(run).await, [(Cancel, Delivered)]);
    world.fleet.script.holds_cancels.store(false, Ordering::Relaxed);
    world.attempt().await;
    is_cancelled(&world, run).await;
    assert_eq!(world.run(run).await.cost_nano_usd, 700);
}

#[tokio::test]
async fn call_that_could_not_be_stopped_is_called_so_and_its_cost_unknown() {
    let world = World::new().await;
    let run = calling(&world).await;
    world.killed(world.fleet.script.was_asked.notified()).await;
    world.fleet.script.is_deaf.store(true, Ordering::Relaxed);
    world.cancel(run).await;
    world.attempt().await;
    is_cancelled(&world, run).await;
    let stopped = stopped_call(&world, run).await;
    assert!(stopped.maybe_billed && stopped.cost_nano_usd.is_none());
    assert!(stopped.error.message.contains("unknown"), "{}", stopped.error.message);
    let ended = world.run(run).await;
    assert_eq!((ended.cost_nano_usd, ended.unpriced_calls), (0, 1));
}

#[tokio::test]
async fn run_out_of_time_stops_its_model_call_too() {
    let world = World::new().await;
    world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    let limits = RunLimits { max_duration_ms: 200, ..RunLimits::default() };
    let run = world.fleet.queued_by(HOME, AgentSnapshot { limits, ..writer() }).await;
    let out_of_time = async {
        world.fleet.script.was_asked.notified().await;
        world.fleet.advance(time::Duration::seconds(1));
    };
    futures::join!(world.attempt(), out_of_time);
    let ended = world.run(run).await;
    let reason = Some("DURATION_LIMIT_REACHED");
    assert_eq!((i32::from(ended.status), ended.error_reason.as_deref()), (RunState::Failed as i32, reason));
    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    assert_eq!((ended.cost_nano_usd, ended.estimated_cost_nano_usd, ended.total_tokens), (700, 700, 40));
    let stopped = stopped_call(&world, run).await;
    assert_eq!(stopped.error.message, "The call was stopped because the run ended.");
    assert_eq!(world.kinds(run).await[2..], ["model_call_started", "model_call_failed", "failed"]);
}

#[tokio::test]
async fn tool_under_way_is_dropped_and_named_if_it_may_have_taken_effect() {
    for (effect, survivors) in
        [(RequestEffect::AtMostOnce, vec!["http_request"]), (RequestEffect::Idempotent, vec!["http_request"])]
    {
        let world = World::new().await;
        let tools = vec![world.may_request(ToolPolicy::Allow, effect)];
        let run = world.queued(tools, vec![world.order("one")]).await;
        world.site.hold();
        let worker = world.fleet.worker();
        world.site.came().await;
        world.cancel(run).await;
        world.once(run, RunState::Cancelled).await;
        assert_eq!(is_cancelled(&world, run).await.survivors, survivors);
        assert_eq!(world.site.asked().len(), 1);
        worker.shutdown(Duration::from_secs(5)).await;
    }
    let world = World::new().await;
    let fetch = ToolGrant { allowed_hosts: vec!["127.0.0.1".into()], ..ToolGrant::of("http_fetch") };
    let url = serde_json::json!({"url": world.site.url("/page")}).to_string();
    let run = world.queued(vec![fetch], vec![("http_fetch", url)]).await;
    world.site.hold();
    let worker = world.fleet.worker();
    world.site.came().await;
    world.cancel(run).await;
    world.once(run, RunState::Cancelled).await;
    assert!(is_cancelled(&world, run).await.survivors.is_empty(), "reading changes nothing");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn run_that_waits_for_leave_or_an_answer_is_cancelled_and_its_questions_are_void() {
    let world = World::new().await;
    let grant = world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce);
    let question = ("ask_human", r#"{"question":"Who?"}"#.to_owned());
    for call in [world.order("one"), question] {
        let run = world.queued(vec![grant.clone(), ToolGrant::of("ask_human")], vec![call]).await;
        world.attempt().await;
        let item = world.open(run).await.remove(0);
        world.cancel(run).await;
        world.attempt().await;
        assert!(is_cancelled(&world, run).await.survivors.is_empty());
        assert_eq!(world.items(run).await[0].state(), InboxItemState::Void);
        let refused = world.decide(&item, approve(None)).await.expect_err("void");
        assert_eq!(refused.reason(), "ITEM_VOID");
    }
    assert!(world.site.seen().is_empty());
}

#[tokio::test]
async fn run_that_waits_to_hear_what_became_of_a_call_names_it_when_it_is_cancelled() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.site.hold();
    world.killed(world.site.came()).await;
    world.site.go_on();
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    world.decide(&item, Kind::Retry(RetryDecision {})).await.expect("decide");
    world.cancel(run).await;
    world.attempt().await;
    assert_eq!(is_cancelled(&world, run).await.survivors, ["http_request"]);
    assert_eq!(world.site.asked().len(), 1, "it is not tried again");
}

#[tokio::test]
async fn paused_and_delayed_runs_are_cancelled_without_waiting_for_anything() {
    let world = World::new().await;
    let paused = world.fleet.queued(HOME).await;
    world.pause(paused).await;
    world.attempt().await;
    world.cancel(paused).await;
    world.attempt().await;
    is_cancelled(&world, paused).await;
    assert_eq!(world.receipts(paused).await, [(Pause, Effective), (Cancel, Effective)]);

    world.fleet.script.then(Reply::Fail(tonic::Code::Unavailable, "PROVIDER_OVERLOADED"));
    let delayed = world.fleet.queued(HOME).await;
    world.attempt().await;
    assert!(!world.fleet.is_ready(delayed).await);
    world.cancel(delayed).await;
    world.attempt().await;
    is_cancelled(&world, delayed).await;
}
