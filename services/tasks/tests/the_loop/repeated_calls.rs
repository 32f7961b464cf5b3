//! A model that goes in circles is warned once, then stopped.

use crate::kit::{Run, Turn, calls, finishes, writes};

fn reads(path: &str) -> Turn {
    calls(&[("read_artifact", &format!(r#"{{"path": "{path}"}}"#))])
}

#[test]
fn the_third_same_call_earns_a_note_and_the_fifth_ends_the_run() {
    let run = Run::usual(vec![reads("none.md"); 10]).played();
    assert_eq!(run.failure(), Some("STUCK_LOOP"));
    assert_eq!(run.notes(), ["REPEATED_CALL"]);
    assert_eq!(run.carried_out.len(), 5);
    assert!(
        run.story().contains("tool 3/call_a read_artifact error\n15 note 3 REPEATED_CALL\n"),
        "{}",
        run.story()
    );
}

#[test]
fn order_of_arguments_does_not_hide_a_repetition() {
    let one = calls(&[("read_artifact", r#"{"path":"a","offset":1}"#)]);
    let other = calls(&[("read_artifact", r#"{ "offset": 1, "path": "\u0061" }"#)]);
    let run = Run::usual([one.clone(), other.clone(), one.clone(), other, one]).played();
    assert_eq!(run.failure(), Some("STUCK_LOOP"));
}

#[test]
fn a_circle_of_two_calls_is_found() {
    let mut script = Vec::new();
    for _ in 0..10 {
        script.extend([reads("a"), reads("b")]);
    }
    let run = Run::usual(script).played();
    assert_eq!(run.failure(), Some("STUCK_LOOP"));
    assert_eq!(run.carried_out.len(), 10);
}

#[test]
fn wrong_calls_are_a_circle_too() {
    let run = Run::usual(vec![calls(&[("write_artifact", "{oops")]); 10]).played();
    assert_eq!(run.failure(), Some("STUCK_LOOP"));
    let run = Run::usual(vec![finishes(); 10]).played();
    assert_eq!(run.failure(), Some("STUCK_LOOP"));
}

#[test]
fn a_warned_model_that_changes_its_ways_goes_on() {
    let run = Run::usual([reads("a"), reads("a"), reads("a"), writes(), reads("a"), reads("a"), finishes()])
        .played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.notes(), ["REPEATED_CALL"]);
}

#[test]
fn the_same_call_with_another_result_is_no_repetition() {
    let mut script = Vec::new();
    for round in 0..8 {
        let write = format!(r#"{{"path": "log.md", "content": "{round}"}}"#);
        script.extend([calls(&[("write_artifact", &write)]), reads("log.md")]);
    }
    script.extend([writes(), finishes()]);
    let run = Run::usual(script).played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.notes().is_empty());
}
