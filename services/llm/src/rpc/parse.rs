//! Parses and checks a request for a generation; a failure names the field by its path.

use std::collections::HashSet;

use mc_chassis::auth::{Caller, RunAssertion};
use mc_chassis::{Failure, names};
use mc_proto::llm::v1 as wire;
use mc_proto::llm::v1::part::Kind as WireKind;
use uuid::Uuid;

use crate::domain::ask::{Ask, Attribution};
use crate::domain::conversation::{
    Message, Opaque, Parameters, Part, Role, Thinking, Tool, ToolCall, ToolResult,
};
use crate::domain::model_name::ModelName;

/// Longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 200;
/// Most turns of a conversation.
const MAX_MESSAGES: usize = 10_000;
/// Most tools.
const MAX_TOOLS: usize = 128;

/// The checked request.
pub(super) fn ask(caller: &Caller, workspace: Uuid, request: wire::GenerateRequest) -> Result<Ask, Failure> {
    check_key(&request.idempotency_key)?;
    let model =
        ModelName::parse(&request.model).map_err(|error| Failure::invalid("model", error.to_string()))?;
    Ok(Ask {
        model,
        system: request.system,
        messages: messages(request.messages)?,
        tools: tools(request.tools)?,
        parameters: parameters(request.parameters.unwrap_or_default())?,
        attribution: attribution(caller, workspace, request.attribution.unwrap_or_default())?,
    })
}

/// Refuses a key that no generation can have.
pub(super) fn check_key(key: &str) -> Result<(), Failure> {
    if (1..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let text = format!(
        "must be 1 to {MAX_KEY_CHARS} visible ASCII characters, such as {{run}}/{{step}}/{{attempt}}"
    );
    Err(Failure::invalid("idempotency_key", text))
}

/// The run that a caller works for.
pub(super) fn run_of(caller: &Caller) -> Option<&RunAssertion> {
    match caller {
        Caller::Run(run) => Some(run),
        Caller::Person(_) | Caller::Service(_) => None,
    }
}

fn messages(messages: Vec<wire::Message>) -> Result<Vec<Message>, Failure> {
    if messages.is_empty() || messages.len() > MAX_MESSAGES {
        return Err(Failure::invalid("messages", format!("must have 1 to {MAX_MESSAGES} turns")));
    }
    let mut calls = HashSet::new();
    let mut parsed = Vec::with_capacity(messages.len());
    for (place, message) in messages.into_iter().enumerate() {
        let path = format!("messages[{place}]");
        let role = match message.role() {
            wire::MessageRole::User => Role::User,
            wire::MessageRole::Assistant => Role::Assistant,
            wire::MessageRole::Tool => Role::Tool,
            wire::MessageRole::Unspecified => {
                return Err(Failure::invalid(format!("{path}.role"), "must be USER, ASSISTANT or TOOL"));
            }
        };
        // A model may have said nothing, and its turn counts all the same.
        if message.parts.is_empty() && role != Role::Assistant {
            return Err(Failure::invalid(format!("{path}.parts"), "must not be empty"));
        }
        let mut parts = Vec::with_capacity(message.parts.len());
        for (index, one) in message.parts.into_iter().enumerate() {
            parts.push(part(&format!("{path}.parts[{index}]"), role, one, &mut calls)?);
        }
        parsed.push(Message { role, parts });
    }
    Ok(parsed)
}

/// One part; `calls` are the ids of the tool calls that came before it.
fn part(path: &str, role: Role, part: wire::Part, calls: &mut HashSet<String>) -> Result<Part, Failure> {
    let wrong = |text: &str| Err(Failure::invalid(path, text));
    match (role, part.kind) {
        (_, None) => wrong("must hold one of text, tool_call, tool_result, thinking and opaque"),
        (Role::User | Role::Assistant, Some(WireKind::Text(text))) => Ok(Part::Text(text)),
        (Role::Assistant, Some(WireKind::ToolCall(call))) => {
            if call.id.is_empty() {
                return Err(Failure::invalid(format!("{path}.tool_call.id"), "is required"));
            }
            check_tool_name(&format!("{path}.tool_call.tool"), &call.tool)?;
            calls.insert(call.id.clone());
            Ok(Part::ToolCall(ToolCall { id: call.id, tool: call.tool, arguments: call.arguments_json }))
        }
        (Role::Assistant, Some(WireKind::Thinking(thinking))) => {
            Ok(Part::Thinking(Thinking { text: thinking.text, signature: thinking.signature }))
        }
        (Role::Assistant, Some(WireKind::Opaque(opaque))) => {
            let wire::Opaque { provider, model, content } = opaque;
            Ok(Part::Opaque(Opaque { provider, model, content }))
        }
        (Role::Tool, Some(WireKind::ToolResult(result))) => {
            if !calls.contains(&result.call_id) {
                let text = "must be the id of a tool call in an earlier turn";
                return Err(Failure::invalid(format!("{path}.tool_result.call_id"), text));
            }
            let wire::ToolResult { call_id, content, is_error } = result;
            Ok(Part::ToolResult(ToolResult { call_id, content, is_error }))
        }
        (Role::User, Some(_)) => wrong("a user's turn holds text only"),
        (Role::Assistant, Some(_)) => wrong("a turn of the model holds no tool results"),
        (Role::Tool, Some(_)) => wrong("a tool turn holds tool results only"),
    }
}

fn tools(tools: Vec<wire::ToolDefinition>) -> Result<Vec<Tool>, Failure> {
    if tools.len() > MAX_TOOLS {
        return Err(Failure::invalid("tools", format!("must be at most {MAX_TOOLS}")));
    }
    let mut known = HashSet::new();
    let mut parsed = Vec::with_capacity(tools.len());
    for (place, tool) in tools.into_iter().enumerate() {
        let path = format!("tools[{place}]");
        check_tool_name(&format!("{path}.name"), &tool.name)?;
        if !known.insert(tool.name.clone()) {
            return Err(Failure::invalid(format!("{path}.name"), "must be unique among the tools"));
        }
        let schema: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_str(&tool.parameters_json_schema);
        if schema.is_err() {
            let text = "must be a JSON Schema: a JSON object, {\"type\":\"object\"} at the least";
            return Err(Failure::invalid(format!("{path}.parameters_json_schema"), text));
        }
        let wire::ToolDefinition { name, description, parameters_json_schema } = tool;
        parsed.push(Tool { name, description, parameters_json_schema });
    }
    Ok(parsed)
}

fn check_tool_name(path: &str, name: &str) -> Result<(), Failure> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(Failure::invalid(path, "must be 1 to 64 letters, digits, `_` and `-`"))
}

