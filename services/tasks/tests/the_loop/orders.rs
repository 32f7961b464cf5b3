//! People order a run about: what they say is told of, takes effect when it may, and the last word holds.

use mc_tasks::domain::brief::{RequestEffect, RunLimits};
use mc_tasks::domain::decide::{Next, claimed, next};
use mc_tasks::domain::event::Event;
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::id::CommandId;
use mc_tasks::domain::order::CommandKind::{Cancel, Pause, Resume};
use mc_tasks::domain::order::Decision;
use time::Duration;
use uuid::Uuid;

use crate::kit::{ORDER, Run, agent, bold_agent, brief, calls, finishes, order, task, writes};

fn command(number: u128) -> CommandId {
    CommandId::new(Uuid::from_u128(number))
}

/// A run with a model call under way.
fn calling() -> Run {
    let mut run = Run::usual([]);
    while run.step() {}
    assert_eq!(run.fold.pending().len(), 1);
    run
}

fn kinds(run: &Run, from: usize) -> Vec<&'static str> {
    run.journal[from..].iter().map(|record| record.event.kind()).collect()
}

#[test]
fn a_pause_is_told_of_at_once_and_takes_effect_when_nothing_is_under_way() {
    let mut run = calling();
    let reading = run.reads(vec![order(1, Pause)], false);
    assert_eq!(kinds(&run, 3), ["command_delivered"]);
    assert!(reading.effective.is_empty() && reading.superseded.is_empty());
    assert_eq!(run.fold.state(), RunState::Running);
    run.script.extend([writes(), finishes()]);
    assert!(run.step(), "the answer comes");
    run.reads(vec![], true);
    assert_eq!(run.fold.state(), RunState::Paused);
    assert_eq!(next(&run.fold, run.now), Next::Paused);
    assert!(run.reads(vec![], true).is_empty(), "once");
    run.crash();
    assert_eq!(claimed(&run.fold, 9), None, "a paused run was nobody's");
    run.reads(vec![order(2, Resume)], true);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(
        kinds(&run, 3)[..5],
        ["command_delivered", "model_call_completed", "paused", "command_delivered", "resumed"]
    );
}

#[test]
fn a_resumption_takes_back_a_pause_that_has_not_taken_effect() {
    let mut run = calling();
    run.reads(vec![order(1, Pause)], false);
    let reading = run.reads(vec![order(2, Resume)], false);
    assert_eq!((reading.superseded, reading.effective), (vec![command(1)], vec![command(2)]));
    assert!(run.reads(vec![], true).is_empty());
    let reading = run.reads(vec![order(3, Pause), order(4, Resume), order(5, Pause)], true);
    assert_eq!((reading.superseded, reading.effective), (vec![command(3)], vec![command(4)]));
    assert_eq!(run.fold.state(), RunState::Paused, "the last word holds");
}

#[test]
fn a_second_pause_changes_nothing_and_says_so() {
    let mut run = calling();
    let reading = run.reads(vec![order(1, Pause), order(2, Pause)], true);
    assert_eq!(reading.superseded, [command(2)]);
    assert_eq!(run.reads(vec![order(3, Pause)], true).superseded, [command(3)]);
    assert!(matches!(run.journal.last().unwrap().event, Event::CommandDelivered(_)));
    assert_eq!(run.fold.state(), RunState::Paused);
}

#[test]
fn a_cancellation_ends_a_run_whatever_it_does() {
    let mut queued = Run::usual([]);
    let mut paused = calling();
    paused.reads(vec![order(1, Pause)], true);
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut waiting = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    for run in [&mut queued, &mut calling(), &mut paused, &mut waiting] {
        let reading = run.reads(vec![order(7, Cancel)], false);
        assert!(reading.cancels());
        assert_eq!(run.fold.state(), RunState::Cancelled);
        assert_eq!(next(&run.fold, run.now), Next::Ended);
        assert!(run.fold.open_items().is_empty());
        assert!(run.fold.pending().is_empty());
        assert!(run.reads(vec![order(8, Resume)], true).is_empty(), "nothing follows the end");
    }
}

