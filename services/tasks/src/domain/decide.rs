//! The agent loop as a pure function: what a run does next follows from its journal and the time alone.

mod ask;
mod calls;
mod children;
mod context;
mod limits;
mod remarks;
mod tool_use;
mod waits;

use time::{Duration, OffsetDateTime};

use super::event::{Event, Failed, ModelCallStarted, RunError, Started, TakenOver};
use super::fold::{Phase, RunFold, RunState, WaitReason};
use super::id::RunId;
use super::key;
use super::prompt::{self, ModelRequest};
use super::retry;
pub use ask::{Ask, AskKind};
pub(super) use calls::{intent, result};
pub use children::Delegate;
pub use tool_use::ToolUse;

/// Answers in a row that bring nothing about (empty, cut, without a tool call) before the run is given up.
pub const MAX_IDLE_ANSWERS: u32 = 4;
/// Calls of one answer that are carried out; further ones are refused.
pub const MAX_CALLS_PER_ANSWER: usize = 64;
/// A call that comes this often with the same result, and nothing new in between, earns a note.
pub const WARN_AT_REPEATS: u32 = 3;
/// A call that comes this often with the same result, and nothing new in between, ends the run.
pub const FAIL_AT_REPEATS: u32 = 5;

/// What a run does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Call the model: append the intent if there is one, ask, then append `model_call_completed` or what
    /// [`super::retry::after`] says.
    CallModel(Box<ModelCall>),
    /// Use tools, all at once: append the intents, carry the calls out, and append each result as it comes. Until all
    /// are in, the worker that carries them out does not ask what is next.
    UseTools(Vec<ToolUse>),
    /// Ask people: open an inbox item for each, and append the events that say so in the same transaction.
    Ask(Vec<Ask>),
    /// Hand work to others: append [`Delegate::started`] and make their runs in the same transaction, or append
    /// [`Delegate::refused`].
    Delegate(Box<Delegate>),
    /// Order these children to end, which are not needed any longer, and append `children_cancelled`.
    CancelChildren(Vec<RunId>),
    /// Nothing until a person decides, a child ends or, if [`RunFold::wake_at`] says so, a time has come.
    Wait(WaitReason),
    /// Nothing until a person lets the run go on.
    Paused,
    /// Append these in one transaction.
    Append(Vec<Event>),
    /// Nothing before this time.
    RetryAt(OffsetDateTime),
    /// Nothing ever.
    Ended,
}

/// A model call to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// Step, from 1.
    pub step: u32,
    /// Attempt at the step, from 1.
    pub attempt: u32,
    /// The key under which an answer that is stored or still coming is found again.
    pub idempotency_key: String,
    /// To be committed before the call; none when it was before, and then the call attaches to what it began.
    pub intent: Option<Event>,
    /// What to ask.
    pub request: ModelRequest,
    /// When the run's time is up: the call is to be dropped then.
    pub deadline: Option<OffsetDateTime>,
    /// How long the call may take from its intent on: then it is to be stopped at the provider.
    pub time_limit: Duration,
}

/// What a worker appends when it has taken a run that another one had. A run that was queued, waited or was paused was
/// nobody's, so nothing is taken over.
pub fn claimed(fold: &RunFold, lease_epoch: i64) -> Option<Event> {
    match fold.state() {
        RunState::Running if lease_epoch > fold.lease_epoch() => {
            Some(Event::TakenOver(TakenOver { lease_epoch }))
        }
        _ => None,
    }
}

