//! The agent loop as a pure function: what a run does next follows from its journal and the time alone.

use time::OffsetDateTime;

use super::arguments::Arguments;
use super::brief::{AgentSnapshot, ToolPolicy};
use super::conversation::{FinishReason, ToolCall};
use super::event::{
    ArtifactRef, EffectClass, EngineNote, Event, Failed, ModelCallStarted, NoteReason, RunError, Started,
    TakenOver, ToolCallCompleted, ToolCallStarted,
};
use super::finish;
use super::fold::{Answer, CallState, Phase, RunFold, RunState};
use super::key;
use super::prompt::{self, ModelRequest};
use super::tool::Tool;

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
}

/// A tool call to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// The tool.
    pub tool: Tool,
    /// What it is asked for.
    pub arguments: Arguments,
    /// Names this use for ever.
    pub idempotency_key: String,
    /// To be committed before the call; none when it was before.
    pub intent: Option<Event>,
    /// When the run's time is up.
    pub deadline: Option<OffsetDateTime>,
}

impl ToolUse {
    /// The record of its result.
    pub fn completed(
        &self,
        content: String,
        is_error: bool,
        artifact: Option<ArtifactRef>,
        duration_ms: u64,
    ) -> Event {
        Event::ToolCallCompleted(ToolCallCompleted {
            step: self.step,
            call_id: self.call_id.clone(),
            tool: self.tool.name().to_owned(),
            content,
            is_error,
            artifact,
            duration_ms,
        })
    }
}

/// What a worker appends when it has taken a run: the first one starts it, each later one resumes it.
pub fn claimed(fold: &RunFold, lease_epoch: i64) -> Option<Event> {
    match fold.state() {
        RunState::Queued => Some(Event::Started(Started {})),
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
    match &fold.phase {
        Phase::Queued => Next::Append(vec![Event::Started(Started {})]),
        Phase::Ready => next_step(fold),
        Phase::Calling { attempt, .. } => call_model(fold, fold.steps(), *attempt, false),
        Phase::CallFailed { retry_at: Some(at), .. } if now < *at => Next::RetryAt(*at),
        Phase::CallFailed { attempt, retry_at: Some(_), .. } => {
            call_model(fold, fold.steps(), attempt + 1, true)
        }
        Phase::CallFailed { error, attempt, .. } => give_up(error, *attempt),
        Phase::Answered(answer) => after_answer(fold, answer),
        Phase::Succeeded { .. } | Phase::Failed { .. } => Next::Ended,
    }
}

fn fail(reason: &str, message: impl Into<String>) -> Next {
    Next::Append(vec![Event::Failed(Failed { error: RunError::new(reason, message) })])
}

fn give_up(error: &RunError, attempts: u32) -> Next {
    let advice = match error.reason.as_str() {
        "CONTEXT_TOO_LONG" => {
            "The conversation no longer fits into the model. Choose a model with a larger context or split the task."
        }
        _ if attempts > 1 => "Every attempt failed; the last failure is given.",
        _ => "Trying again would not help.",
    };
    fail(&error.reason, format!("The model call failed: {} {advice}", error.message))
}

/// A new step, if the limits leave room for one.
fn next_step(fold: &RunFold) -> Next {
    let limits = &fold.brief().agent.limits;
    if fold.steps() >= limits.max_steps {
        return fail(
            "STEP_LIMIT_REACHED",
            format!(
                "The run has made its {} model calls. Raise the agent's max_steps or split the task.",
                limits.max_steps
            ),
        );
    }
    match limits.max_tokens {
        Some(most) if fold.totals().tokens >= most => fail(
            "TOKEN_LIMIT_REACHED",
            format!(
                "The run has used {} of its {most} tokens. Raise the agent's max_tokens or split the task.",
                fold.totals().tokens
            ),
        ),
        _ => call_model(fold, fold.steps() + 1, 1, true),
    }
}

fn call_model(fold: &RunFold, step: u32, attempt: u32, is_new: bool) -> Next {
    let request = prompt::request(fold);
    let intent = is_new.then(|| {
        Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt,
            model: request.model.clone(),
            message_count: request.messages.len() as u32,
        })
    });
    Next::CallModel(Box::new(ModelCall {
        step,
        attempt,
        idempotency_key: key::model_call(fold.brief().run, step, attempt),
        intent,
        request,
        deadline: fold.deadline(),
    }))
}

