//! A conversation that no longer fits, and of which nothing can be summed up, ends the run with words that say what to do.

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
        "The model call failed: It went wrong. The conversation no longer fits into the model, and nothing more of \
         it can be summed up. Choose a model with a larger context, say in the agent's context.window_tokens what this one \
         reads, split the task, or have tools return less."
    );
}
