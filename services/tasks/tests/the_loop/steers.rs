//! People say things to a run while it works: heard between whole turns, in order, and never lost by an answer or a wait.

use mc_tasks::domain::brief::RequestEffect;
use mc_tasks::domain::conversation::{Message, Role};
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::event::Event;
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::id::CommandId;
use mc_tasks::domain::order::CommandKind::{Cancel, Pause, Resume};
use mc_tasks::domain::order::{CommandKind, Decision};
use uuid::Uuid;

use crate::kit::{
    ORDER, Run, Turn, at_once, bold_agent, brief, calls, finishes, order, says, speaks, task, writes,
};

fn command(number: u128) -> CommandId {
    CommandId::new(Uuid::from_u128(number))
}

/// A run with a model call under way.
fn calling() -> Run {
    let mut run = Run::usual([]);
    while run.step() {}
    run
}

fn kinds(run: &Run, from: usize) -> Vec<&'static str> {
    run.journal[from..].iter().map(|record| record.event.kind()).collect()
}

/// The texts of a request's turns of the person, behind the opening.
fn heard(run: &Run) -> Vec<Message> {
    let request = &run.requests.last().expect("a request").request;
    request.messages[1..]
        .iter()
        .filter(|turn| turn.role == Role::User)
        .map(|turn| turn.as_ref().clone())
        .collect()
}

#[test]
fn a_message_waits_for_the_answer_and_the_results_of_its_tools() {
    let mut run = calling();
    let reading = run.reads(vec![speaks(1, "Shorter.", false)], false);
    assert!(reading.superseded.is_empty() && reading.effective.is_empty());
    run.script.extend([writes(), finishes()]);
    run.step();
    assert!(run.reads(vec![], true).is_empty(), "a call waits for its result");
    run.step();
    assert_eq!(run.reads(vec![], true).events.len(), 1);
    assert!(run.reads(vec![], true).is_empty(), "once");
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(
        kinds(&run, 3)[..6],
        [
            "command_delivered",
            "model_call_completed",
            "tool_call_started",
            "tool_call_completed",
            "steered",
            "model_call_started"
        ]
    );
    assert_eq!(heard(&run), [Message::user("Shorter.")], "word for word");
}

