//! What a worker does that finds intents without results.

use mc_tasks::domain::decide::{Next, claimed, next};
use mc_tasks::domain::event::{EffectClass, Event, Record};
use mc_tasks::domain::fold::{PendingIntent, RunFold, RunState, WaitReason};

use crate::kit::{Run, calls, finishes, writes};

#[test]
fn a_model_call_is_attached_to_by_the_same_key_with_the_same_words() {
    let mut run = Run::usual([writes()]);
    while run.step() {}
    let before = run.requests.last().unwrap().clone();
    run.crash();
    run.append(claimed(&run.fold, 2).unwrap());
    match next(&run.fold, run.now) {
        Next::CallModel(call) => {
            assert_eq!(call.intent, None, "the intent is there already");
            assert_eq!(call.idempotency_key, before.idempotency_key);
            assert_eq!(call.request, before.request);
        }
        other => panic!("{other:?}"),
    }
}

/// A run whose worker died with two of three calls under way and none answered.
fn in_mid_tools() -> Run {
    let mut run = Run::usual([calls(&[
        ("write_artifact", r#"{"path": "report.md", "content": "Draft B."}"#),
        ("http_fetch", r#"{"url": "https://example.com/"}"#),
        ("read_artifact", r#"{"path": "report.md"}"#),
    ])]);
    while run.fold.steps() == 0 || matches!(next(&run.fold, run.now), Next::CallModel(_)) {
        run.step();
    }
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    for used in &uses[..2] {
        run.append(used.intent.clone().unwrap());
    }
    run.crash();
    run
}

#[test]
fn calls_that_may_be_repeated_are_repeated_under_their_key() {
    let run = in_mid_tools();
    let open: Vec<String> = run
        .fold
        .pending()
        .into_iter()
        .map(|intent| match intent {
            PendingIntent::Tool { idempotency_key, .. } => idempotency_key,
            model @ PendingIntent::Model { .. } => panic!("{model:?}"),
        })
        .collect();
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!(uses.iter().map(|used| used.intent.is_none()).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(uses[..2].iter().map(|used| used.idempotency_key.clone()).collect::<Vec<_>>(), open);
    let mut run = run;
    run.script.push_back(finishes());
    assert!(run.played().succeeded());
}

/// The same with intents of this class.
fn in_mid_tools_of(effect_class: EffectClass) -> Run {
    let mut run = in_mid_tools();
    for record in &mut run.journal {
        if let Event::ToolCallStarted(started) = &mut record.event {
            started.effect_class = effect_class;
        }
    }
    run.crash();
    run
}

#[test]
fn a_call_that_must_not_be_repeated_is_left_to_a_person() {
    let mut run = in_mid_tools_of(EffectClass::AtMostOnce);
    assert!(run.step(), "asks");
    let asked: Vec<&str> = run.asked.iter().map(|(_, ask)| ask.call_id.as_str()).collect();
    assert_eq!(asked, ["call_a", "call_b"], "both at once");
    let mut run = run.played();
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Outcome));
    let carried: Vec<&str> = run.carried_out.iter().map(|used| used.call_id.as_str()).collect();
    assert_eq!(carried, ["call_c"], "what needs nobody is carried out meanwhile");
    run.crash();
    assert_eq!(next(&run.fold, run.now), Next::Wait(WaitReason::Outcome));
}

#[test]
fn a_call_that_can_be_asked_about_is_asked_about_first() {
    let run = in_mid_tools_of(EffectClass::Queryable);
    let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    let first: Vec<(&str, bool)> =
        uses.iter().map(|used| (used.call_id.as_str(), used.query_first)).collect();
    assert_eq!(first, [("call_a", true), ("call_b", true), ("call_c", false)]);
}

#[test]
fn the_first_claim_starts_and_later_ones_resume() {
    let mut run = Run::usual([]);
    assert_eq!(claimed(&run.fold, 1), None, "nobody had it before");
    // The first worker died before it wrote anything: the second one starts the run, under epoch 2.
    assert_eq!(claimed(&run.fold, 2), None, "whoever died before it began has left nothing");
    run.step();
    run.append(claimed(&run.fold, 3).unwrap());
    assert_eq!(run.fold.lease_epoch(), 3);
    assert_eq!(claimed(&run.fold, 3), None, "a claim is told of once");
    let run = Run::usual([writes(), finishes()]).played();
    assert_eq!(claimed(&run.fold, 9), None, "an ended run is not taken up");
}

#[test]
fn a_tool_that_a_release_no_longer_reads_is_answered_and_not_stuck() {
    let mut run = in_mid_tools();
    for record in &mut run.journal {
        match &mut record.event {
            Event::ModelCallCompleted(done) => {
                for part in &mut done.message.parts {
                    if let mc_tasks::domain::conversation::Part::ToolCall(call) = part
                        && call.tool == "http_fetch"
                    {
                        call.tool = "gopher".into();
                    }
                }
            }
            Event::ToolCallStarted(started) if started.tool == "http_fetch" => started.tool = "gopher".into(),
            _ => {}
        }
    }
    run.crash();
    run.script.push_back(finishes());
    let run = run.played();
    assert!(run.results().iter().any(|result| result.starts_with("! There is no tool `gopher`")));
    assert!(run.succeeded(), "{}", run.story());
}

#[test]
fn replay_stops_at_the_first_record_that_does_not_fit() {
    let run = Run::usual([writes(), finishes()]).played();
    for missing in 0..run.journal.len() - 1 {
        let torn: Vec<Record> = run
            .journal
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != missing)
            .map(|(_, r)| r.clone())
            .collect();
        assert!(RunFold::replay(&torn).is_err(), "record {missing} is missing");
    }
}
