//! A model whose answers hit the token limit is asked to be shorter, and nothing half-written is carried out.

use crate::kit::{Run, cut, finishes, writes};

#[test]
fn cut_text_earns_a_note_and_the_run_goes_on() {
    let run = Run::usual([cut("Once upon a time", &[]), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.notes(), ["TRUNCATED_ANSWER"]);
}

#[test]
fn a_call_in_a_cut_answer_is_never_carried_out_even_if_it_looks_whole() {
    let write = ("write_artifact", r#"{"path": "report.md", "content": "x"}"#);
    let run =
        Run::usual([cut("", &[write, ("finish", r#"{"summary": "all don"#)]), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.carried_out.len(), 1);
    assert_eq!(
        run.story(),
        "1 queued\n2 started\n3 model 1/1 ?\n4 model 1/1 ok\n\
         5 tool 1/call_a write_artifact ?\n6 tool 1/call_a write_artifact error\n\
         7 tool 1/call_b finish ?\n8 tool 1/call_b finish error\n\
         9 note 1 TRUNCATED_ANSWER\n\
         10 model 2/1 ?\n11 model 2/1 ok\n12 tool 2/call_a write_artifact ?\n13 tool 2/call_a write_artifact ok\n\
         14 model 3/1 ?\n15 model 3/1 ok\n16 tool 3/call_a finish ?\n17 tool 3/call_a finish ok\n18 succeeded\n"
    );
}

#[test]
fn the_fourth_cut_answer_in_a_row_ends_the_run() {
    let run = Run::usual(vec![cut("and so on", &[]); 10]).played();
    assert_eq!(run.failure(), Some("TRUNCATED_ANSWERS"));
    assert_eq!(run.notes().len(), 3);
    assert_eq!(run.requests.len(), 4);
}

#[test]
fn an_answer_that_was_cut_before_it_said_anything_is_cut_and_not_empty() {
    let run = Run::usual([cut("", &[])]).played();
    assert_eq!(run.notes(), ["TRUNCATED_ANSWER"]);
}
