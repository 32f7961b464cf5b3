//! Calls that a standing rule allows: nobody is asked, the journal says why, and the grant is never overstepped.

use mc_tasks::domain::brief::{RequestEffect, ToolPolicy};
use mc_tasks::domain::decide::{AskKind, Next, next};
use mc_tasks::domain::event::{ApprovedByRule, Event, Record};
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::id::ApprovalRuleId;
use mc_tasks::domain::rule::{Condition, Match, Pattern, Rule};
use uuid::Uuid;

use crate::kit::{ORDER, PERSON, Run, bold_agent, brief, calls, task};

fn rule(tool: &str, arguments: &str) -> Rule {
    Rule {
        rule: ApprovalRuleId::new(Uuid::from_u128(7)),
        creator: PERSON,
        tool: tool.into(),
        pattern: Pattern::of_arguments(arguments).unwrap(),
    }
}

/// Leave for every call that scenarios ask about.
pub(crate) fn any_call_goes() -> Vec<Rule> {
    let any = Condition { pointer: String::new(), matching: Match::Any };
    let pattern = Pattern::new(vec![any]).unwrap();
    ["write_artifact", "http_request"]
        .map(|tool| Rule { pattern: pattern.clone(), ..rule(tool, "{}") })
        .into()
}

/// A run that is about to ask, with what it asks.
fn about_to_ask(asked: &[(&str, &str)]) -> (Run, Vec<mc_tasks::domain::decide::Ask>) {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request", "write_artifact"]);
    let mut run = Run::new(brief(task(), agent), [calls(asked)]);
    loop {
        if let Next::Ask(asks) = next(&run.fold, run.now) {
            return (run, asks);
        }
        assert!(run.step(), "{}", run.story());
    }
}

fn refused(run: &Run, event: ApprovedByRule) -> String {
    let event = Event::ApprovedByRule(event);
    let record = Record { seq: run.fold.head_seq() + 1, at: run.now, event };
    let mut fold = run.fold.clone();
    let error = fold.apply(&record).expect_err("it cannot happen").to_string();
    assert_eq!(fold, run.fold, "a refused event leaves no trace");
    error
}

