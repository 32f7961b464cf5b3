//! What agents of these worlds are and do: the same for the same run and step, so that a generation can be asked for again.

use mc_tasks::domain::brief::{
    AgentSnapshot, ModelParameters, RequestEffect, RunBrief, RunLimits, TaskSnapshot, Teammate, ToolGrant,
    ToolPolicy,
};
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall};
use mc_tasks::domain::event::Event;
use mc_tasks::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use mc_tasks::domain::retry::Charge;
use uuid::Uuid;

use crate::random::mixed;

/// What a model call of these worlds costs.
pub(crate) const COST: Charge = Charge { cost_nano_usd: Some(1_000), estimated: false, total_tokens: 15 };

/// What an event adds to what a run has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) tokens: i64,
    pub(crate) cost_nano_usd: i64,
}

/// What `append.sql` adds to the row for this event.
pub(crate) fn spent(event: &Event) -> Spent {
    match event {
        Event::ModelCallCompleted(call) => {
            Spent { tokens: call.usage.total_tokens(), cost_nano_usd: call.cost_nano_usd.unwrap_or_default() }
        }
        Event::ModelCallFailed(call) if call.maybe_billed => {
            Spent { tokens: call.total_tokens, cost_nano_usd: call.cost_nano_usd.unwrap_or_default() }
        }
        Event::ChildEnded(child) => Spent { tokens: child.total_tokens, cost_nano_usd: child.cost_nano_usd },
        _ => Spent::default(),
    }
}

/// A run of an agent that may do everything, of one of three kinds.
pub(crate) fn brief(workspace: WorkspaceId, run: RunId, number: u64) -> RunBrief {
    let effect = match mixed(number) % 3 {
        0 => RequestEffect::AtMostOnce,
        1 => RequestEffect::Idempotent,
        _ => RequestEffect::Queryable,
    };
    let policy = if number.is_multiple_of(4) { ToolPolicy::Ask } else { ToolPolicy::Allow };
    RunBrief::pin(workspace, run, UserId::new(Uuid::from_u128(5)), task(number), agent(effect, policy))
}

/// Who may do everything, and hands work to itself.
pub(crate) fn agent(effect: RequestEffect, policy: ToolPolicy) -> AgentSnapshot {
    let ada =
        Teammate { name: "ada".into(), agent: AgentId::new(Uuid::from_u128(4)), purpose: String::new() };
    AgentSnapshot {
        agent: ada.agent,
        version: 1,
        display_name: "Ada".into(),
        instructions: "Work.".into(),
        model: "simulator/demo".into(),
        parameters: ModelParameters::default(),
        tools: vec![
            ToolGrant::of("write_artifact"),
            ToolGrant::of("ask_human"),
            ToolGrant::of("wait"),
            ToolGrant { teammates: vec![ada], ..ToolGrant::of("delegate") },
            ToolGrant {
                allowed_hosts: vec!["shop.example.com".into()],
                policy,
                effect,
                query_url: "https://shop.example.com/orders/{key}".into(),
                ..ToolGrant::of("http_request")
            },
        ],
        limits: RunLimits::default(),
        context: mc_tasks::domain::brief::ContextPolicy::default(),
    }
}

fn task(number: u64) -> TaskSnapshot {
    TaskSnapshot {
        task: TaskId::new(Uuid::from_u128(u128::from(number) + (1 << 80))),
        title: "Order".into(),
        brief: String::new(),
        acceptance_checks: Vec::new(),
    }
}

/// What the model answers to this call.
pub(crate) fn answer(key: &str, step: u32) -> (Message, FinishReason) {
    // The run and the step alone: another attempt at a step is answered likewise.
    let run = key.split('/').next().unwrap_or_default();
    let seed = run.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let last = 3 + (mixed(seed) % 3) as u32;
    let calls = match mixed(seed ^ u64::from(step)) % 4 {
        _ if step == 1 => vec![write("report.md", step)],
        _ if step == 2 && hands_on(run, seed) => vec![delegate(mixed(seed)), order(step, 0)],
        _ if step >= last => vec![finish()],
        0 => vec![order(step, 0), order(step, 1)],
        1 => vec![ask(step), order(step, 0)],
        2 => vec![order(step, 0), write("log.md", step)],
        3 if step.is_multiple_of(2) => vec![wait(step), order(step, 0)],
        _ => vec![order(step, 0)],
    };
    let parts = calls.into_iter().enumerate().map(|(place, (tool, arguments_json))| {
        Part::ToolCall(ToolCall { id: format!("call_{place}"), tool, arguments_json })
    });
    (Message { role: Role::Assistant, parts: parts.collect() }, FinishReason::ToolCalls)
}

/// Half of the runs that people start, and some of those below them, until they stand too deep for it.
fn hands_on(run: &str, seed: u64) -> bool {
    let is_child = run.starts_with(CHILD);
    (!is_child && run.ends_with(['0', '2'])) || (is_child && mixed(seed).is_multiple_of(4))
}

/// What the ids of runs begin with that others handed work to.
const CHILD: &str = "0193a5f1";

type Call = (String, String);

fn write(path: &str, step: u32) -> Call {
    ("write_artifact".into(), format!(r#"{{"path": "{path}", "content": "Step {step}."}}"#))
}

fn order(step: u32, place: u32) -> Call {
    let url = "https://shop.example.com/orders";
    ("http_request".into(), format!(r#"{{"method": "POST", "url": "{url}", "body": "{step}/{place}"}}"#))
}

fn ask(step: u32) -> Call {
    ("ask_human".into(), format!(r#"{{"question": "Which one, {step}?", "choices": ["A", "B"]}}"#))
}

fn wait(step: u32) -> Call {
    ("wait".into(), format!(r#"{{"seconds": 20, "reason": "The delivery of {step}."}}"#))
}

fn delegate(how: u64) -> Call {
    let piece = r#"{"teammate": "ada", "title": "Help", "brief": "Do the half of it."}"#;
    let wait = ["all", "any\", \"others\": \"leave", "any"][(how % 3) as usize];
    ("delegate".into(), format!(r#"{{"children": [{piece}, {piece}], "wait": "{wait}"}}"#))
}

fn finish() -> Call {
    ("finish".into(), r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#.into())
}
