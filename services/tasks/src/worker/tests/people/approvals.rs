//! A call that a person has to approve: carried out as asked, carried out otherwise, or not at all.

use mc_proto::tasks::v1::{
    EffectClass, InboxItemKind, RejectDecision, RespondDecision, TurnRole, WaitReason,
};

use super::*;
use crate::domain::order::Decision as Decided;
use crate::store::inbox;

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
        (r#"{"method":"POST","url":"http://evil.example.net/"}"#, "you may not reach `evil.example.net`"),
        (r#"{"method":"POST","url":"http://127.0.0.1@evil.example.net/"}"#, "user name"),
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
async fn words_of_a_person_stand_for_the_result_of_a_call_that_is_never_made() {
    let world = World::new().await;
    let (run, item) = waiting(&world).await;
    for (text, ok) in [(String::new(), false), ("é".repeat(8_001), false), ("é".repeat(8_000), true)] {
        let decided = world.decide(&item, Kind::Respond(RespondDecision { text })).await;
        assert_eq!(decided.is_ok(), ok);
        if let Err(refused) = decided {
            assert_eq!(refused.violations()[0].field, "decision.respond.text");
        }
    }
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert!(world.site.seen().is_empty());
    let (told, is_error) = world.fleet.script.results().remove(0);
    assert!(told.starts_with("The call was not made. A person answers in its place: é") && !is_error);
    assert!(!world.kinds(run).await[..6].contains(&"tool_call_started"));
    let item = world.items(run).await.remove(0);
    let said = item.decision.and_then(|decision| decision.kind);
    assert!(matches!(said, Some(Kind::Respond(respond)) if respond.text.chars().count() == 8_000));
}

#[tokio::test]
async fn item_shows_the_conversation_before_it_and_what_the_call_reaches() {
    let world = World::new().await;
    let fetch = ToolGrant {
        allowed_hosts: vec!["127.0.0.1".into()],
        policy: ToolPolicy::Ask,
        ..ToolGrant::of("http_fetch")
    };
    let url = serde_json::json!({"url": world.site.url("/page")}).to_string();
    let run = world
        .queued(
            vec![fetch, world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)],
            vec![("http_fetch", url)],
        )
        .await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    assert!(item.read_only);
    let site = url::Url::parse(&world.site.url("/")).expect("a URL");
    assert_eq!(item.hosts, [format!("127.0.0.1:{}", site.port().expect("a port"))]);
    let turns: Vec<_> = item.turns.iter().map(|turn| (turn.role(), turn.text.as_str())).collect();
    assert_eq!(turns.len(), 2);
    assert!(turns[0].0 == TurnRole::User && turns[0].1.starts_with("# Task: Write the report"));
    assert!(turns[1].0 == TurnRole::Assistant && turns[1].1.starts_with("Let me see.\n→ http_fetch {"));
    assert_eq!((&item.doubt, item.due_time, item.overdue), (&None, None, false));

    world.decide(&item, approve(None)).await.expect("decide");
    world.fleet.script.then(Reply::Answer("And now that.", vec![world.order("one")]));
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    assert!(!item.read_only);
    let roles: Vec<_> = item.turns.iter().map(mc_proto::tasks::v1::ConversationTurn::role).collect();
    assert_eq!(roles, [TurnRole::User, TurnRole::Assistant, TurnRole::Tool, TurnRole::Assistant]);
    assert!(item.turns[2].text.starts_with("← ") && item.turns[2].text.contains("it was ordered"));
}

#[tokio::test]
async fn approval_that_nobody_gives_is_overdue_and_nothing_else() {
    let world = World::new().await;
    let grant = ToolGrant {
        approval_expiry_s: Some(3_600),
        ..world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)
    };
    let run = world.queued(vec![grant], vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    let due = item.due_time.expect("a time").seconds;
    assert_eq!((due - item.create_time.expect("a time").seconds, item.overdue), (3_600, false));
    let engine = &world.fleet.tables.engine;
    let at = |seconds: i64| time::OffsetDateTime::from_unix_timestamp(due + seconds).expect("a time");
    assert_eq!(inbox::escalate(engine, at(-1)).await.expect("escalate"), 0);
    // Several schedulers at once: one of them does it.
    let times = futures::future::join_all((0..8).map(|_| inbox::escalate(engine, at(0)))).await;
    assert_eq!(times.into_iter().map(|done| done.expect("escalate")).sum::<u64>(), 1);
    let overdue = world.open(run).await.remove(0);
    assert!(overdue.overdue && overdue.escalation_count == 1 && overdue.state() == InboxItemState::Open);
    assert_eq!(overdue.due_time.expect("a time").seconds, due + 7_200, "twice the wait");
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), waits.open_items), (RunState::Waiting as i32, 1));
    assert!(!world.fleet.is_ready(run).await && world.site.seen().is_empty(), "nothing is decided by time");

    let mut now = 7_200;
    for count in 2..=5 {
        assert_eq!(inbox::escalate(engine, at(now - 1)).await.expect("escalate"), 0, "not before {count}");
        assert_eq!(inbox::escalate(engine, at(now)).await.expect("escalate"), 1);
        assert_eq!(world.open(run).await[0].escalation_count, count);
        now += 3_600 << count;
    }
    assert_eq!(inbox::escalate(engine, at(now * 100)).await.expect("escalate"), 0, "the fifth is the last");
    assert_eq!(world.open(run).await[0].due_time, None);
    let decided = world.decide(&item, approve(None)).await.expect("decide");
    assert!(decided.overdue && decided.state() == InboxItemState::Decided, "it can be decided as before");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.seen().len(), 1);
}

#[tokio::test]
async fn decided_item_is_never_escalated() {
    let world = World::new().await;
    let grant = ToolGrant {
        approval_expiry_s: Some(60),
        ..world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)
    };
    let run = world.queued(vec![grant], vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    world.decide(&item, approve(None)).await.expect("decide");
    let far = crate::store::tests::NOW + time::Duration::days(365);
    assert_eq!(inbox::escalate(&world.fleet.tables.engine, far).await.expect("escalate"), 0);
    assert!(!world.items(run).await[0].overdue);
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
