//! The conversation as the contract has it, to and from the journal's own types.

use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::part::Kind;

use crate::domain::conversation::{
    FinishReason, Message, Opaque, Part, Role, Thinking, ToolCall, ToolDefinition, ToolResult, Usage,
};

/// A turn, to be sent.
pub(crate) fn message_to(message: Message) -> llm::Message {
    let role = match message.role {
        Role::User => llm::MessageRole::User,
        Role::Assistant => llm::MessageRole::Assistant,
        Role::Tool => llm::MessageRole::Tool,
    };
    llm::Message { role: role as i32, parts: message.parts.into_iter().map(part_to).collect() }
}

fn part_to(part: Part) -> llm::Part {
    let kind = match part {
        Part::Text { text } => Kind::Text(text),
        Part::ToolCall(call) => Kind::ToolCall(llm::ToolCall {
            id: call.id,
            tool: call.tool,
            arguments_json: call.arguments_json,
        }),
        Part::ToolResult(result) => Kind::ToolResult(llm::ToolResult {
            call_id: result.call_id,
            content: result.content,
            is_error: result.is_error,
        }),
        Part::Thinking(thinking) => {
            Kind::Thinking(llm::Thinking { text: thinking.text, signature: thinking.signature })
        }
        Part::Opaque(opaque) => Kind::Opaque(llm::Opaque {
            provider: opaque.provider,
            model: opaque.model,
            content: opaque.content,
        }),
    };
    llm::Part { kind: Some(kind) }
}

/// An answer that came. Parts of kinds that this release does not know are left out.
pub(crate) fn answer_from(message: llm::Message) -> Message {
    Message { role: Role::Assistant, parts: message.parts.into_iter().filter_map(part_from).collect() }
}

fn part_from(part: llm::Part) -> Option<Part> {
    Some(match part.kind? {
        Kind::Text(text) => Part::Text { text },
        Kind::ToolCall(call) => {
            Part::ToolCall(ToolCall { id: call.id, tool: call.tool, arguments_json: call.arguments_json })
        }
        Kind::ToolResult(result) => Part::ToolResult(ToolResult {
            call_id: result.call_id,
            content: result.content,
            is_error: result.is_error,
        }),
        Kind::Thinking(thinking) => {
            Part::Thinking(Thinking { text: thinking.text, signature: thinking.signature })
        }
        Kind::Opaque(opaque) => {
            Part::Opaque(Opaque { provider: opaque.provider, model: opaque.model, content: opaque.content })
        }
    })
}

/// Why a model stopped.
pub(crate) fn finish_reason_from(reason: llm::FinishReason) -> FinishReason {
    match reason {
        llm::FinishReason::Stop => FinishReason::Stop,
        llm::FinishReason::ToolCalls => FinishReason::ToolCalls,
        llm::FinishReason::Length => FinishReason::Length,
        llm::FinishReason::ContentFilter => FinishReason::ContentFilter,
        llm::FinishReason::Unspecified => FinishReason::Other,
    }
}

/// What was used, as the contract has it.
pub(crate) fn usage_to(usage: Usage) -> llm::Usage {
    llm::Usage {
        input_tokens: usage.input_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        estimated: usage.estimated,
    }
}

/// What was used, as the journal has it.
pub(crate) fn usage_from(usage: llm::Usage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        estimated: usage.estimated,
    }
}

/// A tool, as the model is told of it.
pub(crate) fn tool_to(tool: &ToolDefinition) -> llm::ToolDefinition {
    llm::ToolDefinition {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters_json_schema: tool.parameters_json_schema.clone(),
    }
}