fn parameters(parameters: wire::GenerateParameters) -> Result<Parameters, Failure> {
    let within = |field: &str, value: Option<f64>, most: f64| match value {
        Some(value) if !(0.0..=most).contains(&value) => {
            Err(Failure::invalid(format!("parameters.{field}"), format!("must be between 0 and {most}")))
        }
        value => Ok(value),
    };
    let max_output_tokens = match parameters.max_output_tokens.map(u32::try_from) {
        None => None,
        Some(Ok(tokens)) if tokens > 0 => Some(tokens),
        Some(_) => return Err(Failure::invalid("parameters.max_output_tokens", "must be at least 1")),
    };
    Ok(Parameters {
        temperature: within("temperature", parameters.temperature, 2.0)?,
        top_p: within("top_p", parameters.top_p, 1.0)?,
        max_output_tokens,
        seed: parameters.seed,
    })
}

/// Whom it is booked to: names in this workspace, and for a run the run that asks and no other.
fn attribution(caller: &Caller, workspace: Uuid, wire: wire::Attribution) -> Result<Attribution, Failure> {
    let in_workspace = |field: &str, pattern: &str, name: &str, owner: Uuid| {
        let text = format!("must be in workspaces/{workspace}, as {pattern}, not {name:?}");
        if owner == workspace { Ok(()) } else { Err(Failure::invalid(format!("attribution.{field}"), text)) }
    };
    for (field, pattern, name) in
        [("run", "workspaces/*/runs/*", &wire.run), ("task", "workspaces/*/tasks/*", &wire.task)]
    {
        if !name.is_empty() {
            let [owner, _] = names::parse(&format!("attribution.{field}"), pattern, name)?;
            in_workspace(field, pattern, name, owner)?;
        }
    }
    if !wire.agent_version.is_empty() {
        let (field, pattern) = ("attribution.agent_version", "workspaces/*/agents/*/versions/*");
        let [owner, agent, version] = names::segments(field, pattern, &wire.agent_version)?;
        let canonical = names::canonical(owner).zip(names::canonical(agent)).zip(version.parse::<u32>().ok());
        let Some(((owner, _), _)) = canonical else {
            return Err(Failure::invalid(
                field,
                format!("has the form {pattern}, not {:?}", wire.agent_version),
            ));
        };
        in_workspace("agent_version", pattern, &wire.agent_version, owner)?;
    }
    let mut attribution = Attribution { run: wire.run, task: wire.task, agent_version: wire.agent_version };
    if let Some(run) = run_of(caller) {
        let name = format!("workspaces/{}/runs/{}", run.workspace, run.run);
        assert_own("attribution.run", &mut attribution.run, name)?;
        assert_own("attribution.agent_version", &mut attribution.agent_version, run.agent_version.clone())?;
    }
    Ok(attribution)
}

/// What a run says of itself must be what its worker asserts; what it leaves out is filled in.
fn assert_own(field: &str, said: &mut String, asserted: String) -> Result<(), Failure> {
    if !said.is_empty() && *said != asserted {
        return Err(Failure::invalid(field, format!("must be {asserted}, for which this call is made")));
    }
    *said = asserted;
    Ok(())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
