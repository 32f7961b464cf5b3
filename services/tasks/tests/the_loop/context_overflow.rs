//! A conversation that no longer fits ends the run with words that say what to do.

use crate::kit::{Run, Turn, writes};

#[test]
fn context_overflow_is_not_tried_again() {
    let run = Run::usual([writes(), Turn::Fails("CONTEXT_TOO_LONG"), writes()]).played();
    assert!(
        run.story().ends_with("8 model 2/1 CONTEXT_TOO_LONG given up\n9 failed CONTEXT_TOO_LONG\n"),
        "{}",
        run.story()
    );
    assert_eq!(
        run.fold.error().unwrap().message,
        "The model call failed: It went wrong. The conversation no longer fits into the model. Choose a model with a \
         larger context or split the task."
    );
}
