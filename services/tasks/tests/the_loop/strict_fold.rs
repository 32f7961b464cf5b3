//! The fold refuses every record that cannot follow, and is then as it was.

use mc_tasks::domain::event::{
    EffectClass, EngineNote, Event, Failed, ModelCallFailed, ModelCallStarted, NoteReason, Record, Retried,
    RunError, Started, Steered, Succeeded, TakenOver, ToolCallCompleted, ToolCallStarted,
};
use mc_tasks::domain::fold::{FoldError, RunFold, RunState};
use mc_tasks::domain::id::CommandId;
use uuid::Uuid;

use crate::kit::{PERSON, Run, START, Turn, calls, finishes, speaks, writes};

/// One event of every kind, shaped for step 1 and its call `call_a`.
fn every_kind(run: &Run) -> Vec<Event> {
    let queued = run.journal[0].event.clone();
    let answer = run
        .journal
        .iter()
        .map(|record| record.event.clone())
        .find(|event| matches!(event, Event::ModelCallCompleted(_)))
        .expect("an answer");
    vec![
        queued,
        Event::Started(Started {}),
        Event::TakenOver(TakenOver { lease_epoch: 2 }),
        model(1, 1),
        answer,
        Event::ModelCallFailed(ModelCallFailed {
            step: 1,
            attempt: 1,
            error: RunError::new("R", "m"),
            retry_at: None,
            generation: String::new(),
            maybe_billed: false,
            cost_nano_usd: None,
            cost_estimated: false,
            total_tokens: 0,
        }),
        tool("call_a", r#"{"path": "report.md", "content": "Draft B."}"#),
        done("call_a", "write_artifact"),
        note(1),
        Event::Succeeded(Succeeded { summary: "s".into(), evidence: vec![] }),
        Event::Failed(Failed { error: RunError::new("R", "m") }),
        steered(1),
        retried(1),
    ]
}

fn steered(command: u128) -> Event {
    let (command, requester) = (CommandId::new(Uuid::from_u128(command)), PERSON);
    Event::Steered(Steered { command, requester, text: "Hear this.".into() })
}

fn retried(command: u128) -> Event {
    Event::Retried(Retried {
        command: CommandId::new(Uuid::from_u128(command)),
        requester: PERSON,
        requested_at: START,
        reason: String::new(),
        note: String::new(),
    })
}

fn model(step: u32, attempt: u32) -> Event {
    Event::ModelCallStarted(ModelCallStarted {
        step,
        attempt,
        model: "simulator/demo".into(),
        message_count: 1,
        compacts_through: None,
    })
}

fn tool(call_id: &str, arguments_json: &str) -> Event {
    Event::ToolCallStarted(ToolCallStarted {
        step: 1,
        call_id: call_id.into(),
        tool: "write_artifact".into(),
        arguments_json: arguments_json.into(),
        effect_class: EffectClass::Idempotent,
        idempotency_key: "k".into(),
        attempt: 1,
    })
}

fn done(call_id: &str, tool: &str) -> Event {
    Event::ToolCallCompleted(ToolCallCompleted {
        step: 1,
        call_id: call_id.into(),
        tool: tool.into(),
        content: String::new(),
        is_error: false,
        artifact: None,
        duration_ms: 0,
    })
}

fn note(step: u32) -> Event {
    Event::EngineNote(EngineNote { step, reason: NoteReason::NoToolCall, text: "t".into() })
}

fn try_next(fold: &RunFold, event: Event) -> Result<(), FoldError> {
    let mut tried = fold.clone();
    let result = tried.apply(&Record { seq: fold.head_seq() + 1, at: START, event });
    if result.is_err() {
        assert_eq!(&tried, fold, "a refused record leaves no trace");
    }
    result
}

#[test]
fn what_may_follow_what() {
    let run = Run::usual([writes(), finishes()]).played();
    // Folds after: queued, started, model intent, answer, tool intent, tool result.
    let table: [(usize, &[&str]); 7] = [
        (1, &["started", "failed"]),
        (2, &["taken_over", "model_call_started", "failed"]),
        (3, &["taken_over", "model_call_completed", "model_call_failed", "failed"]),
        (4, &["taken_over", "tool_call_started", "succeeded", "failed"]),
        (5, &["taken_over", "tool_call_completed", "failed"]),
        (6, &["taken_over", "engine_note", "succeeded", "failed"]),
        (run.journal.len(), &[]),
    ];
    for (records, legal) in table {
        let fold = RunFold::replay(&run.journal[..records]).unwrap();
        let taken: Vec<&str> = every_kind(&run)
            .into_iter()
            .filter(|event| try_next(&fold, event.clone()).is_ok())
            .map(|event| event.kind())
            .collect();
        assert_eq!(taken, legal, "after {records} records");
    }
}

#[test]
fn numbers_must_be_the_next_ones() {
    let run = Run::usual([writes(), finishes()]).played();
    let started = RunFold::replay(&run.journal[..2]).unwrap();
    for (step, attempt) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        assert!(try_next(&started, model(step, attempt)).is_err(), "{step}/{attempt}");
    }
    let settled = RunFold::replay(&run.journal[..6]).unwrap();
    assert!(try_next(&settled, model(1, 2)).is_err());
    assert!(try_next(&settled, model(2, 1)).is_ok());
    assert!(try_next(&settled, note(2)).is_err());
    let mut resumed = settled.clone();
    resumed
        .apply(&Record { seq: 7, at: START, event: Event::TakenOver(TakenOver { lease_epoch: 5 }) })
        .unwrap();
    for (epoch, legal) in [(4, false), (5, false), (6, true)] {
        assert_eq!(try_next(&resumed, Event::TakenOver(TakenOver { lease_epoch: epoch })).is_ok(), legal);
    }
}

