//! The exact words that go to a model, so that any change of them is seen in review.

use mc_tasks::domain::conversation::{FinishReason, Message, Opaque, Part, Role, Thinking};
use mc_tasks::domain::decide::{Next, claimed, next};

use crate::kit::{Run, Turn, agent, assistant, brief, calls, cut, says, task, writes};

#[test]
fn at_the_start_of_a_run() {
    let run = Run::usual([]).played();
    insta::assert_json_snapshot!(run.requests[0].request);
}

#[test]
fn for_an_agent_without_tools_and_a_task_without_a_brief() {
    let (mut task, mut agent) = (task(), agent());
    task.brief = String::new();
    task.acceptance_checks.clear();
    agent.tools.clear();
    let run = Run::new(brief(task, agent), []).played();
    insta::assert_json_snapshot!(run.requests[0].request);
}

/// A conversation with everything in it; the run's start is left out, since the test above holds it.
fn long_run() -> Run {
    let mut thoughtful = assistant(
        "I will read both.",
        &[
            ("http_fetch", r#"{"url": "https://example.com/a"}"#),
            ("read_artifact", r#"{"path": "b.md"}"#),
            ("read_artifact", "{oops"),
        ],
    );
    thoughtful
        .parts
        .insert(0, Part::Thinking(Thinking { text: "Two drafts.".into(), signature: vec![0, 255] }));
    thoughtful.parts.push(Part::Opaque(Opaque {
        provider: "simulator".into(),
        model: "demo".into(),
        content: br#"{"state":1}"#.to_vec(),
    }));
    Run::usual([
        Turn::Answers(thoughtful, FinishReason::ToolCalls),
        says(""),
        says("Draft B is better."),
        cut("Let me explain at length", &[("write_artifact", r#"{"path": "rep"#)]),
        writes(),
    ])
    .played()
}

fn after_the_opening(messages: &[std::sync::Arc<Message>]) -> &[std::sync::Arc<Message>] {
    assert_eq!(messages[0].role, Role::User);
    &messages[1..]
}

#[test]
fn after_tool_results_and_notes() {
    let run = long_run();
    insta::assert_json_snapshot!(after_the_opening(&run.requests.last().unwrap().request.messages));
}

#[test]
fn after_a_repetition() {
    let run = Run::usual(vec![calls(&[("read_artifact", r#"{"path": "none.md"}"#)]); 3]).played();
    let messages = &run.requests.last().unwrap().request.messages;
    insta::assert_json_snapshot!(messages.last());
}

#[test]
fn a_resumed_run_says_the_same_words() {
    let mut run = long_run();
    let before = run.requests.last().unwrap().request.clone();
    run.crash();
    run.append(claimed(&run.fold, 2).unwrap());
    run.append(claimed(&run.fold, 3).unwrap());
    match next(&run.fold, run.now) {
        Next::CallModel(call) => assert_eq!(call.request, before),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_words_of_a_run_are_those_it_was_queued_with() {
    let mut pinned = brief(task(), agent());
    pinned.prompt.system = "As an older release put it.".into();
    pinned.prompt.tools.truncate(1);
    let run = Run::new(pinned, []).played();
    assert_eq!(run.requests[0].request.system, "As an older release put it.");
    assert_eq!(run.requests[0].request.tools.len(), 1);
}

#[test]
fn the_order_of_grants_does_not_change_the_request() {
    let mut turned = agent();
    turned.tools.reverse();
    assert_eq!(brief(task(), turned).prompt, brief(task(), agent()).prompt);
}
