//! What is done about a conversation that becomes too long, before the model is called with it or once its provider refused it.

use super::{MAX_IDLE_ANSWERS, ModelCall, Next, call, fail, limits};
use crate::domain::brief::ModelParameters;
use crate::domain::compaction::{self, Plan, plan, words};
use crate::domain::event::{ContextCompacted, Event, ShortenedResult};
use crate::domain::fold::{RunFold, Summary};
use crate::domain::prompt::ModelRequest;
use crate::domain::retry;

/// What comes before a new step, if anything does.
pub(super) fn before_step(fold: &RunFold) -> Option<Next> {
    let shorter = make_shorter(fold);
    let window = fold.window();
    let tokens = fold.prompt_tokens();
    // Where the window is a guess the provider is asked: it alone knows.
    if shorter.is_some() || tokens <= window.room() || !window.is_known() {
        return shorter;
    }
    Some(fail(
        retry::TOO_LONG,
        format!(
            "The conversation takes about {tokens} tokens and cannot be made shorter: the task, what people said and the newest turns \
             stay as they are. The model reads {} ({} less {} for its answer). Choose a model that reads more, raise the agent's \
             context.window_tokens if this one does, split the task, or have tools return less.",
            window.room(),
            window.tokens(),
            window.reserved(),
        ),
    ))
}

/// What follows on a prompt that the provider called too long: it is made shorter, and asked once more in a new step.
pub(super) fn after_overflow(fold: &RunFold) -> Option<Next> {
    if !fold.overflowed() || fold.overflows() > 1 {
        return None;
    }
    let shorter = make_shorter(fold)?;
    Some(limits::before_step(fold).unwrap_or(shorter))
}

fn make_shorter(fold: &RunFold) -> Option<Next> {
    match plan(fold.conversation(), fold.gauge(), fold.window()) {
        Plan::Leave => None,
        Plan::Shorten(shortened) => {
            Some(Next::Append(vec![event(fold, ContextCompacted { shortened, ..Default::default() })]))
        }
        Plan::Summarise { .. } if fold.idle_answers >= MAX_IDLE_ANSWERS => Some(fail(
            retry::TOO_LONG,
            "The conversation became too long, and the model kept answering with nothing when it was asked to sum it up. Choose \
             another model, or one that reads more.",
        )),
        Plan::Summarise { through_seq } => Some(sum_up(fold, fold.steps() + 1, 1, through_seq, true)),
    }
}

/// The call that sums up. It goes the way of every model call: under its own key, paid once, counted, and stopped by whatever
/// stops one.
pub(super) fn sum_up(fold: &RunFold, step: u32, attempt: u32, through_seq: i64, is_new: bool) -> Next {
    let agent = &fold.brief().agent;
    let window = fold.window();
    let most = i32::try_from(window.summary()).unwrap_or(i32::MAX);
    let asked = compaction::plan::summary_request(fold.conversation(), fold.gauge(), window, through_seq);
    let request = ModelRequest {
        model: agent.model.clone(),
        system: words::SUMMARY_SYSTEM.to_owned(),
        messages: vec![asked.into()],
        tools: Vec::new(),
        parameters: ModelParameters {
            max_output_tokens: Some(agent.parameters.max_output_tokens.map_or(most, |it| it.min(most))),
            ..agent.parameters
        },
    };
    let call: ModelCall = call(fold, step, attempt, request, Some(through_seq), is_new);
    Next::CallModel(Box::new(call))
}

/// A summary that is there takes its place.
pub(super) fn put_in_place(fold: &RunFold, summary: &Summary) -> Next {
    let conversation = fold.conversation();
    let marks = conversation.marks().iter().filter(|mark| !mark.pinned && mark.seq <= summary.through_seq);
    let first_seq = marks.map(|mark| mark.first_seq).next().unwrap_or_default();
    let paths: Vec<&str> = fold.artifacts().keys().map(String::as_str).collect();
    // Some servers pass over `max_output_tokens`. A token has eight characters of English at the most.
    let most = usize::try_from(fold.window().summary() * 8).unwrap_or(usize::MAX);
    let end = summary.text.char_indices().nth(most).map(|(end, _)| end);
    let words = &summary.text[..end.unwrap_or(summary.text.len())];
    let was_cut = summary.cut || end.is_some();
    let text = words::in_place(words, was_cut, first_seq, summary.through_seq, &paths);
    let shortened: Vec<ShortenedResult> =
        compaction::plan::left_by_summary(conversation, summary.through_seq);
    let compacted = ContextCompacted {
        step: Some(fold.steps()),
        first_seq,
        last_seq: summary.through_seq,
        text,
        shortened,
        cost_nano_usd: summary.cost_nano_usd,
        ..Default::default()
    };
    Next::Append(vec![event(fold, compacted)])
}

/// The record, with how long the prompt is before and after.
fn event(fold: &RunFold, compacted: ContextCompacted) -> Event {
    let tokens_after = fold.prompt_tokens_after(&compacted);
    Event::ContextCompacted(ContextCompacted {
        tokens_before: fold.prompt_tokens(),
        tokens_after,
        window_tokens: fold.window().tokens(),
        ..compacted
    })
}
