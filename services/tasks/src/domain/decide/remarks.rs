//! What the engine says about an answer whose calls are settled: nothing as a rule, a note, or that the run is stuck.

use super::{FAIL_AT_REPEATS, MAX_IDLE_ANSWERS, Next, WARN_AT_REPEATS, fail};
use crate::domain::conversation::FinishReason;
use crate::domain::event::{EngineNote, Event, NoteReason};
use crate::domain::fold::{Answer, RunFold};
use crate::domain::prompt;

/// What the engine has to say about an answer whose calls are settled: a note, the end, or nothing.
pub(super) fn remark(fold: &RunFold, answer: &Answer) -> Option<Next> {
    let (reason, end, advice) = if answer.finish_reason == FinishReason::Length {
        (
            NoteReason::TruncatedAnswer,
            "TRUNCATED_ANSWERS",
            "The model's answers kept being cut at their token limit. Raise the agent's max_output_tokens.",
        )
    } else if answer.blank {
        (
            NoteReason::EmptyAnswer,
            "EMPTY_ANSWERS",
            "The model kept answering with nothing. Check the agent's instructions or choose another model.",
        )
    } else if answer.calls.is_empty() {
        (
            NoteReason::NoToolCall,
            "NO_FINISH",
            "The model kept answering without calling a tool, and never called `finish`. Check that the model can call \
             tools, or choose another one.",
        )
    } else {
        return remark_on_repeats(fold, answer);
    };
    if fold.idle_answers >= MAX_IDLE_ANSWERS {
        return Some(fail(end, advice));
    }
    note(fold, answer, reason)
}

fn remark_on_repeats(fold: &RunFold, answer: &Answer) -> Option<Next> {
    let repeats = fold.repeats.most();
    if repeats >= FAIL_AT_REPEATS {
        return Some(fail(
            "STUCK_LOOP",
            "The agent kept making the same calls with the same results. Make the brief or its instructions clearer, \
             or choose another model.",
        ));
    }
    if repeats >= WARN_AT_REPEATS && !fold.repeats.warned() {
        return note(fold, answer, NoteReason::RepeatedCall);
    }
    None
}

fn note(fold: &RunFold, answer: &Answer, reason: NoteReason) -> Option<Next> {
    if answer.noted {
        return None;
    }
    let text = prompt::note(reason, !answer.calls.is_empty()).to_owned();
    Some(Next::Append(vec![Event::EngineNote(EngineNote { step: fold.steps(), reason, text })]))
}