#[test]
fn a_call_that_a_rule_allows_is_carried_out_without_a_question() {
    let (mut run, asks) = about_to_ask(&[ORDER, ("write_artifact", r#"{"path": "a", "content": ""}"#)]);
    let rules = [rule("write_artifact", ORDER.1), rule("http_request", ORDER.1)];
    let allowed = asks[0].allowed_by(&rules).expect("the second rule");
    assert_eq!((allowed.rule, allowed.creator), (rules[1].rule, PERSON));
    assert_eq!(asks[1].allowed_by(&rules), None, "of another tool, or with other arguments");
    run.append(Event::ApprovedByRule(allowed));
    let Next::Ask(left) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert!(matches!(&left[..], [only] if matches!(only.kind, AskKind::Approval { .. })));
    run.ask(left);
    let run = run.played();
    assert_eq!(run.results(), ["POST https://shop.example.com/orders"]);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval), "of the other one");
    assert!(
        run.story()
            .contains("rule 1/call_a http_request\n6 approve 1/call_b write_artifact ?\n7 tool 1/call_a"),
        "the reason before the intent: {}",
        run.story()
    );
}

#[test]
fn a_crash_behind_the_rule_keeps_its_leave_and_asks_nobody() {
    let (mut run, asks) = about_to_ask(&[ORDER]);
    run.append(Event::ApprovedByRule(asks[0].allowed_by(&[rule("http_request", ORDER.1)]).unwrap()));
    run.crash();
    let run = run.played();
    assert_eq!(run.results().len(), 1);
    assert!(run.asked.is_empty());
}

#[test]
fn a_rule_allows_nothing_that_nobody_would_be_asked_about() {
    for policy in [ToolPolicy::Allow, ToolPolicy::Deny] {
        let (run, asks) = about_to_ask(&[ORDER]);
        let allowed = asks[0].allowed_by(&[rule("http_request", ORDER.1)]).unwrap();
        let mut agent = bold_agent(RequestEffect::AtMostOnce, &[]);
        agent.tools.iter_mut().for_each(|grant| grant.policy = policy);
        let mut other = Run::new(brief(task(), agent), []);
        // The same journal, but for what the grant says.
        for record in &run.journal[1..] {
            other.append(record.event.clone());
        }
        let error = refused(&other, allowed);
        assert!(error.contains("nobody is asked about calls of `http_request`"), "{error}");
    }
    // What is denied is refused before anybody, or any rule, is asked.
    let mut agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    agent.tools.iter_mut().for_each(|grant| grant.policy = ToolPolicy::Deny);
    let run = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    assert!(run.asked.is_empty() && run.carried_out.is_empty());
    assert!(
        run.results()[0].starts_with("! Not carried out: your owner does not let you"),
        "{}",
        run.story()
    );
}

#[test]
fn a_rule_stands_for_the_call_as_it_was_asked_for_and_once() {
    let (mut run, asks) = about_to_ask(&[ORDER]);
    let allowed = asks[0].allowed_by(&[rule("http_request", ORDER.1)]).unwrap();
    for wrong in [
        ApprovedByRule { arguments_json: "{}".into(), ..allowed.clone() },
        ApprovedByRule { tool: "write_artifact".into(), ..allowed.clone() },
        ApprovedByRule { tool: "finish".into(), ..allowed.clone() },
        ApprovedByRule { call_id: "call_z".into(), ..allowed.clone() },
        ApprovedByRule { step: 2, ..allowed.clone() },
    ] {
        refused(&run, wrong);
    }
    run.append(Event::ApprovedByRule(allowed.clone()));
    assert!(refused(&run, allowed).contains("has been decided on"));
}

#[test]
fn questions_and_unknown_outcomes_are_no_matter_for_rules() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &[]);
    let question = r#"{"question": "Which?"}"#;
    let run = Run::new(brief(task(), agent), [calls(&[("ask_human", question)])]).played();
    assert_eq!(run.asked[0].1.allowed_by(&[rule("ask_human", question)]), None);
}

/// As they are written for as long as runs are kept. Lines may be added; a line that is there is never changed.
const WRITTEN: &str = r#"{"v":1,"kind":"approved_by_rule","step":1,"call_id":"call_a","tool":"http_request","arguments_json":"{}","rule":"00000000-0000-0000-0000-000000000007","creator":"00000000-0000-0000-0000-000000000009"}
{"v":1,"kind":"outcome_unknown","item":"00000000-0000-0000-0000-000000000001","step":1,"call_id":"call_a","tool":"http_request","arguments_json":"{}","attempt":1,"doubt":{"cause":"timed_out","detail":"no whole answer within 30 s"}}
{"v":1,"kind":"outcome_unknown","item":"00000000-0000-0000-0000-000000000001","step":1,"call_id":"call_a","tool":"http_request","arguments_json":"{}","attempt":1}
{"v":1,"kind":"item_decided","item":"00000000-0000-0000-0000-000000000001","step":1,"call_id":"call_a","decider":"00000000-0000-0000-0000-000000000009","decided_at":"2026-01-05T09:00:00Z","decision":"respond","text":"It is there."}"#;

#[test]
fn what_was_written_of_rules_doubts_and_answers_is_read_and_written_the_same() {
    for line in WRITTEN.lines() {
        let event = Event::from_json(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(event.to_json(), line);
    }
    let newer = WRITTEN.lines().nth(1).unwrap().replace("timed_out", "abducted");
    let Event::OutcomeUnknown(unknown) = Event::from_json(&newer).unwrap() else { panic!("{newer}") };
    assert_eq!(unknown.doubt.unwrap().cause, mc_tasks::domain::event::DoubtCause::Unknown);
}
