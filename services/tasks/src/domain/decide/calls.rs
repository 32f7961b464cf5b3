//! What is done about the calls of an answer: refuse, report, ask, carry out, wait, and then `finish`.

use time::OffsetDateTime;

use super::ask::{Ask, AskKind};
use super::children::{self, Following};
use super::remarks::remark;
use super::{Delegate, MAX_CALLS_PER_ANSWER, Next, ToolUse, fail, next_step, waits};
use crate::domain::arguments::{Arguments, Delegation, Wait};
use crate::domain::brief::{AgentSnapshot, ToolPolicy};
use crate::domain::conversation::{FinishReason, ToolCall};
use crate::domain::event::{Doubt, EffectClass, Event, ToolCallCompleted, ToolCallStarted};
use crate::domain::fold::{Answer, Call, CallState, Intent, RunFold};
use crate::domain::id::RunId;
use crate::domain::order::Decision;
use crate::domain::tool::Tool;
use crate::domain::{finish, key, prompt, reach};

/// In this order: results that are known without doing anything and timers, questions to people, work for others, calls,
/// `finish`, notes, the next step. So everything that people are needed for is asked at once, others work and what needs
/// nobody is carried out meanwhile, and `finish` beside other calls is judged by what came of them.
pub(super) fn after_answer(fold: &RunFold, answer: &Answer, now: OffsetDateTime) -> Next {
    if answer.finish_reason == FinishReason::ContentFilter {
        return fail(
            "ANSWER_WITHHELD",
            "The provider withheld the model's answer by its content rules. Reword the task or choose another model.",
        );
    }
    let mut todo = Todo::default();
    for (place, call) in answer.calls.iter().enumerate() {
        see_to(&Subject { fold, answer, place, call, now }, &mut todo);
    }
    if !todo.known.is_empty() {
        return Next::Append(todo.known);
    }
    if !todo.asks.is_empty() {
        return Next::Ask(todo.asks);
    }
    if let Some(delegate) = todo.delegate {
        return Next::Delegate(delegate);
    }
    if !todo.cancels.is_empty() {
        return Next::CancelChildren(todo.cancels);
    }
    if !todo.uses.is_empty() {
        return Next::UseTools(todo.uses);
    }
    finish::judge(fold, answer).or_else(|| remark(fold, answer)).unwrap_or_else(|| next_step(fold))
}

#[derive(Default)]
struct Todo {
    /// Results that follow from what is known, with the intents that they need; and timers.
    known: Vec<Event>,
    asks: Vec<Ask>,
    /// One at a time: what the next one may hand on depends on it.
    delegate: Option<Box<Delegate>>,
    /// Children that are not needed any longer.
    cancels: Vec<RunId>,
    uses: Vec<ToolUse>,
}

/// One call of the present answer.
struct Subject<'a> {
    fold: &'a RunFold,
    answer: &'a Answer,
    place: usize,
    call: &'a Call,
    now: OffsetDateTime,
}

fn see_to(subject: &Subject<'_>, todo: &mut Todo) {
    let (step, call) = (subject.fold.steps(), &subject.call.call);
    let mut known = |content: String, is_error| todo.known.push(result(step, call, content, is_error));
    match &subject.call.state {
        CallState::Done(_) | CallState::Awaiting { .. } => {}
        CallState::Asked => see_to_new(subject, todo),
        CallState::Decided { decision, intent } => match (decision, intent) {
            (Decision::Approve { arguments_json }, _) => {
                let arguments = arguments_json.as_ref().unwrap_or(&call.arguments_json);
                carry_out(subject, arguments, todo);
            }
            (Decision::Reject { reason }, _) => known(prompt::rejected(reason), true),
            (Decision::Respond { text }, _) => known(prompt::responded(text), false),
            (Decision::Answer { text }, _) => known(text.clone(), false),
            (Decision::MarkDone { result }, _) => known(prompt::done_by_word(result), false),
            (Decision::Fail { reason }, _) => known(prompt::failed_by_word(reason), true),
            (Decision::Retry, Some(intent)) => try_again(subject, intent, todo),
            // The fold takes this decision of an unknown outcome alone.
            (Decision::Retry, None) => {}
        },
        CallState::Open(intent) => recover(subject, intent, todo),
        CallState::Timed(timer) => {
            if let Some(content) = waits::result(timer, subject.now) {
                known(content, false);
            }
        }
        CallState::Delegated(delegated) => match children::following(subject.fold, delegated) {
            Following::Nothing => {}
            Following::Cancel(runs) => todo.cancels.extend(runs),
            Following::Result(content, is_error) => known(content, is_error),
        },
    }
}