/// In this order: unknown outcomes, refusals, calls, `finish`, notes, the next step. So when an answer holds `finish`
/// and other calls, the others are carried out first and `finish` is judged by what came of them.
fn after_answer(fold: &RunFold, answer: &Answer) -> Next {
    if answer.finish_reason == FinishReason::ContentFilter {
        return fail(
            "ANSWER_WITHHELD",
            "The provider withheld the model's answer by its content rules. Reword the task or choose another model.",
        );
    }
    let mut refusals = Vec::new();
    let mut uses = Vec::new();
    for (place, call) in answer.calls.iter().enumerate() {
        let (open, idempotency_key) = match &call.state {
            CallState::Done(_) => continue,
            CallState::Asked => (false, key::tool_call(fold.brief().run, fold.steps(), &call.call.id)),
            CallState::Open { effect_class: EffectClass::Queryable | EffectClass::AtMostOnce, .. } => {
                return outcome_unknown(&call.call);
            }
            CallState::Open { idempotency_key, .. } => (true, idempotency_key.clone()),
        };
        match judge(&fold.brief().agent, answer, place, &call.call) {
            Ok((Tool::Finish, _)) => {}
            Ok((tool, arguments)) => uses.push(ToolUse {
                step: fold.steps(),
                call_id: call.call.id.clone(),
                tool,
                arguments,
                intent: (!open)
                    .then(|| intent(fold.steps(), &call.call, tool.effect_class(), &idempotency_key)),
                idempotency_key,
                deadline: fold.deadline(),
            }),
            Err(why) => {
                // Nothing is done, so whatever the tool is, the intent is that of a call without effect.
                if !open {
                    refusals.push(intent(fold.steps(), &call.call, EffectClass::Pure, &idempotency_key));
                }
                refusals.push(result(fold.steps(), &call.call, why, true));
            }
        }
    }
    if !refusals.is_empty() {
        return Next::Append(refusals);
    }
    if !uses.is_empty() {
        return Next::UseTools(uses);
    }
    finish::judge(fold, answer).or_else(|| remark(fold, answer)).unwrap_or_else(|| next_step(fold))
}

fn outcome_unknown(call: &ToolCall) -> Next {
    fail(
        "OUTCOME_UNKNOWN",
        format!(
            "A worker stopped while `{}` was under way, and it cannot be known whether it took effect. It was not \
             repeated. Check its effect, then start the task again.",
            call.tool
        ),
    )
}

/// Whether a call may be carried out; the error is what the model reads instead of a result.
fn judge(
    agent: &AgentSnapshot,
    answer: &Answer,
    place: usize,
    call: &ToolCall,
) -> Result<(Tool, Arguments), String> {
    if answer.finish_reason == FinishReason::Length {
        return Err(
            "Not carried out: the answer was cut at its token limit, so this call may be incomplete.".into(),
        );
    }
    if place >= MAX_CALLS_PER_ANSWER {
        return Err(format!("Not carried out: {MAX_CALLS_PER_ANSWER} calls in one answer are the most."));
    }
    let tool = Tool::named(&call.tool).filter(|tool| agent.may_use(*tool)).ok_or_else(|| {
        let name: String = call.tool.chars().take(64).collect();
        format!("There is no tool `{name}` for you. You have: {}.", agent.tool_names().join(", "))
    })?;
    match agent.grant(tool).map(|grant| grant.policy) {
        None | Some(ToolPolicy::Allow) => {}
        // Nobody can be asked yet, so what needs approval is not done.
        Some(ToolPolicy::Ask) => {
            return Err(format!(
                "Not carried out: `{}` needs a person's approval, and approvals cannot be given yet.",
                call.tool
            ));
        }
        Some(ToolPolicy::Deny) => return Err(format!("Not carried out: you may not use `{}`.", call.tool)),
    }
    let arguments =
        Arguments::parse(tool, &call.arguments_json).map_err(|why| format!("Not carried out: {why}."))?;
    if let (Arguments::HttpFetch { url }, Some(grant)) = (&arguments, agent.grant(tool)) {
        let host = url.host_str().unwrap_or_default();
        if !grant.allows_host(host) {
            let hosts = grant.allowed_hosts.join(", ");
            return Err(format!("Not carried out: url: you may not reach `{host}`. You may reach: {hosts}."));
        }
    }
    Ok((tool, arguments))
}

pub(super) fn intent(step: u32, call: &ToolCall, effect_class: EffectClass, idempotency_key: &str) -> Event {
    Event::ToolCallStarted(ToolCallStarted {
        step,
        call_id: call.id.clone(),
        tool: call.tool.clone(),
        arguments_json: call.arguments_json.clone(),
        effect_class,
        idempotency_key: idempotency_key.to_owned(),
        attempt: 1,
    })
}

pub(super) fn result(step: u32, call: &ToolCall, content: String, is_error: bool) -> Event {
    Event::ToolCallCompleted(ToolCallCompleted {
        step,
        call_id: call.id.clone(),
        tool: call.tool.clone(),
        content,
        is_error,
        artifact: None,
        duration_ms: 0,
    })
}

/// What the engine has to say about an answer whose calls are settled: a note, the end, or nothing.
fn remark(fold: &RunFold, answer: &Answer) -> Option<Next> {
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
