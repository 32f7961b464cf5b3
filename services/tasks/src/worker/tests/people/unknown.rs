//! Every kind of effect whose outcome can be unknown, and every decision on it: what is sent, what the model reads, and what the
//! item says went wrong.

use mc_proto::tasks::v1::{DoubtCause, FailDecision, InboxItemKind, MarkDoneDecision, RetryDecision};

use super::*;

fn mark_done() -> Kind {
    Kind::MarkDone(MarkDoneDecision { result: "Order 7 is in the books.".into() })
}

fn fail() -> Kind {
    Kind::Fail(FailDecision { reason: "It never arrived.".into() })
}

fn retry() -> Kind {
    Kind::Retry(RetryDecision {})
}

/// A run that asks what became of a request whose answer was cut.
async fn answer_cut(effect: RequestEffect) -> (World, RunId, InboxItem) {
    let world = World::new().await;
    let run =
        world.queued(vec![world.may_request(ToolPolicy::Allow, effect)], vec![world.order("one")]).await;
    world.site.cut(true);
    if effect == RequestEffect::Queryable {
        world.site.forget();
    }
    world.attempt().await;
    world.site.cut(false);
    let item = world.open(run).await.pop().expect("it asks");
    assert_eq!((item.kind(), item.attempt), (InboxItemKind::Outcome, 1));
    (world, run, item)
}

#[tokio::test]
async fn item_says_what_went_wrong_when_and_with_which_attempt() {
    for (effect, cause, sends) in [
        (RequestEffect::AtMostOnce, DoubtCause::AnswerLost, 1),
        (RequestEffect::Idempotent, DoubtCause::AnswerLost, 3),
        (RequestEffect::Queryable, DoubtCause::QueryUnclear, 1),
    ] {
        let (world, run, item) = answer_cut(effect).await;
        let doubt = item.doubt.expect("what went wrong");
        assert_eq!((doubt.cause(), doubt.attempt), (cause, 1), "{effect:?}: {doubt:?}");
        assert!(!doubt.detail.is_empty() && doubt.begin_time.is_some() && doubt.notice_time.is_some());
        let posts = world.site.asked().iter().filter(|what| what.starts_with("POST")).count();
        assert_eq!(posts, sends, "{effect:?}");
        let unknown = world.events(run).await.into_iter().find_map(|event| match event {
            Event::OutcomeUnknown(unknown) => unknown.doubt,
            _ => None,
        });
        assert_eq!(unknown.map(|doubt| doubt.detail), Some(doubt.detail), "the journal has it too");
    }
}

#[tokio::test]
async fn each_decision_means_the_same_whatever_the_effect() {
    for effect in [RequestEffect::AtMostOnce, RequestEffect::Idempotent, RequestEffect::Queryable] {
        for decision in [mark_done(), fail(), retry()] {
            let (world, run, item) = answer_cut(effect).await;
            let before = world.site.seen();
            world.decide(&item, decision.clone()).await.expect("decide");
            world.attempt().await;
            let case = format!("{effect:?} {decision:?}");
            assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32, "{case}");
            let sent = world.site.seen().split_off(before.len());
            let (told, is_error) = world.fleet.script.results().remove(0);
            match decision {
                Kind::MarkDone(_) => {
                    assert!(told.contains("Order 7 is in the books.") && !is_error, "{case}: {told}");
                    assert!(sent.is_empty(), "{case}");
                }
                Kind::Fail(_) => {
                    assert!(told.contains("It never arrived.") && is_error, "{case}: {told}");
                    assert!(sent.is_empty(), "{case}");
                }
                _ => {
                    assert!(told.contains("ordered") && !is_error, "{case}: {told}");
                    assert_eq!((sent.len(), &sent[0]), (1, &before[0]), "{case}: under the same key");
                }
            }
        }
    }
}

#[tokio::test]
async fn retry_that_is_surely_not_sent_leaves_the_doubt_and_says_so() {
    let (mut world, run, item) = answer_cut(RequestEffect::AtMostOnce).await;
    world.decide(&item, retry()).await.expect("decide");
    // The server is gone, and with it the port.
    world.site = Site::new().await;
    world.attempt().await;
    let again = world.open(run).await.pop().expect("it asks again");
    let doubt = again.doubt.expect("what went wrong");
    assert_eq!((doubt.cause(), doubt.attempt), (DoubtCause::NotSentAgain, 2));
    assert!(doubt.detail.contains("not sent"), "{doubt:?}");
}

#[tokio::test]
async fn call_without_effect_asks_nobody_whatever_becomes_of_its_answer() {
    let world = World::new().await;
    let fetch = ToolGrant { allowed_hosts: vec!["127.0.0.1".into()], ..ToolGrant::of("http_fetch") };
    let url = serde_json::json!({"url": world.site.url("/page")}).to_string();
    let run = world.queued(vec![fetch], vec![("http_fetch", url)]).await;
    for _ in 0..3 {
        world.site.hold();
        world.killed(world.site.came()).await;
        world.site.go_on();
    }
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert!(world.items(run).await.is_empty());
    assert_eq!(world.site.asked(), ["GET /page"; 4]);
}