#[test]
fn a_cancellation_comes_before_all_that_was_said_beside_it() {
    let mut run = calling();
    run.reads(vec![order(1, Pause)], false);
    let reading = run.reads(vec![order(2, Cancel), order(3, Cancel), order(4, Resume)], true);
    assert!(reading.cancels());
    assert_eq!(reading.superseded.len(), 3, "{:?}", reading.superseded);
    for number in [1, 3, 4] {
        assert!(reading.superseded.contains(&command(number)));
    }
    match &run.journal.last().unwrap().event {
        Event::Cancelled(cancelled) => assert_eq!(cancelled.command, command(2)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tools_whose_effect_is_unknown_survive_a_cancellation_by_name() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &[]);
    let fetch = ("http_fetch", r#"{"url": "https://example.com/"}"#);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER, fetch, ORDER])]);
    while !matches!(next(&run.fold, run.now), Next::UseTools(_)) {
        run.step();
    }
    let Next::UseTools(uses) = next(&run.fold, run.now) else { unreachable!() };
    for used in uses {
        run.append(used.intent.unwrap());
    }
    run.reads(vec![order(1, Cancel)], false);
    match &run.journal.last().unwrap().event {
        Event::Cancelled(cancelled) => assert_eq!(cancelled.survivors, ["http_request"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_decision_is_heard_while_the_run_is_paused() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    run.reads(vec![order(1, Pause)], true);
    assert_eq!(run.fold.state(), RunState::Paused);
    run.decided(Decision::Approve { arguments_json: None });
    assert_eq!((run.fold.state(), next(&run.fold, run.now)), (RunState::Paused, Next::Paused));
    run.reads(vec![order(2, Resume)], true);
    assert_eq!(run.played().results(), ["POST https://shop.example.com/orders"]);
}

#[test]
fn a_run_that_is_resumed_with_something_open_waits_on() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    run.reads(vec![order(1, Pause), order(2, Resume)], true);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
    run.reads(vec![order(3, Pause)], true);
    run.reads(vec![order(4, Resume)], true);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
}

#[test]
fn time_that_a_run_waits_or_is_paused_is_not_its_own() {
    let limits = RunLimits { max_duration_ms: 60_000, ..RunLimits::default() };
    let mut asking = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    asking.limits = limits;
    let mut run = Run::new(brief(task(), asking), [calls(&[ORDER]), calls(&[ORDER])]).played();
    let worked = run.fold.worked(run.now);
    assert!(worked > Duration::ZERO && worked < Duration::seconds(1), "{worked}");
    run.now += Duration::days(10);
    assert_eq!((run.fold.worked(run.now), run.fold.deadline()), (worked, None));
    assert_eq!(next(&run.fold, run.now), Next::Wait(WaitReason::Approval), "the limit does not end it");

    run.decided(Decision::Approve { arguments_json: None });
    let deadline = run.fold.deadline().expect("it works again");
    assert_eq!(deadline, run.now + Duration::seconds(60) - worked);
    run.reads(vec![order(1, Pause)], true);
    run.now += Duration::days(10);
    run.reads(vec![order(2, Resume)], true);
    let worked = run.fold.worked(run.now);
    assert!(worked < Duration::seconds(1), "{worked}");

    run.now += Duration::seconds(60);
    let run = run.played();
    assert_eq!(run.failure(), Some("DURATION_LIMIT_REACHED"), "its own time still counts: {}", run.story());
}

#[test]
fn an_order_that_comes_before_the_start_takes_effect_without_one() {
    let mut run = Run::new(brief(task(), agent()), []);
    run.reads(vec![order(1, Pause)], true);
    assert_eq!((run.fold.state(), run.fold.started_at()), (RunState::Paused, None));
    assert_eq!(claimed(&run.fold, 1), None);
    run.reads(vec![order(2, Resume)], true);
    assert_eq!(run.fold.state(), RunState::Queued);
    assert!(run.step() && run.fold.started_at().is_some());
}