#[test]
fn several_messages_keep_their_order_over_reads_and_crashes() {
    let mut run = calling();
    run.reads(vec![speaks(3, "One.", false)], false);
    run.crash();
    run.reads(vec![speaks(2, "Two.", false), speaks(1, "Three.", false)], false);
    run.crash();
    run.script.push_back(writes());
    run.step();
    run.step();
    run.reads(vec![speaks(4, "Four.", false)], true);
    let said: Vec<&str> = run
        .journal
        .iter()
        .filter_map(|record| match &record.event {
            Event::Steered(steered) => Some(steered.text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said, ["One.", "Two.", "Three.", "Four."]);
}

#[test]
fn an_interrupting_message_stops_the_call_and_the_step_is_asked_again_with_it() {
    let mut run = calling();
    run.reads(vec![speaks(1, "Stop.", true)], false);
    assert_eq!(run.fold.interruption(), Some(CommandKind::Steer));
    assert!(run.reads(vec![], true).is_empty(), "the call is to be stopped first");
    run.crash();
    assert!(run.interrupt() && !run.interrupt());
    run.reads(vec![], true);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(
        run.story()
            .contains("4 ordered Steer\n5 model 1/1 RUN_STEERED tried again\n6 told Stop.\n7 model 1/2 ?\n"),
        "{}",
        run.story()
    );
    assert_eq!((run.fold.steps(), run.fold.totals().estimated_cost_nano_usd), (2, 700), "a second charge");
    let keys: Vec<&str> = run.requests.iter().map(|call| call.idempotency_key.as_str()).collect();
    assert!(keys[0].ends_with("/1/1") && keys[1].ends_with("/1/2"), "{keys:?}");
}

#[test]
fn tools_are_not_interrupted_and_nothing_else_is_either() {
    for letter in [speaks(1, "Stop.", true), at_once(1, Pause)] {
        let mut run = Run::usual([writes()]);
        run.step();
        run.step();
        let Next::UseTools(uses) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
        run.append(uses[0].intent.clone().unwrap());
        run.reads(vec![letter], false);
        assert!(run.fold.interruption().is_none() && !run.interrupt());
    }
}

#[test]
fn a_pause_that_does_not_wait_stops_the_call_and_holds_at_once() {
    let mut run = calling();
    run.reads(vec![at_once(1, Pause)], false);
    assert!(run.interrupt());
    run.reads(vec![], true);
    assert_eq!(run.fold.state(), RunState::Paused);
    run.reads(vec![order(2, Resume)], true);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(
        kinds(&run, 3)[..6],
        [
            "command_delivered",
            "model_call_failed",
            "paused",
            "command_delivered",
            "resumed",
            "model_call_started"
        ]
    );
}

#[test]
fn a_pause_that_does_not_wait_takes_the_place_of_one_that_does_and_not_the_other_way_round() {
    let mut run = calling();
    run.reads(vec![order(1, Pause)], false);
    assert!(run.fold.interruption().is_none());
    assert_eq!(run.reads(vec![at_once(2, Pause)], false).superseded, [command(1)]);
    assert_eq!(run.fold.interruption(), Some(Pause));
    assert_eq!(
        run.reads(vec![order(3, Pause), at_once(4, Pause)], false).superseded,
        [command(3), command(4)]
    );
    assert_eq!(run.reads(vec![order(5, Resume)], false).superseded, [command(2)]);
    assert!(run.fold.interruption().is_none(), "taken back in time");
}

#[test]
fn interruptions_are_no_failures_of_the_model() {
    let mut run = calling();
    for number in 0..20 {
        run.reads(vec![speaks(number, "No.", true)], false);
        assert!(run.interrupt());
        run.reads(vec![], true);
        while run.step() {}
    }
    run.script.extend(vec![Turn::Fails("GENERATION_INTERRUPTED"); 3]);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "the third failure of four is tried again: {}", run.story());
}

#[test]
fn a_run_that_is_about_to_finish_hears_the_message_first() {
    let mut run = Run::usual([writes()]);
    while run.step() {}
    run.reads(vec![speaks(1, "Name the other one too.", false)], false);
    run.script.extend([finishes(), finishes()]);
    run.step();
    run.reads(vec![], true);
    run.step();
    run.reads(vec![], true);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(
        run.results().iter().any(|result| result.starts_with("! Not accepted: a person")),
        "{:?}",
        run.results()
    );
    assert_eq!(heard(&run), [Message::user("Name the other one too.")]);
}

#[test]
fn a_waiting_run_reads_it_at_once_and_passes_it_on_when_it_goes_on() {
    let agent = bold_agent(RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(brief(task(), agent), [calls(&[ORDER])]).played();
    run.reads(vec![speaks(1, "Only if it is cheap.", false)], true);
    assert_eq!(kinds(&run, run.journal.len() - 1), ["command_delivered"]);
    assert_eq!(next(&run.fold, run.now), Next::Wait(WaitReason::Approval));
    run.decided(Decision::Approve { arguments_json: None });
    run.step();
    run.reads(vec![], true);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(heard(&run), [Message::user("Only if it is cheap.")]);
}

#[test]
fn a_paused_run_keeps_it_until_it_is_resumed_and_a_cancelled_one_says_so() {
    let mut run = calling();
    run.reads(vec![order(1, Pause)], true);
    assert_eq!(run.reads(vec![speaks(2, "Later.", true)], true).events.len(), 1, "told of, not said");
    assert!(run.fold.interruption().is_none(), "a paused run is left alone");
    run.reads(vec![order(3, Resume)], true);
    assert_eq!(run.fold.interruption(), Some(CommandKind::Steer));
    let reading = run.reads(vec![order(4, Cancel), speaks(5, "Too late.", false)], false);
    assert!(reading.cancels());
    assert_eq!(reading.superseded, [command(2), command(5)]);
}

#[test]
fn a_word_makes_an_agent_that_goes_in_circles_count_anew() {
    let mut run = Run::usual(vec![calls(&[("read_artifact", r#"{"path": "none.md"}"#)]); 4]);
    while run.step() {}
    assert_eq!(run.notes(), ["REPEATED_CALL"]);
    run.script.extend(vec![calls(&[("read_artifact", r#"{"path": "none.md"}"#)]); 4]);
    run.step();
    let mut heard = false;
    while !heard {
        run.step();
        heard =
            !run.reads(if heard { vec![] } else { vec![speaks(9, "Try another.", false)] }, true).is_empty();
    }
    while run.step() {}
    assert_eq!(run.failure(), None, "{}", run.story());
    assert_eq!(run.notes().len(), 2, "and is warned anew: {}", run.story());

    let mut run = Run::usual(vec![says("Hm."); 3]);
    while run.step() {}
    run.reads(vec![speaks(1, "Use your tools.", true)], false);
    run.interrupt();
    run.reads(vec![], true);
    run.script.extend(vec![says("Hm."); 3]);
    while run.step() {}
    assert_eq!(run.failure(), None, "{}", run.story());
}
