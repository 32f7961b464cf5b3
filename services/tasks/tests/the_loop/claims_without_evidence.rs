//! A model that claims to be done must call `finish`, and must show something that the journal bears out.

use mc_tasks::domain::conversation::FinishReason;

use crate::kit::{Run, Turn, agent, assistant, brief, calls, finishes, says, task, writes};

#[test]
fn saying_so_is_not_finishing() {
    let run = Run::usual([writes(), says("I am done!"), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.notes(), ["NO_TOOL_CALL"]);
}

#[test]
fn the_fourth_answer_without_a_call_ends_the_run() {
    let run = Run::usual(vec![says("The task is complete."); 10]).played();
    assert_eq!(run.failure(), Some("NO_FINISH"));
    assert_eq!((run.notes().len(), run.requests.len()), (3, 4));
}

#[test]
fn idle_answers_of_mixed_kinds_count_together() {
    let run =
        Run::usual([says(""), says("Done."), crate::kit::cut("Do", &[]), says("Done."), writes()]).played();
    assert_eq!(run.failure(), Some("NO_FINISH"));
    assert_eq!(run.notes(), ["EMPTY_ANSWER", "NO_TOOL_CALL", "TRUNCATED_ANSWER"]);
}

#[test]
fn finish_is_refused_until_it_shows_what_the_run_has_written() {
    let finish = |arguments| calls(&[("finish", arguments)]);
    let run = Run::usual([
        finish("{}"),
        finish(r#"{"summary": "  "}"#),
        finish(r#"{"summary": "Done."}"#),
        finish(r#"{"summary": "Done.", "evidence": []}"#),
        finish(r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#),
        writes(),
        finish(r#"{"summary": "Done.", "evidence": ["artifact:other.md"]}"#),
        finishes(),
    ])
    .played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(
        run.results(),
        [
            "! Not carried out: summary: is missing.",
            "! Not carried out: summary: is empty.",
            "! Not accepted: evidence: is missing; show for each acceptance check that it holds.",
            "! Not accepted: evidence: is missing; show for each acceptance check that it holds.",
            "! Not accepted: evidence[0]: this run has not written `report.md`; it has written: nothing.",
            "Wrote report.md.",
            "! Not accepted: evidence[0]: this run has not written `other.md`; it has written: report.md.",
            "Accepted.",
        ]
    );
    assert_eq!(run.fold.summary(), Some("Draft B is better."));
    assert_eq!(run.fold.evidence(), ["artifact:report.md"]);
}

#[test]
fn where_nothing_is_to_be_shown_a_summary_is_enough() {
    let (mut task, mut agent) = (task(), agent());
    task.acceptance_checks.clear();
    let bare = r#"{"summary": "The answer is 4."}"#;
    let may_write = Run::new(brief(task.clone(), agent.clone()), [calls(&[("finish", bare)])]).played();
    assert!(
        may_write.results()[0]
            .starts_with("! Not accepted: evidence: is missing; name what shows the result")
    );
    agent.tools.clear();
    let run = Run::new(brief(task, agent), [calls(&[("finish", bare)])]).played();
    assert!(run.succeeded(), "{}", run.story());
}

#[test]
fn a_task_that_cannot_be_done_fails_in_the_agents_words() {
    let run = Run::usual([calls(&[(
        "finish",
        r#"{"summary": "Both drafts are missing.", "outcome": "impossible"}"#,
    )])])
    .played();
    assert_eq!(run.failure(), Some("TASK_IMPOSSIBLE"));
    assert_eq!(run.fold.error().unwrap().message, "Both drafts are missing.");
}

#[test]
fn finish_beside_other_calls_waits_for_them() {
    let both = [
        ("finish", r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#),
        ("write_artifact", r#"{"path": "report.md", "content": "Draft B."}"#),
    ];
    let run = Run::usual([calls(&both)]).played();
    assert_eq!(
        run.story(),
        "1 queued\n2 started\n3 model 1/1 ?\n4 model 1/1 ok\n5 tool 1/call_b write_artifact ?\n\
         6 tool 1/call_b write_artifact ok\n7 tool 1/call_a finish ?\n8 tool 1/call_a finish ok\n9 succeeded\n"
    );
}

#[test]
fn finish_beside_a_call_that_failed_is_refused() {
    let both = [
        ("read_artifact", r#"{"path": "none.md"}"#),
        ("finish", r#"{"summary": "Done.", "evidence": ["e"]}"#),
    ];
    let run = Run::usual([calls(&both), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.results()[1].starts_with("! Not accepted: 1 other calls of the same answer failed"));
}

#[test]
fn of_two_that_finish_the_first_good_one_counts() {
    let run = Run::usual([calls(&[
        ("finish", r#"{"summary": ""}"#),
        ("finish", r#"{"summary": "A", "evidence": ["e"]}"#),
    ])])
    .played();
    // The first was refused, so the second came beside a call that failed.
    assert!(run.results()[1].starts_with("! Not accepted: 1 other"), "{:?}", run.results());

    let run = Run::usual([calls(&[
        ("finish", r#"{"summary": "A", "evidence": ["e"]}"#),
        ("finish", r#"{"summary": "B", "evidence": ["e"]}"#),
    ])])
    .played();
    assert_eq!(run.fold.summary(), Some("A"));
}

#[test]
fn a_call_counts_whatever_the_server_says_of_why_it_stopped() {
    for reason in [FinishReason::Stop, FinishReason::Other] {
        let write = assistant("", &[("write_artifact", r#"{"path": "report.md", "content": "Draft B."}"#)]);
        let run = Run::usual([Turn::Answers(write, reason), finishes()]).played();
        assert!(run.succeeded(), "{}", run.story());
    }
}

#[test]
fn an_answer_that_the_provider_withheld_ends_the_run_and_its_calls_are_not_made() {
    let write = assistant("", &[("write_artifact", r#"{"path": "report.md", "content": "x"}"#)]);
    let run = Run::usual([Turn::Answers(write, FinishReason::ContentFilter), finishes()]).played();
    assert_eq!(run.failure(), Some("ANSWER_WITHHELD"));
    assert!(run.carried_out.is_empty());
}
