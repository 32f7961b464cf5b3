//! A conversation that becomes too long is made shorter by the run itself: cheaply first, then by a summary that is paid once.

use mc_tasks::domain::brief::{AgentSnapshot, ContextPolicy};
use mc_tasks::domain::compaction::words::SUMMARY_SYSTEM;
use mc_tasks::domain::conversation::{Part, Role};
use mc_tasks::domain::decide::{ModelCall, Next, claimed, next};
use mc_tasks::domain::event::{ContextCompacted, Event, Record, ShortenedResult};
use mc_tasks::domain::order::CommandKind::Retry;

use crate::kit::{
    Run, START, Turn, agent, at_once, brief, calls, finishes, order, says, speaks, task, writes,
};
use crate::properties::check_request;

/// Room of 30,000 tokens after 10,000 for the answer; too long is more than 22,500.
fn with_window(window: u32) -> AgentSnapshot {
    let mut agent = agent();
    agent.context = ContextPolicy { window_tokens: Some(window), compact_at_percent: None };
    agent.parameters.max_output_tokens = Some(10_000);
    agent
}

fn run_of(agent: AgentSnapshot, script: impl IntoIterator<Item = Turn>) -> Run {
    let mut run = Run::new(brief(task(), agent), script);
    run.counts = true;
    run
}