#[test]
fn a_seq_that_is_not_the_next_is_a_gap() {
    let run = Run::usual([writes()]).played();
    let fold = RunFold::replay(&run.journal[..2]).unwrap();
    for seq in [i64::MIN, 0, 1, 2, 4, i64::MAX] {
        let record = Record { seq, at: START, event: model(1, 1) };
        assert_eq!(fold.clone().apply(&record), Err(FoldError::Gap { expected: 3, found: seq }));
    }
}

#[test]
fn results_answer_intents_and_intents_answer_calls() {
    let run = Run::usual([calls(&[
        ("write_artifact", r#"{"path": "a", "content": ""}"#),
        ("write_artifact", r#"{"path": "b", "content": ""}"#),
    ])])
    .played();
    let answered = RunFold::replay(&run.journal[..4]).unwrap();
    let arguments = r#"{"path": "a", "content": ""}"#;
    assert!(try_next(&answered, tool("call_x", arguments)).is_err(), "the answer holds no such call");
    assert!(try_next(&answered, tool("call_a", "{}")).is_err(), "other arguments");
    assert!(try_next(&answered, done("call_a", "write_artifact")).is_err(), "no intent");
    let mut open = answered.clone();
    open.apply(&Record { seq: 5, at: START, event: tool("call_a", arguments) }).unwrap();
    assert!(try_next(&open, tool("call_a", arguments)).is_err(), "twice");
    assert!(try_next(&open, done("call_a", "http_fetch")).is_err(), "another tool");
    assert!(try_next(&open, done("call_b", "write_artifact")).is_err(), "another call");
    assert!(try_next(&open, model(2, 1)).is_err(), "a call is under way");
    assert!(try_next(&open, note(1)).is_err(), "a call is under way");
    open.apply(&Record { seq: 6, at: START, event: done("call_a", "write_artifact") }).unwrap();
    assert!(try_next(&open, done("call_a", "write_artifact")).is_err(), "twice");
    assert!(try_next(&open, model(2, 1)).is_err(), "a call has not been seen to");
}

#[test]
fn a_journal_begins_with_its_queued_record() {
    let run = Run::usual([writes()]).played();
    assert!(matches!(RunFold::replay([]), Err(FoldError::Gap { expected: 1, .. })));
    assert!(matches!(RunFold::begin(&run.journal[1]), Err(FoldError::Beginning { seq: 2, kind: "started" })));
    let misplaced = Record { seq: 2, ..run.journal[0].clone() };
    assert!(matches!(RunFold::begin(&misplaced), Err(FoldError::Beginning { .. })));
}

#[test]
fn an_answer_has_one_note() {
    let run = Run::usual([crate::kit::says("Hm.")]).played();
    let noted = RunFold::replay(&run.journal[..5]).unwrap();
    assert!(try_next(&noted, note(1)).is_err());
}

#[test]
fn a_failed_call_is_followed_by_the_next_attempt_if_it_said_so_and_by_none_else() {
    let run = Run::usual([Turn::Fails("PROVIDER_OVERLOADED")]).played();
    let tried_again = RunFold::replay(&run.journal[..4]).unwrap();
    for (step, attempt, legal) in [(1, 1, false), (1, 2, true), (1, 3, false), (2, 1, false)] {
        assert_eq!(try_next(&tried_again, model(step, attempt)).is_ok(), legal, "{step}/{attempt}");
    }
    let run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    let given_up = RunFold::replay(&run.journal[..4]).unwrap();
    for (step, attempt) in [(1, 1), (1, 2), (2, 1)] {
        assert!(try_next(&given_up, model(step, attempt)).is_err(), "{step}/{attempt}");
    }
}

#[test]
fn after_a_failure_only_a_retry_may_follow_and_after_any_other_end_nothing() {
    let run = Run::usual([Turn::Fails("PROVIDER_REFUSED")]).played();
    let failed = run.fold.clone();
    let taken: Vec<&str> = every_kind(&Run::usual([writes(), finishes()]).played())
        .into_iter()
        .filter(|event| try_next(&failed, event.clone()).is_ok())
        .map(|event| event.kind())
        .collect();
    assert_eq!(taken, ["retried"]);
    let mut again = failed;
    again.apply(&Record { seq: again.head_seq() + 1, at: START, event: retried(1) }).unwrap();
    assert_eq!((again.state(), again.error(), again.ended_at()), (RunState::Running, None, None));
    assert!(try_next(&again, retried(2)).is_err(), "it has not failed again");
    assert!(try_next(&again, model(1, 1)).is_err() && try_next(&again, model(1, 3)).is_err());
    assert!(try_next(&again, model(1, 2)).is_ok(), "the failed step, once more");

    let mut told = retried(1);
    if let Event::Retried(retried) = &mut told {
        retried.note = "Try harder.".into();
    }
    assert!(try_next(&run.fold, told.clone()).is_err(), "the agent had no part in it");
    let stuck = Run::usual(vec![finishes(); 10]).played();
    assert!(try_next(&stuck.fold, told).is_ok());
    assert!(try_next(&Run::usual([writes(), finishes()]).played().fold, retried(1)).is_err(), "it succeeded");
}

#[test]
fn only_what_was_delivered_is_said_in_its_order_and_between_whole_turns() {
    let mut run = Run::usual([]);
    while run.step() {}
    run.reads(vec![speaks(1, "Hear this.", false), speaks(2, "Hear this.", false)], false);
    assert!(try_next(&run.fold, steered(1)).is_err(), "a model call is under way");
    run.script.push_back(writes());
    run.step();
    assert!(try_next(&run.fold, steered(1)).is_err(), "its tools have not been seen to");
    run.step();
    for (command, legal) in [(2, false), (3, false), (1, true)] {
        assert_eq!(try_next(&run.fold, steered(command)).is_ok(), legal, "{command}");
    }
    let other = Event::Steered(Steered {
        command: CommandId::new(Uuid::from_u128(1)),
        requester: PERSON,
        text: "Something else.".into(),
    });
    assert!(try_next(&run.fold, other).is_err(), "words are not changed on the way");
}
