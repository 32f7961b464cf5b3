//! A failed run that a person has go on: from the step that failed, with its counts begun anew and nothing repeated.

use mc_tasks::domain::brief::{RequestEffect, RunLimits};
use mc_tasks::domain::conversation::{FinishReason, Message};
use mc_tasks::domain::decide::{Next, claimed, next};
use mc_tasks::domain::event::{Event, Failed, RunError};
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::mail;
use mc_tasks::domain::order::CommandKind::{Cancel, Pause, Retry};
use mc_tasks::domain::order::Decision;
use time::Duration;

use crate::kit::{
    ORDER, Run, Turn, agent, assistant, at_once, bold_agent, brief, calls, finishes, order, says, speaks,
    task, writes,
};

/// Retries a run that has failed; what follows in its journal.
fn retried(run: &mut Run, number: u128) -> Vec<&'static str> {
    assert_eq!(run.fold.state(), RunState::Failed, "{}", run.story());
    let from = run.journal.len();
    run.crash();
    assert_eq!(claimed(&run.fold, 99), None, "a failed run was nobody's");
    run.reads(vec![order(number, Retry)], true);
    run.journal[from..].iter().map(|record| record.event.kind()).collect()
}

fn poison(run: &mut Run) {
    run.append(Event::Failed(Failed {
        error: RunError::new("POISON_RUN", "It breaks whatever carries it."),
    }));
}

#[test]
fn a_run_goes_on_from_the_model_call_that_failed_and_its_attempts_count_anew() {
    let mut run = Run::usual(vec![Turn::Fails("GENERATION_INTERRUPTED"); 4]).played();
    assert_eq!(run.failure(), Some("GENERATION_INTERRUPTED"));
    let head = run.fold.head_seq();
    assert_eq!(retried(&mut run, 1), ["retried"]);
    assert_eq!((run.fold.head_seq(), run.fold.ended_at(), run.fold.error()), (head + 1, None, None));
    run.script.extend(vec![Turn::Fails("GENERATION_INTERRUPTED"); 3]);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.fold.steps(), 2, "one step, however often it is tried");
    let attempts: Vec<u32> = run.requests.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 8, 1], "no key is used twice");
}

#[test]
fn a_run_may_fail_and_be_retried_over_and_over() {
    let mut run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    for number in 1..4 {
        retried(&mut run, number);
        run.script.push_back(Turn::Fails("PROVIDER_REFUSED"));
        run = run.played();
        assert_eq!(run.failure(), Some("PROVIDER_REFUSED"));
    }
    retried(&mut run, 9);
    run.script.extend([writes(), finishes()]);
    assert!(run.played().succeeded());
}

#[test]
fn an_agent_whose_own_doing_it_was_is_told_and_others_are_not() {
    let circle = calls(&[("read_artifact", r#"{"path": "none.md"}"#)]);
    let impossible = calls(&[("finish", r#"{"summary": "There is no draft.", "outcome": "impossible"}"#)]);
    for (turns, reason) in [
        (vec![circle; 5], "STUCK_LOOP"),
        (vec![impossible], "TASK_IMPOSSIBLE"),
        (vec![says("Hm."); 4], "NO_FINISH"),
        (vec![says(" "); 4], "EMPTY_ANSWERS"),
    ] {
        let mut run = Run::usual(turns).played();
        assert_eq!(run.failure(), Some(reason));
        retried(&mut run, 1);
        let Event::Retried(retry) = &run.journal.last().unwrap().event else { panic!("{}", run.story()) };
        assert!(retry.note.contains("A person has it go on"), "{reason}: {}", retry.note);
        let note = retry.note.clone();
        assert_eq!(run.fold.messages().last().unwrap().as_ref(), &Message::user(note));
        run.script.extend([writes(), finishes()]);
        let run = run.played();
        assert!(run.succeeded(), "{reason}: {}", run.story());
    }
    let mut run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    retried(&mut run, 1);
    assert_eq!(run.fold.messages().len(), 1, "the provider's failure is none of the agent's business");
}

#[test]
fn an_answer_that_was_withheld_is_asked_for_again_and_no_part_of_the_conversation() {
    let withheld = Turn::Answers(assistant("I will n", &[ORDER]), FinishReason::ContentFilter);
    let mut run = Run::usual([withheld]).played();
    assert_eq!(run.failure(), Some("ANSWER_WITHHELD"));
    retried(&mut run, 1);
    assert_eq!(run.fold.messages().len(), 1);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.requests[1].attempt, 2);
}

#[test]
fn time_counts_from_the_retry_and_steps_go_on() {
    let mut agent = agent();
    agent.limits = RunLimits { max_duration_ms: 60_000, max_steps: 2, ..RunLimits::default() };
    let mut run = Run::new(brief(task(), agent), [writes()]);
    while run.step() {}
    run.now += Duration::minutes(2);
    run = run.played();
    assert_eq!(run.failure(), Some("DURATION_LIMIT_REACHED"));
    run.now += Duration::days(3);
    retried(&mut run, 1);
    assert_eq!(run.fold.deadline(), Some(run.now + Duration::minutes(1)));
    run.script.extend([says("Hm."), writes()]);
    let mut run = run.played();
    assert_eq!(run.failure(), Some("STEP_LIMIT_REACHED"), "{}", run.story());
    retried(&mut run, 2);
    assert_eq!(run.played().failure(), Some("STEP_LIMIT_REACHED"), "its steps are used up");
}

#[test]
fn what_people_were_asked_is_asked_again_and_what_they_said_holds() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER, ORDER])]).played();
    assert_eq!(run.fold.open_items().len(), 2);
    run.decided(Decision::Reject { reason: "No.".into() });
    poison(&mut run);
    assert!(run.fold.open_items().is_empty(), "the end voids them");
    retried(&mut run, 1);
    let run = run.played();
    assert_eq!(next(&run.fold, run.now), Next::Wait(WaitReason::Approval));
    assert_eq!((run.fold.open_items().len(), run.asked.len()), (1, 3), "the open one alone: {}", run.story());
    assert_eq!(run.results(), ["! A person rejected this call: No."]);
}

