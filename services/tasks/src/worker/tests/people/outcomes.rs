//! A worker is killed behind an intent: what becomes of the call follows from what is known of its effect.

use mc_proto::tasks::v1::{
    DoubtCause, EffectClass, FailDecision, InboxItemKind, MarkDoneDecision, RetryDecision, WaitReason,
};

use super::*;

/// A run whose worker was killed when its request had come to the site.
async fn killed_in_mid_request(effect: RequestEffect) -> (World, RunId) {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Allow, effect)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.site.hold();
    world.killed(world.site.came()).await;
    assert_eq!(world.kinds(run).await.last(), Some(&"tool_call_started"));
    world.site.go_on();
    (world, run)
}

/// The same, when the run asks what became of it.
async fn in_doubt() -> (World, RunId, InboxItem) {
    let (world, run) = killed_in_mid_request(RequestEffect::AtMostOnce).await;
    world.attempt().await;
    assert_eq!(world.site.asked(), ["POST /orders"], "nothing is sent in the blind");
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), i32::from(waits.wait_reason)), (5, WaitReason::Outcome as i32));
    let item = world.open(run).await.remove(0);
    assert_eq!((item.kind(), item.attempt), (InboxItemKind::Outcome, 1));
    assert_eq!((item.effect_class(), item.tool.as_str()), (EffectClass::AtMostOnce, "http_request"));
    assert_eq!(item.arguments_json, world.order("one").1);
    let doubt = item.doubt.clone().expect("what went wrong");
    assert_eq!((doubt.cause(), doubt.attempt), (DoubtCause::WorkerLost, 1));
    assert!(doubt.begin_time.is_some() && doubt.notice_time == item.create_time);
    (world, run, item)
}

#[tokio::test]
async fn what_a_person_says_took_effect_is_the_result() {
    let (world, run, item) = in_doubt().await;
    let done = Kind::MarkDone(MarkDoneDecision { result: "Order 7 is in the books.".into() });
    world.decide(&item, done).await.expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.asked(), ["POST /orders"]);
    let (told, is_error) = world.fleet.script.results().remove(0);
    assert!(told.contains("Order 7 is in the books.") && !is_error, "{told}");
    let kinds = world.kinds(run).await;
    let begun = kinds.iter().position(|kind| *kind == "tool_call_started").expect("begun");
    assert_eq!(
        kinds[begun + 1..begun + 5],
        ["taken_over", "outcome_unknown", "item_decided", "tool_call_completed"]
    );
}

#[tokio::test]
async fn what_a_person_says_failed_is_an_error_to_the_model() {
    let (world, run, item) = in_doubt().await;
    world
        .decide(&item, Kind::Fail(FailDecision { reason: "It never arrived.".into() }))
        .await
        .expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.asked(), ["POST /orders"]);
    let (told, is_error) = world.fleet.script.results().remove(0);
    assert!(told.contains("It never arrived.") && is_error, "{told}");
}

#[tokio::test]
async fn what_a_person_has_tried_again_is_a_second_attempt_under_the_same_key() {
    let (world, run, item) = in_doubt().await;
    world.decide(&item, Kind::Retry(RetryDecision {})).await.expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let seen = world.site.seen();
    assert_eq!((seen.len(), &seen[0]), (2, &seen[1]), "the same request with the same key");
    let attempts: Vec<_> = world
        .events(run)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::ToolCallStarted(started) if started.tool == "http_request" => Some(started.attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn second_attempt_that_gets_lost_is_asked_about_anew() {
    let (world, run, item) = in_doubt().await;
    world.decide(&item, Kind::Retry(RetryDecision {})).await.expect("decide");
    world.site.hold();
    world.killed(world.site.came()).await;
    world.site.go_on();
    world.attempt().await;
    let again = world.open(run).await.remove(0);
    assert_eq!((again.attempt, again.name == item.name), (2, false));
    assert_eq!(world.site.asked().len(), 2);
}

#[tokio::test]
async fn idempotent_call_is_made_again_with_its_key_and_troubles_nobody() {
    let (world, run) = killed_in_mid_request(RequestEffect::Idempotent).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let seen = world.site.seen();
    assert_eq!((seen.len(), &seen[0]), (2, &seen[1]));
    assert!(world.items(run).await.is_empty());
    let begun = world.kinds(run).await.iter().filter(|kind| **kind == "tool_call_started").count();
    assert_eq!(begun, 2, "one intent of the request, and one of `finish`");
}

#[tokio::test]
async fn queryable_call_is_asked_about_and_not_made_again() {
    let (world, run) = killed_in_mid_request(RequestEffect::Queryable).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let seen = world.site.seen();
    assert_eq!(world.site.asked(), ["POST /orders".to_owned(), format!("GET /outcomes/{}", seen[0].key)]);
    assert!(world.fleet.script.results()[0].0.contains("it was ordered"));
    assert!(world.items(run).await.is_empty());
}

#[tokio::test]
async fn queryable_call_that_never_arrived_is_made_after_asking() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Allow, RequestEffect::Queryable)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    // Killed when the intent is committed, before a byte goes out.
    let mut heads = world.fleet.bus.subscribe(&crate::topics::run(run)).await;
    let begun = async {
        while world.kinds(run).await.last() != Some(&"tool_call_started") {
            heads.next().await;
        }
    };
    world.site.hold();
    world.killed(Box::pin(begun)).await;
    let before = world.site.asked().len();
    world.site.go_on();
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let asked = world.site.asked();
    let sent = asked.iter().filter(|what| *what == "POST /orders").count();
    assert!(asked[before].starts_with("GET /outcomes/") && sent == 1, "{asked:?}");
}

#[tokio::test]
async fn call_without_effect_is_simply_made_again() {
    let world = World::new().await;
    let fetch = ToolGrant { allowed_hosts: vec!["127.0.0.1".into()], ..ToolGrant::of("http_fetch") };
    let url = serde_json::json!({"url": world.site.url("/page")}).to_string();
    let run = world.queued(vec![fetch], vec![("http_fetch", url)]).await;
    world.site.hold();
    world.killed(world.site.came()).await;
    world.site.go_on();
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!(world.site.asked(), ["GET /page", "GET /page"]);
    assert!(world.items(run).await.is_empty());
}