/// An answer that writes a file of about 6,000 tokens: nothing of it is a tool's answer.
fn writes_much(path: &str) -> Turn {
    let arguments = format!(r#"{{"path": "{path}", "content": "{}"}}"#, "word ".repeat(4_800));
    calls(&[("write_artifact", arguments.as_str())])
}

/// So long that the fifth call is to sum up.
fn long(script: impl IntoIterator<Item = Turn>) -> Run {
    let begun = ["a.md", "b.md", "c.md", "d.md"].map(writes_much);
    run_of(with_window(40_000), begun.into_iter().chain(script))
}

fn summary() -> Turn {
    says("Half of it is done.")
}

fn compactions(run: &Run) -> Vec<ContextCompacted> {
    let compacted = run.journal.iter().filter_map(|record| match &record.event {
        Event::ContextCompacted(compacted) => Some(compacted.clone()),
        _ => None,
    });
    compacted.collect()
}

/// All that the model is told in a request.
fn told(call: &ModelCall) -> String {
    let parts = call.request.messages.iter().flat_map(|turn| &turn.parts);
    let texts = parts.map(|part| match part {
        Part::Text { text } => text.clone(),
        Part::ToolCall(call) => call.arguments_json.clone(),
        Part::ToolResult(result) => result.content.clone(),
        other => format!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn old_answers_give_way_to_references_first_which_asks_no_model() {
    let reads = |path: &str| calls(&[("read_artifact", &format!(r#"{{"path": "{path}"}}"#))]);
    let paths = ["1.md", "2.md", "3.md", "4.md"];
    let mut run = run_of(with_window(40_000), paths.map(reads).into_iter().chain([writes(), finishes()]));
    for path in paths {
        run.has_file(path, &format!("{path} {}", "word ".repeat(4_800)));
    }
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.requests.len(), 6, "{}", run.story());
    let [compacted] = &compactions(&run)[..] else { panic!("{}", run.story()) };
    assert_eq!((compacted.step, compacted.text.as_str(), compacted.cost_nano_usd), (None, "", None));
    assert_eq!(compacted.shortened.iter().map(|it| it.seq).collect::<Vec<_>>(), [6, 10, 14]);
    assert!(compacted.tokens_before > 22_500 && compacted.tokens_after <= 11_250, "{compacted:?}");
    let after = &run.requests[4];
    check_request(&after.request);
    assert!(
        told(after).contains("[Taken out to save room: `read_artifact` answered 24005 characters"),
        "{}",
        told(after)
    );
    assert!(told(after).contains(&format!("4.md {}", "word ".repeat(4_800))), "the newest stays as it is");
    assert!(run.results()[0].starts_with("1.md word word"), "the journal has what was taken out");
}

#[test]
fn a_summary_takes_the_place_of_what_was_and_is_a_step_like_any() {
    let run = long([summary(), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    let [compacted] = &compactions(&run)[..] else { panic!("{}", run.story()) };
    assert_eq!((compacted.step, compacted.cost_nano_usd), (Some(5), Some(1_000)));
    assert_eq!(
        (compacted.first_seq, compacted.last_seq),
        (4, 14),
        "the newest exchange stays: {}",
        run.story()
    );
    assert!(compacted.tokens_before > 22_500 && compacted.tokens_after < 11_250, "{compacted:?}");
    assert_eq!(compacted.window_tokens, 40_000);
    assert!(
        run.story().contains(
            "\n19 model 5/1 summary\n20 model 5/1 ok\n21 compacted 4..14, 0 shortened\n22 model 6/1 ?\n"
        ),
        "{}",
        run.story()
    );

    let asked = &run.requests[4];
    assert_eq!((asked.request.system.as_str(), asked.request.tools.len()), (SUMMARY_SYSTEM, 0));
    assert_eq!(asked.request.messages.len(), 1);
    assert!(told(asked).starts_with("# The task\n# Task: Compare the two drafts"), "{}", told(asked));
    assert!(!told(asked).contains("d.md"), "what stays is not summed up");
    assert!(asked.idempotency_key.ends_with("/5/1"));

    let after = &run.requests[5].request;
    check_request(after);
    assert_eq!(after.system, run.requests[0].request.system);
    assert_eq!(
        after.messages.iter().map(|turn| turn.role).collect::<Vec<_>>(),
        [Role::User, Role::Assistant, Role::Tool]
    );
    assert_eq!(
        after.messages[0].parts[0], run.requests[0].request.messages[0].parts[0],
        "the task word for word"
    );
    let text = told(&run.requests[5]);
    assert!(
        text.contains("stands for records 4 to 14")
            && text.contains(
                "\n\nHalf of it is done.\n\nArtifacts of this run: `a.md`, `b.md`, `c.md`, `d.md`."
            ),
        "{text}"
    );
    assert_eq!(run.fold.steps(), 7, "it counts as a step");
    assert_eq!(run.fold.totals().cost_nano_usd, 7_000, "and costs what it costs");
}

#[test]
fn the_prefix_stays_the_same_from_one_compaction_to_the_next() {
    let script = [summary(), writes(), writes_much("e.md"), finishes()];
    let run = long(script).played();
    let prompts: Vec<_> = run.requests[5..].iter().map(|call| &call.request.messages).collect();
    assert_eq!(prompts.len(), 3, "{}", run.story());
    for pair in prompts.windows(2) {
        assert_eq!(pair[1][..pair[0].len()], pair[0][..], "only added to");
    }
}

#[test]
fn a_crash_at_any_point_of_it_pays_nothing_twice() {
    // Behind the intent: asked for again under the same key with the same words.
    let mut run = long([]);
    while run.step() {}
    let asked = run.requests.last().unwrap().clone();
    run.crash();
    run.append(claimed(&run.fold, 2).unwrap());
    let Next::CallModel(again) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!((again.intent.as_ref(), &again.request), (None, &asked.request));
    assert_eq!(again.idempotency_key, asked.idempotency_key);
    // Behind the answer: it is there, and takes its place.
    run.script.push_back(summary());
    run.step();
    run.crash();
    run.append(claimed(&run.fold, 3).unwrap());
    let Next::Append(events) = next(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert!(matches!(&events[..], [Event::ContextCompacted(_)]), "{events:?}");
    run.step();
    run.crash();
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(compactions(&run).len(), 1);
    assert_eq!(run.fold.totals().cost_nano_usd, 7_000);
}

#[test]
fn a_summary_that_fails_is_tried_again_and_a_person_may_have_it_tried_again() {
    let mut run = long([Turn::Fails("PROVIDER_OVERLOADED"), Turn::Fails("PROVIDER_REFUSED")]).played();
    assert!(
        run.story().contains("model 5/1 PROVIDER_OVERLOADED tried again\n21 model 5/2 summary\n22 model 5/2 PROVIDER_REFUSED given up\n23 failed PROVIDER_REFUSED\n"),
        "{}",
        run.story()
    );
    assert!(
        run.fold
            .error()
            .unwrap()
            .message
            .starts_with("The model call that was to sum up the conversation failed: ")
    );
    run.reads(vec![order(1, Retry)], true);
    run.script.extend([summary(), Turn::Fails("PROVIDER_REFUSED")]);
    let mut run = run.played();
    assert!(
        run.story().contains("model 5/3 ok\n27 compacted 4..14, 0 shortened\n28 model 6/1 ?\n"),
        "{}",
        run.story()
    );
    // The step behind it fails, and is tried again with the shorter conversation.
    assert_eq!(run.failure(), Some("PROVIDER_REFUSED"));
    let shorter = run.requests.last().unwrap().request.clone();
    run.reads(vec![order(2, Retry)], true);
    run.script.extend([writes(), finishes()]);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    let again = run.requests.iter().find(|call| (call.step, call.attempt) == (6, 2)).unwrap();
    assert_eq!(again.request, shorter);
}

#[test]
fn people_interrupt_a_summary_as_any_call_and_what_they_say_stays_word_for_word() {
    let mut run = long([]);
    while run.step() {}
    run.reads(vec![speaks(1, "Prefer draft B.", true)], false);
    assert!(run.interrupt(), "{}", run.story());
    run.reads(vec![], true);
    run.script.extend([summary(), writes(), finishes()]);
    let run = run.played();
    assert!(
        run.story()
            .contains("model 5/1 RUN_STEERED tried again\n22 told Prefer draft B.\n23 model 5/2 summary\n"),
        "{}",
        run.story()
    );
    let after = run.requests.iter().find(|call| call.step == 6).unwrap();
    assert!(told(after).ends_with("Prefer draft B."), "{}", told(after));
    assert!(run.succeeded());
}

#[test]
fn a_pause_takes_effect_before_the_summary_is_in_its_place() {
    let mut run = long([]);
    while run.step() {}
    run.reads(vec![at_once(1, mc_tasks::domain::order::CommandKind::Pause)], false);
    assert!(run.interrupt());
    run.reads(vec![], true);
    assert_eq!(next(&run.fold, run.now), Next::Paused);
    run.reads(vec![order(2, mc_tasks::domain::order::CommandKind::Resume)], true);
    run.script.extend([summary(), writes(), finishes()]);
    assert!(run.played().succeeded());
}

#[test]
fn a_prompt_that_the_provider_refuses_is_made_shorter_and_asked_once_more() {
    // The agent's owner says nothing of the window, and it is smaller than what is assumed.
    let begun = ["a.md", "b.md", "c.md", "d.md"].map(writes_much);
    let mut guessing = agent();
    guessing.parameters.max_output_tokens = Some(4_000);
    let refused = [Turn::Fails("CONTEXT_TOO_LONG"), summary()];
    let script = |rest: Vec<Turn>| begun.clone().into_iter().chain(refused.clone()).chain(rest);
    let run = run_of(guessing.clone(), script(vec![writes(), finishes()])).played();
    assert!(
        run.story().contains("model 5/1 CONTEXT_TOO_LONG given up\n21 model 6/1 summary\n22 model 6/1 ok\n23 compacted 4..14, 0 shortened\n24 model 7/1 ?\n25 model 7/1 ok\n"),
        "{}",
        run.story()
    );
    assert!(run.succeeded());
    assert_eq!(
        compactions(&run)[0].window_tokens,
        compactions(&run)[0].tokens_before,
        "as long is too long from now on"
    );

    let run = run_of(guessing, script(vec![Turn::Fails("CONTEXT_TOO_LONG"), writes()])).played();
    assert!(
        run.story().ends_with("model 7/1 CONTEXT_TOO_LONG given up\n26 failed CONTEXT_TOO_LONG\n"),
        "{}",
        run.story()
    );
}

#[test]
fn a_model_that_sums_up_with_nothing_is_asked_a_few_times() {
    let run = long([says(" "), says(""), says(""), says(""), says("")]).played();
    assert!(run.story().contains("model 8/1 ok\n27 failed CONTEXT_TOO_LONG\n"), "{}", run.story());
    assert!(run.fold.error().unwrap().message.contains("kept answering with nothing"));
    let run = long([says(""), summary(), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
}

#[test]
fn a_summary_that_is_longer_than_it_may_be_is_cut_and_says_so() {
    // An eighth of the threshold of 22,500 tokens, of eight characters each.
    let most = 2_812 * 8;
    for (chars, cut) in [(most, false), (most + 1, true)] {
        let run = long([says(&"x".repeat(chars)), writes(), finishes()]).played();
        assert!(run.succeeded(), "{}", run.story());
        let text = &compactions(&run)[0].text;
        assert_eq!(text.contains("[The summary was cut here at its token limit.]"), cut, "{chars}");
        assert_eq!(
            text.matches('x').count() - text.replace(&"x".repeat(most), "").matches('x').count(),
            most
        );
    }
}

#[test]
fn a_summary_is_held_to_the_limits_of_the_run() {
    let mut agent = with_window(40_000);
    agent.limits.max_steps = 4;
    let run = run_of(agent, ["a.md", "b.md", "c.md", "d.md"].map(writes_much)).played();
    assert_eq!(run.failure(), Some("STEP_LIMIT_REACHED"), "{}", run.story());
}

#[test]
fn what_cannot_be_made_to_fit_ends_the_run_and_says_what_to_do() {
    let mut small = with_window(1_000);
    small.parameters.max_output_tokens = None;
    let run = run_of(small, [writes()]).played();
    assert_eq!(run.story(), "1 queued\n2 started\n3 failed CONTEXT_TOO_LONG\n");
    let message = &run.fold.error().unwrap().message;
    assert!(message.contains("The model reads 750 (1000 less 250 for its answer)."), "{message}");
    assert!(message.contains("raise the agent's context.window_tokens if this one does"), "{message}");

    // Where nobody said how much the model reads, the provider is asked: it alone knows.
    let mut huge = task();
    huge.brief = "word ".repeat(120_000);
    let run = Run::new(brief(huge, agent()), [Turn::Fails("CONTEXT_TOO_LONG")]).played();
    assert!(
        run.story().ends_with("model 1/1 CONTEXT_TOO_LONG given up\n5 failed CONTEXT_TOO_LONG\n"),
        "{}",
        run.story()
    );
}

#[test]
fn a_record_that_does_not_fit_the_conversation_is_refused() {
    let mut run = long([summary()]);
    while run.fold.steps() < 5 || !matches!(next(&run.fold, run.now), Next::Append(_)) {
        assert!(run.step(), "{}", run.story());
    }
    let Next::Append(events) = next(&run.fold, run.now) else { unreachable!() };
    let [Event::ContextCompacted(right)] = &events[..] else { panic!("{events:?}") };
    let result = |seq, call_id: &str| ShortenedResult { seq, call_id: call_id.into(), text: "x".into() };
    let wrong = [
        ("of another step", ContextCompacted { step: Some(4), ..right.clone() }),
        ("of no step", ContextCompacted { step: None, ..right.clone() }),
        ("parts a call from its result", ContextCompacted { last_seq: 12, ..right.clone() }),
        ("ends elsewhere", ContextCompacted { last_seq: 10, ..right.clone() }),
        ("begins elsewhere", ContextCompacted { first_seq: 1, ..right.clone() }),
        ("says nothing", ContextCompacted { text: String::new(), ..right.clone() }),
        ("no such turn", ContextCompacted { shortened: vec![result(5, "call_a")], ..right.clone() }),
        ("no such call", ContextCompacted { shortened: vec![result(6, "call_b")], ..right.clone() }),
    ];
    for (what, compacted) in wrong {
        let mut fold = run.fold.clone();
        let record =
            Record { seq: fold.head_seq() + 1, at: START, event: Event::ContextCompacted(compacted) };
        assert!(fold.apply(&record).is_err(), "{what}");
        assert_eq!(fold, run.fold, "{what}: no trace");
    }
}
