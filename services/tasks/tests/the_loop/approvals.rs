//! A call that needs a person's leave waits for it, and for nothing else; what the person says is what happens.

use mc_tasks::domain::arguments::Arguments;
use mc_tasks::domain::brief::RequestEffect;
use mc_tasks::domain::decide::{AskKind, Next, next};
use mc_tasks::domain::event::EffectClass;
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::order::Decision;

use crate::kit::{ORDER, Run, bold_agent, brief, calls, finishes, task, writes};

const FETCH: (&str, &str) = ("http_fetch", r#"{"url": "https://example.com/a"}"#);

fn waiting(calls_: &[(&str, &str)]) -> Run {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request", "write_artifact"]);
    let run = Run::new(brief(task(), agent), [calls(calls_)]).played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval), "{}", run.story());
    run
}

fn edit(arguments: &str) -> Decision {
    Decision::Approve { arguments_json: Some(arguments.into()) }
}

#[test]
fn all_is_asked_at_once_and_what_needs_nobody_is_done_meanwhile() {
    let run = waiting(&[ORDER, FETCH, ("write_artifact", r#"{"path": "a", "content": ""}"#)]);
    assert_eq!(
        run.story(),
        "1 queued\n2 started\n3 model 1/1 ?\n4 model 1/1 ok\n\
         5 approve 1/call_a http_request ?\n6 approve 1/call_c write_artifact ?\n\
         7 tool 1/call_b http_fetch ?\n8 tool 1/call_b http_fetch ok\n"
    );
    assert_eq!(run.fold.open_items().len(), 2);
    match &run.asked[0].1.kind {
        AskKind::Approval { tool, arguments_json, effect_class } => {
            assert_eq!((tool.as_str(), arguments_json.as_str()), ORDER);
            assert_eq!(*effect_class, EffectClass::AtMostOnce);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approved_call_is_carried_out_as_it_was_asked_for() {
    let mut run = waiting(&[ORDER]);
    run.decided(Decision::Approve { arguments_json: None });
    let run = run.played();
    assert_eq!(run.results(), ["POST https://shop.example.com/orders"]);
    let used = &run.carried_out[0];
    assert_eq!((used.attempt, used.edited, used.effect_class), (1, false, EffectClass::AtMostOnce));
}

#[test]
fn one_decision_does_not_wait_for_the_other() {
    let mut run = waiting(&[ORDER, ("write_artifact", r#"{"path": "report.md", "content": ""}"#)]);
    let second = run.fold.open_items()[1].item;
    let approve = Decision::Approve { arguments_json: None };
    let letter = mc_tasks::domain::order::LetterContent::Decision { item: second, decision: approve };
    assert!(run.reads(vec![letter], true).stray.is_empty());
    assert_eq!(run.fold.state(), RunState::Running);
    let mut run = run.played();
    assert_eq!(run.results(), ["Wrote report.md."]);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
    run.decided(Decision::Reject { reason: "Too dear.".into() });
    run.script.push_back(finishes());
    assert!(run.played().succeeded());
}

#[test]
fn a_rejected_call_is_never_begun_and_the_agent_reads_why() {
    let mut run = waiting(&[ORDER]);
    run.decided(Decision::Reject { reason: "We have enough of them.".into() });
    let mut run = run.played();
    assert_eq!(run.results(), ["! A person rejected this call: We have enough of them."]);
    assert!(run.carried_out.is_empty());
    assert!(!run.story().contains("http_request ?\n7"), "no intent: {}", run.story());
    run.script.extend([writes(), finishes()]);
    let mut run = run.played();
    run.decided(Decision::Approve { arguments_json: None });
    assert!(run.played().succeeded());
}

#[test]
fn a_person_may_answer_in_place_of_the_tool() {
    let mut run = waiting(&[ORDER]);
    run.decided(Decision::Respond { text: "Order 7 is there already.".into() });
    let run = run.played();
    assert_eq!(
        run.results(),
        ["The call was not made. A person answers in its place: Order 7 is there already."]
    );
    assert!(run.carried_out.is_empty());
    assert!(!run.story().contains("http_request ?\n7"), "no intent: {}", run.story());
}

#[test]
fn changed_arguments_are_what_is_done_and_the_agent_is_told_so() {
    let mut run = waiting(&[ORDER]);
    let changed = r#"{"method": "PUT", "url": "https://shop.example.com/orders/1"}"#;
    run.decided(edit(changed));
    let run = run.played();
    assert_eq!(
        run.results(),
        [format!(
            "A person approved this call and changed its arguments to: {changed}\n\nPUT https://shop.example.com/orders/1"
        )]
    );
    match &run.carried_out[0].arguments {
        Arguments::HttpRequest(request) => {
            assert_eq!(request.url.as_str(), "https://shop.example.com/orders/1");
        }
        other => panic!("{other:?}"),
    }
    let sent = &run.requests.last().unwrap().request.messages;
    let asked = sent.iter().flat_map(|message| message.tool_calls()).next().unwrap();
    assert_eq!(asked.arguments_json, ORDER.1, "what the agent wrote stays what it wrote");
}

#[test]
fn a_crash_after_the_intent_of_a_changed_call_keeps_the_change() {
    let agent = bold_agent(RequestEffect::Idempotent, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    run.decided(edit(r#"{"method": "DELETE", "url": "https://shop.example.com/orders/1"}"#));
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    run.append(uses[0].intent.clone().unwrap());
    run.crash();
    let Next::UseTools(again) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!(again[0].intent, None);
    assert!(again[0].edited);
    assert_eq!(
        (&again[0].arguments, &again[0].idempotency_key),
        (&uses[0].arguments, &uses[0].idempotency_key)
    );
}

#[test]
fn changed_arguments_are_held_to_the_grant_like_any_others() {
    for (changed, why) in [
        (
            r#"{"method": "POST", "url": "https://evil.example.net/"}"#,
            "Not carried out: url: you may not reach `evil.example.net`. You may reach: shop.example.com.",
        ),
        (r#"{"method": "POST"}"#, "Not carried out: url: is missing."),
    ] {
        let mut run = waiting(&[ORDER]);
        run.decided(edit(changed));
        let run = run.played();
        let told = format!("! A person approved this call and changed its arguments to: {changed}\n\n{why}");
        assert_eq!(run.results(), [told], "the agent did not write these");
        assert!(run.carried_out.is_empty());
    }
}

#[test]
fn a_long_change_is_quoted_in_part() {
    let mut run = waiting(&[("write_artifact", r#"{"path": "a", "content": ""}"#)]);
    run.decided(edit(&format!(r#"{{"path": "a", "content": "{}"}}"#, "\u{e9}".repeat(10_000))));
    let run = run.played();
    let result = &run.results()[0];
    assert!(result.contains(" [cut here]\n\nWrote a."), "{result}");
    assert!(result.chars().count() < 2_200);
}

#[test]
fn a_call_that_would_be_refused_anyway_troubles_nobody() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let wrong = ("http_request", r#"{"method": "POST", "url": "https://elsewhere.example.net/"}"#);
    let run = Run::new(brief(task(), agent), [calls(&[wrong])]).played();
    assert!(run.asked.is_empty());
    assert!(run.results()[0].starts_with("! Not carried out: url: you may not reach"), "{}", run.story());
}

#[test]
fn finish_beside_a_call_that_waits_is_judged_after_it() {
    let mut run = waiting(&[
        ("write_artifact", r#"{"path": "report.md", "content": "B"}"#),
        ("finish", r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#),
    ]);
    run.decided(Decision::Approve { arguments_json: None });
    assert!(run.played().succeeded());
}

#[test]
fn a_decision_that_does_not_fit_is_passed_over() {
    let mut run = waiting(&[ORDER]);
    let item = run.fold.open_items()[0].item;
    let letter = |decision| vec![mc_tasks::domain::order::LetterContent::Decision { item, decision }];
    for wrong in [
        Decision::Answer { text: "Yes.".into() },
        Decision::Retry,
        Decision::MarkDone { result: "Done.".into() },
        Decision::Fail { reason: "No.".into() },
    ] {
        let reading = run.reads(letter(wrong), true);
        assert_eq!((reading.stray.as_slice(), reading.events.len()), ([item].as_slice(), 0));
    }
    run.decided(Decision::Approve { arguments_json: None });
    let second = run.reads(letter(Decision::Reject { reason: "No.".into() }), true);
    assert_eq!(second.stray, [item], "the first one holds");
}
