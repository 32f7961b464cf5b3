//! From what this service keeps to what the contract says.

use mc_proto::llm::v1 as wire;
use mc_proto::llm::v1::generate_response::Event as WireEvent;
use mc_proto::llm::v1::part::Kind as WireKind;
use prost_types::Timestamp;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::ask::Attribution;
use crate::domain::conversation::{FinishReason, Message, Part, Role};
use crate::domain::follow::Delta;
use crate::domain::generation::{Event, Finished, State, Stored, name};
use crate::domain::provider::{Kind, Provider};
use crate::domain::usage::Usage;

/// A time to the microsecond, which is what PostgreSQL keeps: a reply says what a later read will say.
pub(super) fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: at.unix_timestamp(), nanos: (at.microsecond() * 1_000).cast_signed() }
}

/// A count as the contract says it; more than it can say is said as the most it can.
fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

pub(super) fn usage(usage: Usage) -> wire::Usage {
    wire::Usage {
        input_tokens: count(usage.input),
        cache_read_tokens: count(usage.cache_read),
        cache_write_tokens: count(usage.cache_write),
        output_tokens: count(usage.output),
        reasoning_tokens: count(usage.reasoning),
        estimated: usage.estimated,
    }
}

pub(super) fn message(message: Message) -> wire::Message {
    let role = match message.role {
        Role::User => wire::MessageRole::User,
        Role::Assistant => wire::MessageRole::Assistant,
        Role::Tool => wire::MessageRole::Tool,
    };
    wire::Message { role: role.into(), parts: message.parts.into_iter().map(part).collect() }
}

fn part(part: Part) -> wire::Part {
    let kind = match part {
        Part::Text(text) => WireKind::Text(text),
        Part::ToolCall(call) => WireKind::ToolCall(wire::ToolCall {
            id: call.id,
            tool: call.tool,
            arguments_json: call.arguments,
        }),
        Part::ToolResult(result) => WireKind::ToolResult(wire::ToolResult {
            call_id: result.call_id,
            content: result.content,
            is_error: result.is_error,
        }),
        Part::Thinking(thinking) => {
            WireKind::Thinking(wire::Thinking { text: thinking.text, signature: thinking.signature })
        }
        Part::Opaque(opaque) => WireKind::Opaque(wire::Opaque {
            provider: opaque.provider,
            model: opaque.model,
            content: opaque.content,
        }),
    };
    wire::Part { kind: Some(kind) }
}

fn finish_reason(reason: FinishReason) -> wire::FinishReason {
    match reason {
        FinishReason::Stop => wire::FinishReason::Stop,
        FinishReason::ToolCalls => wire::FinishReason::ToolCalls,
        FinishReason::Length => wire::FinishReason::Length,
        FinishReason::ContentFilter => wire::FinishReason::ContentFilter,
    }
}

fn attribution(attribution: Attribution) -> wire::Attribution {
    let Attribution { run, task, agent_version } = attribution;
    wire::Attribution { run, task, agent_version }
}

/// One event of a generation in this workspace.
pub(super) fn event(workspace: Uuid, event: Event) -> wire::GenerateResponse {
    let event = match event {
        Event::Started { id, attached } => {
            WireEvent::Started(wire::GenerationStarted { generation: name(workspace, id), attached })
        }
        Event::Delta(Delta::Text(offset, text)) => WireEvent::TextDelta(text_delta(offset, text)),
        Event::Delta(Delta::Thinking(offset, text)) => WireEvent::ThinkingDelta(text_delta(offset, text)),
        Event::Delta(Delta::ToolCall { index, id, tool, arguments }) => {
            WireEvent::ToolCallDelta(wire::ToolCallDelta {
                index: index as i32,
                id,
                tool,
                arguments_delta: arguments,
            })
        }
        Event::Finished(finished) => WireEvent::Finished(generation_finished(workspace, *finished)),
    };
    wire::GenerateResponse { event: Some(event) }
}

fn text_delta(offset: usize, text: String) -> wire::TextDelta {
    wire::TextDelta { offset: offset as i64, text }
}

fn generation_finished(workspace: Uuid, finished: Finished) -> wire::GenerationFinished {
    wire::GenerationFinished {
        generation: name(workspace, finished.id),
        message: Some(message(finished.message)),
        finish_reason: finish_reason(finished.finish_reason).into(),
        usage: Some(usage(finished.usage)),
        cost_nano_usd: finished.cost_nano_usd,
        provider_model: finished.provider_model,
    }
}

pub(super) fn generation(stored: Stored) -> wire::Generation {
    let state = match stored.state {
        State::Running => wire::GenerationState::Running,
        State::Succeeded => wire::GenerationState::Succeeded,
        State::Failed => wire::GenerationState::Failed,
        State::Interrupted => wire::GenerationState::Interrupted,
        State::Cancelled => wire::GenerationState::Cancelled,
    };
    let reason = stored.finish_reason.map_or(wire::FinishReason::Unspecified, finish_reason);
    wire::Generation {
        name: stored.name(),
        idempotency_key: stored.idempotency_key,
        model: stored.model,
        state: state.into(),
        message: stored.message.map(message),
        finish_reason: reason.into(),
        usage: stored.settled.map(|settled| usage(settled.usage)),
        cost_nano_usd: stored.settled.and_then(|settled| settled.cost_nano_usd),
        cost_estimated: stored.settled.is_some_and(|settled| settled.usage.estimated),
        attribution: Some(attribution(stored.attribution)),
        create_time: Some(timestamp(stored.created_at)),
        first_token_time: stored.first_token_at.map(timestamp),
        end_time: stored.ended_at.map(timestamp),
        error_reason: stored.error_reason,
    }
}

pub(super) fn provider(workspace: Uuid, provider: Provider) -> wire::Provider {
    let (kind, base_url, credential) = match provider.kind {
        Kind::Simulator => (wire::ProviderKind::Simulator, String::new(), None),
        Kind::OpenAiCompatible { base_url, credential } => {
            (wire::ProviderKind::OpenaiCompatible, base_url.to_string(), credential)
        }
    };
    let credential = credential.map(|id| format!("workspaces/{workspace}/credentials/{id}"));
    wire::Provider {
        name: provider_name(workspace, &provider.id),
        display_name: provider.display_name,
        kind: kind.into(),
        base_url,
        credential: credential.unwrap_or_default(),
        models: provider.models,
        create_time: provider.created_at.map(timestamp),
    }
}

pub(super) fn provider_name(workspace: Uuid, id: &str) -> String {
    format!("workspaces/{workspace}/providers/{id}")
}
