//! Steps that take longer than they may, and runs that cost more than they may.

use super::*;
use crate::domain::brief::{AgentSnapshot, RunLimits};
use crate::domain::event::ModelCallFailed;
use crate::store::tests::{NOW, writer};

/// An agent with these tools whose steps may take a fifth of a second.
fn hasty(tools: Vec<ToolGrant>) -> AgentSnapshot {
    let limits = RunLimits { max_step_duration_ms: Some(200), ..RunLimits::default() };
    AgentSnapshot { tools, limits, ..writer() }
}

async fn failures(world: &World, run: RunId) -> Vec<ModelCallFailed> {
    let failed = |event| match event {
        Event::ModelCallFailed(failed) => Some(failed),
        _ => None,
    };
    world.events(run).await.into_iter().filter_map(failed).collect()
}

/// Wakes a run that waits for its next attempt, at the time for it.
async fn at_the_next_attempt(world: &World, run: RunId) {
    let retry_at =
        failures(world, run).await.pop().and_then(|failed| failed.retry_at).expect("it is tried again");
    world.fleet.wake_all().await;
    world.fleet.advance(retry_at - world.fleet.means.ambient.clock.now() + time::Duration::MILLISECOND);
    world.attempt().await;
}

#[tokio::test]
async fn model_call_that_takes_too_long_is_stopped_booked_and_tried_again() {
    let world = World::new().await;
    world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    let run = world.fleet.queued_by(HOME, hasty(Vec::new())).await;
    world.attempt().await;
    let failed = failures(&world, run).await.remove(0);
    assert_eq!((failed.error.reason.as_str(), failed.attempt), ("STEP_TIMED_OUT", 1));
    assert_eq!(
        failed.error.message,
        "The call was stopped because it took longer than 200ms, the agent's max_step_duration."
    );
    assert_eq!((failed.cost_nano_usd, failed.cost_estimated, failed.total_tokens), (Some(700), true, 40));
    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    let shown = world.shown(run).await;
    assert_eq!((shown.state(), shown.cost_nano_usd), (RunState::Queued, 700));
    assert_eq!(shown.wake_time, failed.retry_at.map(crate::rpc::view::timestamp));

    at_the_next_attempt(&world, run).await;
    let ended = world.shown(run).await;
    assert_eq!((ended.state(), ended.cost_nano_usd, ended.steps), (RunState::Succeeded, 1_700, 1));
    assert_eq!(world.fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
}

#[tokio::test]
async fn run_whose_every_attempt_takes_too_long_fails_and_says_what_to_raise() {
    let world = World::new().await;
    for _ in 0..3 {
        world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    }
    let run = world.fleet.queued_by(HOME, hasty(Vec::new())).await;
    world.attempt().await;
    at_the_next_attempt(&world, run).await;
    at_the_next_attempt(&world, run).await;
    let ended = world.shown(run).await;
    let error = ended.error.clone().expect("an error");
    assert_eq!((ended.state(), error.reason.as_str()), (RunState::Failed, "STEP_TIMED_OUT"));
    assert!(error.message.contains("Raise the agent's max_step_duration"), "{}", error.message);
    assert_eq!((ended.cost_nano_usd, ended.steps, failures(&world, run).await.len()), (2_100, 1, 3));
}

#[tokio::test]
async fn answer_that_is_stored_is_taken_even_if_its_time_ran_out_while_nobody_had_the_run() {
    let world = World::new().await;
    world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    let run = world.fleet.queued_by(HOME, hasty(Vec::new())).await;
    world.killed(world.fleet.script.was_asked.notified()).await;
    world.fleet.script.go_on();
    world.fleet.advance(time::Duration::HOUR);
    world.attempt().await;
    assert!(failures(&world, run).await.is_empty(), "{:?}", world.kinds(run).await);
    assert!(world.fleet.script.cancelled.lock().unwrap().is_empty());
    assert_eq!(world.fleet.script.keys()[..2], [format!("{run}/1/1"), format!("{run}/1/1")]);
}

#[tokio::test]
async fn tool_that_takes_too_long_fails_if_it_surely_did_nothing_and_is_asked_about_if_not() {
    let world = World::new().await;
    let fetch = ToolGrant { allowed_hosts: vec!["127.0.0.1".into()], ..ToolGrant::of("http_fetch") };
    let url = serde_json::json!({"url": world.site.url("/page")}).to_string();
    world.fleet.script.then(Reply::Answer("Let me see.", vec![("http_fetch", url)]));
    let run = world.fleet.queued_by(HOME, hasty(vec![fetch])).await;
    world.site.hold();
    world.attempt().await;
    assert_eq!(world.shown(run).await.state(), RunState::Succeeded, "the model reads it and goes on");
    let said = "STEP_TIMED_OUT: stopped after 200ms, the longest that a call may take. It had no effect.";
    assert_eq!(world.fleet.script.results(), [(said.to_owned(), true)]);

    for effect in [RequestEffect::AtMostOnce, RequestEffect::Idempotent, RequestEffect::Queryable] {
        let tools = vec![world.may_request(ToolPolicy::Allow, effect)];
        world.fleet.script.then(Reply::Answer("Let me see.", vec![world.order("one")]));
        let run = world.fleet.queued_by(HOME, hasty(tools)).await;
        world.attempt().await;
        let shown = world.shown(run).await;
        assert_eq!(shown.state(), RunState::Waiting, "{effect:?}");
        assert_eq!(shown.wait_reason(), mc_proto::tasks::v1::WaitReason::Outcome, "{effect:?}");
        assert_eq!(world.open(run).await.len(), 1, "a person is asked");
    }
}

#[tokio::test]
async fn limit_in_dollars_ends_a_run_with_advice_and_is_shown_with_what_it_cost() {
    let world = World::new().await;
    let limits = RunLimits { max_cost_nano_usd: Some(1_000), ..RunLimits::default() };
    let write = ("write_artifact", r#"{"path":"a.md","content":"A"}"#.to_owned());
    world.fleet.script.then(Reply::Answer("Let me see.", vec![write]));
    let run = world.fleet.queued_by(HOME, AgentSnapshot { limits, ..writer() }).await;
    world.attempt().await;
    let ended = world.shown(run).await;
    let error = ended.error.clone().expect("an error");
    assert_eq!((ended.state(), error.reason.as_str()), (RunState::Failed, "COST_LIMIT_REACHED"));
    assert!(
        error.message.contains("$0.000001") && error.message.contains("max_cost_nano_usd"),
        "{}",
        error.message
    );
    assert_eq!((ended.cost_nano_usd, ended.steps), (1_000, 1));
    assert!(world.kinds(run).await.contains(&"tool_call_completed"), "what the last call asked for is done");
}

#[tokio::test]
async fn limit_in_dollars_ends_a_run_at_a_cost_that_nobody_knows() {
    let world = World::new().await;
    let limits = RunLimits { max_cost_nano_usd: Some(1_000_000), ..RunLimits::default() };
    world.fleet.script.then(Reply::Cut(None));
    let run = world.fleet.queued_by(HOME, AgentSnapshot { limits, ..writer() }).await;
    world.attempt().await;
    assert!(world.fleet.means.ambient.clock.now() == NOW);
    at_the_next_attempt(&world, run).await;
    let ended = world.shown(run).await;
    let error = ended.error.clone().expect("an error");
    assert_eq!((ended.state(), error.reason.as_str()), (RunState::Failed, "COST_UNKNOWN"));
    assert!(error.message.contains("price book"), "{}", error.message);
    assert_eq!(world.fleet.script.keys().len(), 1, "it is not called again");
}