/// What the run does next. It is asked with no effect of this worker under way: an intent without a result is then
/// one that a crash left behind.
pub fn next(fold: &RunFold, now: OffsetDateTime) -> Next {
    if fold.state().is_terminal() {
        return Next::Ended;
    }
    if fold.deadline().is_some_and(|deadline| now >= deadline) {
        let limit = fold.brief().agent.limits.max_duration();
        return fail(
            "DURATION_LIMIT_REACHED",
            format!("The run has used up its {limit}. Raise the agent's max_duration or split the task."),
        );
    }
    match fold.state() {
        RunState::Paused => return Next::Paused,
        RunState::Waiting(reason) if !waits::is_over(fold, now) => return Next::Wait(reason),
        _ => {}
    }
    match &fold.phase {
        Phase::Queued => match fold.start_at() {
            Some(at) if now < at => Next::RetryAt(at),
            _ => Next::Append(vec![Event::Started(Started {})]),
        },
        Phase::Ready => next_step(fold),
        Phase::Calling { attempt, compacts, .. } => {
            call_model(fold, fold.steps(), *attempt, *compacts, false)
        }
        Phase::CallFailed { retry_at: Some(at), .. } if now < *at => Next::RetryAt(*at),
        Phase::CallFailed { error, attempt, retry_at, compacts } => context::after_overflow(fold)
            .unwrap_or_else(|| match retry_at {
                Some(_) => limits::before_attempt(fold)
                    .unwrap_or_else(|| call_model(fold, fold.steps(), attempt + 1, *compacts, true)),
                None => give_up(error, *attempt, compacts.is_some()),
            }),
        Phase::Summarised(summary) => context::put_in_place(fold, summary),
        Phase::Answered(answer) => calls::after_answer(fold, answer, now),
        Phase::Succeeded { .. } | Phase::Failed { .. } | Phase::Cancelled => Next::Ended,
    }
}

/// What a run does next that waits for its provider, now that calls are taken: as if the time had come.
pub fn released(fold: &RunFold, now: OffsetDateTime) -> Next {
    next(fold, fold.wake_at().map_or(now, |at| at.max(now)))
}

fn fail(reason: &str, message: impl Into<String>) -> Next {
    Next::Append(vec![Event::Failed(Failed { error: RunError::new(reason, message) })])
}

fn give_up(error: &RunError, attempts: u32, compacts: bool) -> Next {
    let advice = match error.reason.as_str() {
        retry::TOO_LONG => {
            "The conversation no longer fits into the model, and nothing more of it can be summed up. Choose a model with a larger \
             context, say in the agent's context.window_tokens what this one reads, split the task, or have tools return less."
        }
        retry::TIMED_OUT => {
            "So did every attempt. Raise the agent's max_step_duration, split the task, or choose a faster model."
        }
        _ if attempts > 1 => "Every attempt failed; the last failure is given.",
        _ => "Trying again would not help.",
    };
    let what = if compacts {
        "The model call that was to sum up the conversation failed"
    } else {
        "The model call failed"
    };
    fail(&error.reason, format!("{what}: {} {advice}", error.message))
}

/// A new step, if the limits leave room for one.
fn next_step(fold: &RunFold) -> Next {
    limits::before_step(fold)
        .or_else(|| context::before_step(fold))
        .unwrap_or_else(|| call_model(fold, fold.steps() + 1, 1, None, true))
}

/// The call that goes on with the conversation, or the one that sums it up so far.
fn call_model(fold: &RunFold, step: u32, attempt: u32, compacts: Option<i64>, is_new: bool) -> Next {
    match compacts {
        Some(through_seq) => context::sum_up(fold, step, attempt, through_seq, is_new),
        None => Next::CallModel(Box::new(call(fold, step, attempt, prompt::request(fold), None, is_new))),
    }
}

fn call(
    fold: &RunFold,
    step: u32,
    attempt: u32,
    request: ModelRequest,
    compacts_through: Option<i64>,
    is_new: bool,
) -> ModelCall {
    let intent = is_new.then(|| {
        Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt,
            model: request.model.clone(),
            message_count: request.messages.len() as u32,
            compacts_through,
        })
    });
    ModelCall {
        step,
        attempt,
        idempotency_key: key::model_call(fold.brief().run, step, attempt),
        intent,
        request,
        deadline: fold.deadline(),
        time_limit: fold.brief().agent.limits.max_step_duration(),
    }
}