/// A call of which nothing has been done.
fn see_to_new(subject: &Subject<'_>, todo: &mut Todo) {
    let (step, call) = (subject.fold.steps(), &subject.call.call);
    let agent = &subject.fold.brief().agent;
    match judge(subject, &call.arguments_json) {
        Err(why) => subject.refuse(&call.arguments_json, why, todo),
        Ok((Tool::Finish, _)) => {}
        Ok((_, Arguments::AskHuman(asked))) => todo.asks.push(Ask {
            step,
            call_id: call.id.clone(),
            kind: AskKind::Question { question: asked.question, choices: asked.choices },
        }),
        Ok((tool, _)) if agent.policy(tool) == Some(ToolPolicy::Ask) => todo.asks.push(Ask {
            step,
            call_id: call.id.clone(),
            kind: AskKind::Approval {
                tool: call.tool.clone(),
                arguments_json: call.arguments_json.clone(),
                effect_class: tool.effect_class(agent.grant(tool)),
            },
        }),
        Ok((_, Arguments::Wait(wait))) => subject.wait(&wait, &call.arguments_json, todo),
        Ok((_, Arguments::Delegate(work))) => subject.delegate(work, &call.arguments_json, todo),
        Ok((tool, arguments)) => {
            let used = subject.begun(tool, arguments, &call.arguments_json);
            todo.uses.push(used);
        }
    }
}

/// A call that a person approved, perhaps with other arguments: these are judged as the agent's own would be.
fn carry_out(subject: &Subject<'_>, arguments_json: &str, todo: &mut Todo) {
    match judge(subject, arguments_json) {
        Ok((_, Arguments::Wait(wait))) => subject.wait(&wait, arguments_json, todo),
        Ok((_, Arguments::Delegate(work))) => subject.delegate(work, arguments_json, todo),
        Ok((tool, arguments)) => todo.uses.push(subject.begun(tool, arguments, arguments_json)),
        Err(why) => subject.refuse(arguments_json, why, todo),
    }
}

/// A call whose outcome nobody knew and that a person wants carried out again: another attempt under the same key.
fn try_again(subject: &Subject<'_>, last: &Intent, todo: &mut Todo) {
    let (step, call) = (subject.fold.steps(), &subject.call.call);
    let intent = Intent { attempt: last.attempt + 1, ..last.clone() };
    match judge(subject, &last.arguments_json) {
        Ok((tool, arguments)) => todo.uses.push(ToolUse {
            intent: Some(started(step, call, &intent)),
            maybe_done: true,
            ..subject.used(tool, arguments, &intent)
        }),
        Err(why) => {
            todo.known.push(started(step, call, &intent));
            todo.known.push(result(step, call, in_their_words(call, &intent.arguments_json, why), true));
        }
    }
}

/// A call that was under way when its worker went. What a second try could repeat, only a person may have tried again.
fn recover(subject: &Subject<'_>, intent: &Intent, todo: &mut Todo) {
    let (step, call) = (subject.fold.steps(), &subject.call.call);
    let judged = judge(subject, &intent.arguments_json);
    match (intent.effect_class, judged) {
        (EffectClass::Pure | EffectClass::Idempotent, Err(why)) => {
            todo.known.push(result(step, call, in_their_words(call, &intent.arguments_json, why), true));
        }
        // Judged below, once everything else is settled.
        (EffectClass::Pure, Ok((Tool::Finish, _))) => {}
        (EffectClass::Pure | EffectClass::Idempotent, Ok((tool, arguments))) => {
            todo.uses.push(ToolUse { maybe_done: true, ..subject.used(tool, arguments, intent) });
        }
        (EffectClass::Queryable, Ok((tool, arguments))) => {
            todo.uses.push(ToolUse {
                query_first: true,
                maybe_done: true,
                ..subject.used(tool, arguments, intent)
            });
        }
        (EffectClass::Queryable | EffectClass::AtMostOnce, _) => todo.asks.push(Ask {
            step,
            call_id: call.id.clone(),
            kind: AskKind::Outcome {
                tool: call.tool.clone(),
                arguments_json: intent.arguments_json.clone(),
                effect_class: intent.effect_class,
                attempt: intent.attempt,
                doubt: Doubt::worker_lost(),
            },
        }),
    }
}

