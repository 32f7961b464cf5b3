//! A call whose outcome nobody knows is never repeated in silence: a person says what became of it.

use mc_tasks::domain::brief::RequestEffect;
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::event::{Doubt, EffectClass, Event};
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::order::Decision;

use crate::kit::{ORDER, Run, bold_agent, brief, calls, task};

/// A run whose worker died between the intent of a request and its result, and that has asked about it.
fn in_doubt() -> Run {
    let mut run = begun(RequestEffect::AtMostOnce);
    run.crash();
    let run = run.played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Outcome), "{}", run.story());
    assert!(run.carried_out.is_empty());
    run
}

fn begun(effect: RequestEffect) -> Run {
    let mut run = Run::new(brief(task(), bold_agent(effect, &[])), [calls(&[ORDER])]);
    loop {
        if let Next::UseTools(uses) = next(&run.fold, run.now) {
            run.append(uses[0].intent.clone().unwrap());
            return run;
        }
        run.step();
    }
}

#[test]
fn what_took_effect_is_the_result() {
    let mut run = in_doubt();
    run.decided(Decision::MarkDone { result: "Order 7 is there.".into() });
    let run = run.played();
    assert_eq!(
        run.results(),
        ["The answer to this call got lost. A person looked and says that it took effect: Order 7 is there."]
    );
    assert!(run.carried_out.is_empty());
}

#[test]
fn what_counts_as_failed_is_an_error() {
    let mut run = in_doubt();
    run.decided(Decision::Fail { reason: "The shop was closed.".into() });
    let run = run.played();
    assert_eq!(
        run.results(),
        [
            "! The answer to this call got lost. A person looked and says that it counts as failed: The shop was closed."
        ]
    );
}

#[test]
fn tried_again_it_is_another_attempt_under_the_same_key() {
    let mut run = in_doubt();
    run.decided(Decision::Retry);
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!((uses[0].attempt, uses[0].query_first), (2, false));
    let intents: Vec<(u32, String)> = run
        .journal
        .iter()
        .map(|record| &record.event)
        .chain(uses[0].intent.as_ref())
        .filter_map(|event| match event {
            Event::ToolCallStarted(call) => Some((call.attempt, call.idempotency_key.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(intents.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(intents[0].1, intents[1].1);
    assert_eq!(run.played().results(), ["POST https://shop.example.com/orders"]);
}

#[test]
fn a_second_attempt_that_gets_lost_is_asked_about_like_the_first() {
    let mut run = in_doubt();
    run.decided(Decision::Retry);
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    run.append(uses[0].intent.clone().unwrap());
    run.crash();
    let mut run = run.played();
    assert!(run.story().ends_with("outcome 1/call_a http_request attempt 2 ?\n"), "{}", run.story());
    run.decided(Decision::MarkDone { result: "It is there.".into() });
    assert_eq!(run.played().results().len(), 1);
}

#[test]
fn a_worker_that_cannot_tell_asks_just_the_same() {
    for effect in [RequestEffect::AtMostOnce, RequestEffect::Queryable, RequestEffect::Idempotent] {
        let mut run = Run::new(brief(task(), bold_agent(effect, &[])), [calls(&[ORDER])]);
        let used = loop {
            if let Next::UseTools(mut uses) = next(&run.fold, run.now) {
                break uses.remove(0);
            }
            run.step();
        };
        run.append(used.intent.clone().unwrap());
        // The answer was cut.
        run.ask(vec![used.in_doubt(Doubt::worker_lost())]);
        let run = run.played();
        assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Outcome));
        assert!(run.carried_out.is_empty(), "and does not repeat it");
    }
}

#[test]
fn what_the_server_promises_decides_what_a_crash_comes_to() {
    for (effect, class) in [
        (RequestEffect::Idempotent, EffectClass::Idempotent),
        (RequestEffect::Queryable, EffectClass::Queryable),
    ] {
        let mut run = begun(effect);
        run.crash();
        let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
        assert_eq!((uses[0].effect_class, uses[0].intent.as_ref()), (class, None));
        assert_eq!(uses[0].query_first, effect == RequestEffect::Queryable);
    }
}

#[test]
fn a_call_without_effect_is_never_in_doubt() {
    let mut run = Run::usual([calls(&[("http_fetch", r#"{"url": "https://example.com/"}"#)])]);
    let used = loop {
        if let Next::UseTools(mut uses) = next(&run.fold, run.now) {
            break uses.remove(0);
        }
        run.step();
    };
    run.append(used.intent.clone().unwrap());
    let item = mc_tasks::domain::id::InboxItemId::new(uuid::Uuid::from_u128(1));
    let record = mc_tasks::domain::event::Record {
        seq: run.fold.head_seq() + 1,
        at: run.now,
        event: used.in_doubt(Doubt::worker_lost()).event(item),
    };
    assert!(run.fold.clone().apply(&record).is_err());
}
