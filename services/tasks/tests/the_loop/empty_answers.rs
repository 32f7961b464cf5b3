//! A model that answers with nothing is nudged, then given up.

use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, Thinking};

use crate::kit::{Run, Turn, finishes, says, writes};

#[test]
fn an_empty_answer_earns_a_note_and_leaves_no_empty_turn() {
    let run = Run::usual([says(""), says(" \n"), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.notes(), ["EMPTY_ANSWER", "EMPTY_ANSWER"]);
    for call in &run.requests {
        assert!(call.request.messages.iter().all(|message| !message.is_blank()));
        let roles: Vec<Role> = call.request.messages.iter().map(|message| message.role).collect();
        assert!(roles.windows(2).all(|pair| pair[0] != pair[1]), "roles alternate: {roles:?}");
    }
}

#[test]
fn thoughts_without_words_are_an_empty_answer() {
    let thinking = Part::Thinking(Thinking { text: "Hm.".into(), signature: vec![1] });
    let message = Message { role: Role::Assistant, parts: vec![thinking] };
    let run = Run::usual([Turn::Answers(message, FinishReason::Stop)]).played();
    assert_eq!(run.notes(), ["EMPTY_ANSWER"]);
}

#[test]
fn the_fourth_empty_answer_in_a_row_ends_the_run() {
    let run = Run::usual(vec![says(""); 10]).played();
    assert_eq!(run.failure(), Some("EMPTY_ANSWERS"));
    assert_eq!((run.notes().len(), run.requests.len()), (3, 4));
}

#[test]
fn work_in_between_starts_the_count_again() {
    let mut script = Vec::new();
    for round in 0..5 {
        script.extend([says(""), says(""), says("")]);
        let write = format!(r#"{{"path": "report.md", "content": "{round}"}}"#);
        script.push(crate::kit::calls(&[("write_artifact", &write)]));
    }
    script.push(finishes());
    let run = Run::usual(script).played();
    assert!(run.succeeded(), "{}", run.story());
}