impl Subject<'_> {
    /// A first attempt with its intent.
    fn begun(&self, tool: Tool, arguments: Arguments, arguments_json: &str) -> ToolUse {
        let effect_class = tool.effect_class(self.fold.brief().agent.grant(tool));
        let intent = self.first_intent(effect_class, arguments_json);
        let event = started(self.fold.steps(), &self.call.call, &intent);
        ToolUse { intent: Some(event), ..self.used(tool, arguments, &intent) }
    }

    /// The use of an intent that is committed.
    fn used(&self, tool: Tool, arguments: Arguments, intent: &Intent) -> ToolUse {
        ToolUse {
            step: self.fold.steps(),
            call_id: self.call.call.id.clone(),
            tool,
            arguments,
            arguments_json: intent.arguments_json.clone(),
            edited: intent.arguments_json != self.call.call.arguments_json,
            effect_class: intent.effect_class,
            attempt: intent.attempt,
            query_first: false,
            maybe_done: false,
            idempotency_key: intent.idempotency_key.clone(),
            intent: None,
            deadline: self.fold.deadline(),
            time_limit: self.fold.brief().agent.limits.max_step_duration(),
        }
    }

    /// Begins to wait.
    fn wait(&self, wait: &Wait, arguments_json: &str, todo: &mut Todo) {
        match waits::set(self.fold, &self.call.call.id, wait, self.now) {
            Ok(set) => todo.known.push(set),
            Err(why) => self.refuse(arguments_json, why, todo),
        }
    }

    /// Hands work to others, unless another call does so first.
    fn delegate(&self, work: Delegation, arguments_json: &str, todo: &mut Todo) {
        if todo.delegate.is_some() {
            return;
        }
        let call = &self.call.call;
        let intent = started(self.fold.steps(), call, &self.first_intent(EffectClass::Pure, arguments_json));
        let preface = in_their_words(call, arguments_json, String::new());
        match children::order(self.fold, self.answer, (call, intent, preface), work, self.now) {
            Ok(order) => todo.delegate = Some(Box::new(order)),
            Err(why) => self.refuse(arguments_json, why, todo),
        }
    }

    /// Nothing is done, so whatever the tool is, the intent is that of a call without effect.
    fn refuse(&self, arguments_json: &str, why: String, todo: &mut Todo) {
        let (step, call) = (self.fold.steps(), &self.call.call);
        todo.known.push(started(step, call, &self.first_intent(EffectClass::Pure, arguments_json)));
        todo.known.push(result(step, call, in_their_words(call, arguments_json, why), true));
    }

    fn first_intent(&self, effect_class: EffectClass, arguments_json: &str) -> Intent {
        first_intent(self.fold, &self.call.call, effect_class, arguments_json)
    }
}

/// A refusal, of which the agent is told whose arguments it is about.
fn in_their_words(call: &ToolCall, arguments_json: &str, why: String) -> String {
    if call.arguments_json == arguments_json { why } else { prompt::edited(arguments_json) + &why }
}

fn first_intent(fold: &RunFold, call: &ToolCall, effect_class: EffectClass, arguments_json: &str) -> Intent {
    Intent {
        effect_class,
        idempotency_key: key::tool_call(fold.brief().run, fold.steps(), &call.id),
        arguments_json: arguments_json.to_owned(),
        attempt: 1,
        // The fold takes the time of the record.
        since: fold.queued_at(),
    }
}

/// Whether a call may be carried out with these arguments; the error is what the model reads instead of a result.
fn judge(subject: &Subject<'_>, arguments_json: &str) -> Result<(Tool, Arguments), String> {
    let (agent, call) = (&subject.fold.brief().agent, &subject.call.call);
    if subject.answer.finish_reason == FinishReason::Length {
        return Err(
            "Not carried out: the answer was cut at its token limit, so this call may be incomplete.".into(),
        );
    }
    if subject.place >= MAX_CALLS_PER_ANSWER {
        return Err(format!("Not carried out: {MAX_CALLS_PER_ANSWER} calls in one answer are the most."));
    }
    let tool = known_tool(agent, call)?;
    let arguments =
        Arguments::parse(tool, arguments_json).map_err(|why| format!("Not carried out: {why}."))?;
    reach::check(agent, tool, &arguments).map_err(|why| format!("Not carried out: {why}."))?;
    Ok((tool, arguments))
}

fn known_tool(agent: &AgentSnapshot, call: &ToolCall) -> Result<Tool, String> {
    let yours = || agent.tool_names().join(", ");
    match Tool::named(&call.tool) {
        Some(tool) if agent.may_use(tool) => Ok(tool),
        Some(tool) if agent.policy(tool) == Some(ToolPolicy::Deny) => Err(format!(
            "Not carried out: your owner does not let you use `{}`. You have: {}.",
            tool.name(),
            yours()
        )),
        _ => {
            let name: String = call.tool.chars().take(64).collect();
            Err(format!("There is no tool `{name}` for you. You have: {}.", yours()))
        }
    }
}

/// The first intent of a call that has no effect.
pub(in crate::domain) fn intent(fold: &RunFold, call: &ToolCall) -> Event {
    started(fold.steps(), call, &first_intent(fold, call, EffectClass::Pure, &call.arguments_json))
}

fn started(step: u32, call: &ToolCall, intent: &Intent) -> Event {
    Event::ToolCallStarted(ToolCallStarted {
        step,
        call_id: call.id.clone(),
        tool: call.tool.clone(),
        arguments_json: intent.arguments_json.clone(),
        effect_class: intent.effect_class,
        idempotency_key: intent.idempotency_key.clone(),
        attempt: intent.attempt,
    })
}

/// The result of a call of which nothing was stored.
pub(in crate::domain) fn result(step: u32, call: &ToolCall, content: String, is_error: bool) -> Event {
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
