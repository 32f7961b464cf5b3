//! A call that a person has to approve: carried out as asked, carried out otherwise, or not at all.

use mc_proto::tasks::v1::{EffectClass, InboxItemKind, RejectDecision, WaitReason};

use super::*;
use crate::domain::order::Decision as Decided;

/// A run that waits for leave to order one thing.
async fn waiting(world: &World) -> (RunId, InboxItem) {
    let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    (run, item)
}

#[tokio::test]
async fn approved_call_is_carried_out_once_and_not_before() {
    let world = World::new().await;
    let (run, item) = waiting(&world).await;
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), waits.open_items), (RunState::Waiting as i32, 1));
    assert_eq!(i32::from(waits.wait_reason), WaitReason::Approval as i32);
    assert!(!world.fleet.is_ready(run).await, "it waits without a worker");
    assert_eq!((item.kind(), item.effect_class()), (InboxItemKind::Approval, EffectClass::AtMostOnce));
    assert_eq!((item.tool.as_str(), item.context.as_str()), ("http_request", "Let me see."));
    assert_eq!((item.arguments_json.clone(), item.run_cost_nano_usd), (world.order("one").1, 1_000));
    assert!(item.parameters_json_schema.contains(r#""url""#));
    assert!(world.site.seen().is_empty());

    let decided = world.decide(&item, approve(None)).await.expect("decide");
    assert_eq!(decided.state(), InboxItemState::Decided);
    world.attempt().await;
    let ended = world.run(run).await;
    assert_eq!((i32::from(ended.status), ended.open_items), (RunState::Succeeded as i32, 0));
    let seen = world.site.seen();
    assert_eq!((seen.len(), seen[0].body.as_str(), seen[0].key.len()), (1, "one", 64));
    assert_eq!(
        world.kinds(run).await[3..],
        [
            "model_call_completed",
            "approval_requested",
            "item_decided",
            "tool_call_started",
            "tool_call_completed",
            "model_call_started",
            "model_call_completed",
            "tool_call_started",
            "tool_call_completed",
            "succeeded",
        ],
        "a run that waited is not taken over"
    );
}

#[tokio::test]
async fn changed_arguments_are_held_to_the_schema_carried_out_and_told_of_beside_the_old_ones() {
    let world = World::new().await;
    let (run, item) = waiting(&world).await;
    for (bad, why) in [
        (r#"{"method":"POST"}"#, "url"),
        (r#"{"method":"GET","url":"http://127.0.0.1/"}"#, "method"),
        (r#"{"method":"POST","url":"http://127.0.0.1/","boddy":""}"#, "boddy"),
        ("[]", "object"),
    ] {
        let refused = world.decide(&item, approve(Some(bad.into()))).await.expect_err(bad);
        assert_eq!(refused.violations()[0].field, "decision.approve.arguments_json");
        assert!(refused.violations()[0].description.contains(why), "{refused:?}");
    }
    assert_eq!(world.open(run).await.len(), 1, "a refused decision leaves the question open");

    let two = world.order("two").1;
    world.decide(&item, approve(Some(two.clone()))).await.expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.seen()[0].body, "two");
    let events = world.events(run).await;
    let asked = events.iter().find_map(|event| match event {
        Event::ApprovalRequested(asked) => Some(asked.arguments_json.clone()),
        _ => None,
    });
    let begun = events.iter().find_map(|event| match event {
        Event::ToolCallStarted(started) => Some(started.arguments_json.clone()),
        _ => None,
    });
    assert_eq!((asked, begun), (Some(world.order("one").1), Some(two.clone())), "the journal has both");
    let (told, is_error) = world.fleet.script.results().remove(0);
    assert!(told.starts_with("A person approved this call and changed its arguments to: "), "{told}");
    assert!(told.contains(&two) && told.contains("ordered") && !is_error);
}

#[tokio::test]
async fn rejected_call_is_never_made_and_the_model_reads_why() {
    let world = World::new().await;
    let (run, item) = waiting(&world).await;
    let reject = Kind::Reject(RejectDecision { reason: "Too dear; ask for two.".into() });
    world.decide(&item, reject).await.expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert!(world.site.seen().is_empty());
    let (told, is_error) = world.fleet.script.results().remove(0);
    assert!(told.contains("Too dear; ask for two.") && is_error, "{told}");
    assert!(!world.kinds(run).await[..6].contains(&"tool_call_started"));
    let decided = world.events(run).await.into_iter().find_map(|event| match event {
        Event::ItemDecided(decided) => Some((decided.decision, decided.decider.uuid())),
        _ => None,
    });
    assert_eq!(decided, Some((Decided::Reject { reason: "Too dear; ask for two.".into() }, USER)));
}

#[tokio::test]
async fn second_decision_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let (run, item) = waiting(&world).await;
    world.decide(&item, Kind::Reject(RejectDecision { reason: "No.".into() })).await.expect("decide");
    let refused = world.decide(&item, approve(None)).await.expect_err("decided");
    assert_eq!(refused.reason(), "ALREADY_DECIDED");
    world.attempt().await;
    assert!(world.site.seen().is_empty());
    let decisions = world.kinds(run).await.iter().filter(|kind| **kind == "item_decided").count();
    assert_eq!(decisions, 1);
}

/// The decision comes before, while and after the run lets go of its worker, as it happens.
#[tokio::test]
async fn decisions_that_come_as_fast_as_they_can_wake_every_run() {
    let world = World::new().await;
    let mut runs = Vec::new();
    for _ in 0..12 {
        let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
        let run = world.fleet.queued_with(HOME, tools).await;
        world.fleet.script.begin(run, Reply::Answer("Let me see.", vec![world.order("one")]));
        runs.push(run);
    }
    let worker = world.fleet.worker();
    let decided = runs.iter().map(async |run| {
        loop {
            if let Some(item) = world.open(*run).await.pop() {
                return world.decide(&item, approve(None)).await.expect("decide");
            }
        }
    });
    futures::future::join_all(decided).await;
    for run in runs {
        assert_eq!(i32::from(world.fleet.ended(HOME, run).await.status), RunState::Succeeded as i32);
    }
    assert_eq!(world.site.seen().len(), 12);
    worker.shutdown(std::time::Duration::from_secs(5)).await;
}