#[test]
fn a_call_in_doubt_is_still_in_doubt() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &[]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER])]);
    while !matches!(next(&run.fold, run.now), Next::UseTools(_)) {
        run.step();
    }
    let Next::UseTools(uses) = next(&run.fold, run.now) else { unreachable!() };
    run.append(uses[0].intent.clone().unwrap());
    // Once behind the intent, once behind the question that it led to.
    for number in [1, 2] {
        poison(&mut run);
        retried(&mut run, number);
        run = run.played();
        assert_eq!(next(&run.fold, run.now), Next::Wait(WaitReason::Outcome));
    }
    assert!(run.carried_out.is_empty());
}

#[test]
fn a_call_that_a_crash_left_behind_is_joined_by_its_key() {
    let mut run = Run::usual([]);
    while run.step() {}
    poison(&mut run);
    retried(&mut run, 1);
    let Next::CallModel(call) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!((call.attempt, call.intent), (1, None));
}

#[test]
fn a_run_that_failed_before_its_start_starts() {
    let mut run = Run::usual([writes(), finishes()]);
    poison(&mut run);
    assert_eq!(retried(&mut run, 1), ["retried"]);
    assert_eq!(run.fold.state(), RunState::Queued);
    assert!(run.played().succeeded());
}

#[test]
fn orders_from_before_the_failure_are_settled_by_it_and_those_behind_the_retry_are_heard() {
    let mut run = Run::usual([]);
    while run.step() {}
    run.reads(vec![speaks(1, "Unheard.", true), at_once(2, Pause)], false);
    poison(&mut run);
    run.crash();
    run.reads(vec![order(3, Retry), speaks(4, "Heard.", false), order(5, Pause)], true);
    assert_eq!(run.fold.interruption(), None);
    assert_eq!(run.fold.state(), RunState::Paused);
    assert!(!run.story().contains("Unheard"), "{}", run.story());

    let mut run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    let reading = run.reads(vec![order(1, Retry), order(2, Cancel)], true);
    assert!(reading.cancels());
    assert_eq!(run.fold.state(), RunState::Cancelled);
    assert!(run.reads(vec![order(3, Retry)], true).is_empty(), "what was cancelled stays so");
    let mut run = Run::usual([writes(), finishes()]).played();
    assert!(run.reads(vec![order(3, Retry)], true).is_empty(), "and so does what succeeded");
}

#[test]
fn a_retry_of_a_run_that_works_changes_nothing_and_no_other_order_wakes_a_failed_one() {
    let mut run = Run::usual([]);
    while run.step() {}
    let reading = run.reads(vec![order(1, Retry)], false);
    assert_eq!((reading.superseded.len(), run.fold.state()), (1, RunState::Running));
    let mut run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    for letter in [order(2, Pause), order(3, Cancel), speaks(4, "Hello?", true)] {
        assert!(run.reads(vec![letter], true).events.is_empty());
    }
    assert!(mail::read(&run.fold, &[], true).is_empty());
}
