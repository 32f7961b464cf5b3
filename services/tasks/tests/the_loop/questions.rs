//! An agent asks people, and their answer is the result of its call.

use mc_tasks::domain::brief::RequestEffect;
use mc_tasks::domain::decide::AskKind;
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::order::Decision;

use crate::kit::{ORDER, Run, agent, bold_agent, brief, calls, finishes, task, writes};

const QUESTION: (&str, &str) = ("ask_human", r#"{"question": "Which one?", "choices": ["A", "B"]}"#);

#[test]
fn the_answer_is_what_the_agent_reads() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &[]);
    let mut run = Run::new(brief(task(), agent), [calls(&[QUESTION]), writes(), finishes()]).played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Input));
    assert_eq!(
        run.asked[0].1.kind,
        AskKind::Question { question: "Which one?".into(), choices: vec!["A".into(), "B".into()] }
    );
    run.crash();
    run.decided(Decision::Answer { text: "B".into() });
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.results()[0], "B");
    assert!(
        run.story()
            .contains("5 answer 1/call_a ?\n6 decided 1/call_a Answer\n7 tool 1/call_a ask_human ok\n")
    );
}

#[test]
fn of_several_things_that_are_open_an_approval_is_named_first() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[QUESTION, ORDER])]).played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
    run.decided(Decision::Answer { text: "A".into() });
    let run = run.played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
    assert_eq!(run.results(), ["A"]);
}

#[test]
fn a_question_that_cannot_be_asked_is_refused_by_name() {
    let repeated = r#"{"question": "Which?", "choices": ["A", "A"]}"#;
    for (arguments, why) in [
        ("{}", "! Not carried out: question: is missing."),
        (repeated, "! Not carried out: choices[1]: `A` is there already."),
    ] {
        let agent = bold_agent(RequestEffect::AtMostOnce, &[]);
        let run = Run::new(brief(task(), agent), [calls(&[("ask_human", arguments)])]).played();
        assert_eq!(run.results(), [why]);
        assert!(run.asked.is_empty());
    }
}

#[test]
fn an_agent_that_may_not_ask_is_told_so() {
    let run = Run::new(brief(task(), agent()), [calls(&[QUESTION])]).played();
    assert!(run.results()[0].starts_with("! There is no tool `ask_human` for you."), "{}", run.story());
    assert!(run.asked.is_empty());
}
