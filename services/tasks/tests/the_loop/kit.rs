//! What the loop's tests are made of: briefs, scripted turns of a model, and the run that is carried on with them.

mod run;

use mc_tasks::domain::brief::{
    AgentSnapshot, ModelParameters, RequestEffect, RunBrief, RunLimits, TaskSnapshot, ToolGrant, ToolPolicy,
};
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall};
use mc_tasks::domain::id::{AgentId, CommandId, RunId, TaskId, UserId, WorkspaceId};
use mc_tasks::domain::order::{CommandKind, Details, LetterContent};
use mc_tasks::domain::retry::{CallFailure, Charge};
pub(crate) use run::{Run, answered, interrupted};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

/// When every run of these tests is queued.
pub(crate) const START: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);

/// Who orders runs about and decides.
pub(crate) const PERSON: UserId = UserId::new(Uuid::from_u128(9));

/// An order with this id.
pub(crate) fn order(number: u128, kind: CommandKind) -> LetterContent {
    with_details(number, kind, Details::default())
}

/// An order with this id that does not wait for the model.
pub(crate) fn at_once(number: u128, kind: CommandKind) -> LetterContent {
    with_details(number, kind, Details { interrupt: true, ..Details::default() })
}

/// What a person says, by an order with this id.
pub(crate) fn speaks(number: u128, text: &str, interrupt: bool) -> LetterContent {
    with_details(number, CommandKind::Steer, Details { text: text.into(), interrupt })
}

fn with_details(number: u128, kind: CommandKind, details: Details) -> LetterContent {
    let command = CommandId::new(Uuid::from_u128(number));
    LetterContent::Command { command, kind, reason: String::new(), details }
}

/// A task with two checks, an agent with every tool.
pub(crate) fn task() -> TaskSnapshot {
    TaskSnapshot {
        task: TaskId::new(Uuid::from_u128(3)),
        title: "Compare the two drafts".into(),
        brief: "Read both drafts and say which one is better, and why.\n".into(),
        acceptance_checks: vec!["`report.md` exists.".into(), "It names one of the drafts.".into()],
    }
}

/// An agent with every tool.
pub(crate) fn agent() -> AgentSnapshot {
    AgentSnapshot {
        agent: AgentId::new(Uuid::from_u128(4)),
        version: 7,
        display_name: "Ada".into(),
        instructions: "Be brief. Prefer numbers to adjectives.".into(),
        model: "simulator/demo".into(),
        parameters: ModelParameters { temperature: Some(0.25), ..ModelParameters::default() },
        tools: vec![
            ToolGrant {
                allowed_hosts: vec!["example.com".into(), "*.example.org".into()],
                ..ToolGrant::of("http_fetch")
            },
            ToolGrant::of("read_artifact"),
            ToolGrant::of("write_artifact"),
        ],
        limits: RunLimits::default(),
        context: mc_tasks::domain::brief::ContextPolicy::default(),
    }
}

/// The same agent, which may send requests of this kind and ask people, and needs leave for `asks`.
pub(crate) fn bold_agent(effect: RequestEffect, asks: &[&str]) -> AgentSnapshot {
    let mut agent = agent();
    agent.tools.push(ToolGrant {
        allowed_hosts: vec!["shop.example.com".into()],
        effect,
        query_url: "https://shop.example.com/orders/{key}".into(),
        ..ToolGrant::of("http_request")
    });
    agent.tools.push(ToolGrant::of("ask_human"));
    for grant in agent.tools.iter_mut().filter(|grant| asks.contains(&grant.tool.as_str())) {
        grant.policy = ToolPolicy::Ask;
    }
    agent
}

/// A request that such an agent may send.
pub(crate) const ORDER: (&str, &str) =
    ("http_request", r#"{"method": "POST", "url": "https://shop.example.com/orders", "body": "{}"}"#);

/// A run of that agent on that task.
pub(crate) fn brief(task: TaskSnapshot, agent: AgentSnapshot) -> RunBrief {
    RunBrief::pin(
        WorkspaceId::new(Uuid::from_u128(1)),
        RunId::new(Uuid::from_u128(2)),
        UserId::new(Uuid::from_u128(5)),
        task,
        agent,
    )
}

/// What a scripted model does when it is called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Turn {
    /// It answers.
    Answers(Message, FinishReason),
    /// The call fails for this reason.
    Fails(&'static str),
    /// The answer is cut, and booked at this.
    IsCut(Charge),
}

impl Turn {
    /// The failure that this turn is, if it is one.
    pub(crate) fn failure(&self) -> Option<CallFailure> {
        let (reason, charge) = match self {
            Self::Answers(..) => return None,
            Self::Fails(reason) => (*reason, None),
            Self::IsCut(charge) => ("GENERATION_INTERRUPTED", Some(*charge)),
        };
        Some(CallFailure { charge, ..failure(reason) })
    }
}

/// A call that failed for this reason, and of which nothing is booked.
pub(crate) fn failure(reason: &str) -> CallFailure {
    CallFailure {
        reason: reason.into(),
        message: "It went wrong.".into(),
        retry_after: None,
        generation: String::new(),
        charge: None,
    }
}

/// An answer of text alone.
pub(crate) fn says(text: &str) -> Turn {
    Turn::Answers(assistant(text, &[]), FinishReason::Stop)
}

/// An answer that calls tools; ids are `call_a`, `call_b` and so on.
pub(crate) fn calls(calls: &[(&str, &str)]) -> Turn {
    Turn::Answers(assistant("", calls), FinishReason::ToolCalls)
}

/// The same, cut at the token limit.
pub(crate) fn cut(text: &str, calls: &[(&str, &str)]) -> Turn {
    Turn::Answers(assistant(text, calls), FinishReason::Length)
}

/// The call that ends a run well, if anything does.
pub(crate) fn finishes() -> Turn {
    calls(&[("finish", r#"{"summary": "Draft B is better.", "evidence": ["artifact:report.md"]}"#)])
}

/// The call that makes [`finishes`] acceptable.
pub(crate) fn writes() -> Turn {
    calls(&[("write_artifact", r#"{"path": "report.md", "content": "Draft B."}"#)])
}

/// An assistant's turn.
pub(crate) fn assistant(text: &str, calls: &[(&str, &str)]) -> Message {
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::Text { text: text.into() });
    }
    for (place, (tool, arguments)) in calls.iter().enumerate() {
        parts.push(Part::ToolCall(ToolCall {
            id: format!("call_{}", char::from(b'a' + (place % 26) as u8)),
            tool: (*tool).into(),
            arguments_json: (*arguments).into(),
        }));
    }
    Message { role: Role::Assistant, parts }
}
