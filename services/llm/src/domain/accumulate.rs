//! The one state machine that turns a provider's stream into an answer: unique starts, exactly one end, bounded size.
//!
//! Every provider decodes its own wire into [`Chunk`]s; nothing else in this crate knows how answers grow.

use super::conversation::{FinishReason, Message, Opaque, Part, Role, Thinking, ToolCall};
use super::usage::Usage;

/// Parallel tool calls that one answer may hold.
pub const MAX_TOOL_CALLS: usize = 128;

/// One thing that a provider's stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// The model that answers, as the provider names it. The first one counts.
    ProviderModel(String),
    /// More text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// More of a tool call. Id and tool are taken when present; the first of each counts.
    ToolCall {
        /// The provider's place for this call. Another id at the same place is another call.
        index: u32,
        /// The call's id.
        id: Option<String>,
        /// The tool's name.
        tool: Option<String>,
        /// More of the arguments.
        arguments: String,
    },
    /// State to carry, byte-exact.
    Opaque(Vec<u8>),
    /// What was used so far, and the provider's own words for it. The last one counts.
    Usage(Usage, String),
    /// Why the model stopped. The first one counts.
    Finish(FinishReason),
    /// The provider says that nothing follows.
    Done,
}

impl Chunk {
    /// Whether this is part of the answer: once one was seen, a retry could repeat or contradict what was shown.
    pub fn is_semantic(&self) -> bool {
        match self {
            Self::Text(text) | Self::Thinking(text) => !text.is_empty(),
            Self::ToolCall { .. } | Self::Opaque(_) | Self::Finish(_) | Self::Done => true,
            Self::ProviderModel(_) | Self::Usage(..) => false,
        }
    }
}

/// Why a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// More of the answer after its end.
    #[error("the provider went on after it had ended its answer")]
    AfterEnd,
    /// The answer is larger than is kept.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// Bytes that are kept at the most.
        limit: usize,
    },
    /// More parallel tool calls than are kept.
    #[error("the answer has more than {MAX_TOOL_CALLS} tool calls")]
    TooManyToolCalls,
}

/// Why an ended stream is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Neither a finish reason nor an end mark came.
    #[error("the stream ended without saying that the answer was whole")]
    Truncated,
    /// A tool call never got a name.
    #[error("the answer calls a tool without naming it")]
    UnnamedTool,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the model said.
    pub message: Message,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What it used, if the provider said so.
    pub usage: Option<Usage>,
    /// The provider's own words for the usage, as JSON.
    pub raw_usage: Option<String>,
    /// The model as the provider names it; empty if it did not.
    pub provider_model: String,
}

/// An answer that is growing.
#[derive(Debug)]
pub struct Accumulator {
    provider: String,
    model: String,
    mint: String,
    limit: usize,
    bytes: usize,
    parts: Vec<Part>,
    slots: Vec<Slot>,
    calls: usize,
    usage: Option<(Usage, String)>,
    finish: Option<FinishReason>,
    done: bool,
    provider_model: String,
}

/// A tool call as the provider places it, until it has a part of its own.
#[derive(Debug, Default)]
struct Slot {
    index: u32,
    call: ToolCall,
    part: Option<usize>,
}

impl Accumulator {
    /// An empty answer of a provider's model, of at most `limit` bytes. `mint` makes the ids of calls that come without
    /// one unique in the conversation.
    pub fn new(provider: &str, model: &str, mint: &str, limit: usize) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            mint: mint.to_owned(),
            limit,
            bytes: 0,
            parts: Vec::new(),
            slots: Vec::new(),
            calls: 0,
            usage: None,
            finish: None,
            done: false,
            provider_model: String::new(),
        }
    }

    /// What has been said so far, in the order in which it started. Parts only grow at their end.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Bytes of answer so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the provider has said about usage so far.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().map(|(usage, _)| *usage)
    }

    /// What has been said so far, as a message.
    pub fn partial(&self) -> Message {
        Message { role: Role::Assistant, parts: self.parts.clone() }
    }

    /// The model as the provider named it; empty if it did not.
    pub fn provider_model(&self) -> &str {
        &self.provider_model
    }

    /// Takes the next chunk.
    pub fn push(&mut self, chunk: Chunk) -> Result<(), Violation> {
        match chunk {
            Chunk::ProviderModel(name) => {
                if self.provider_model.is_empty() {
                    self.provider_model = name;
                }
                Ok(())
            }
            Chunk::Usage(usage, raw) => {
                self.usage = Some((usage, raw));
                Ok(())
            }
            Chunk::Finish(reason) => {
                self.finish.get_or_insert(reason);
                Ok(())
            }
            Chunk::Done => {
                self.done = true;
                Ok(())
            }
            Chunk::Text(text) if text.is_empty() => Ok(()),
            Chunk::Thinking(text) if text.is_empty() => Ok(()),
            Chunk::Text(text) => {
                self.grow(text.len())?;
                self.start_held_calls();
                match self.parts.last_mut() {
                    Some(Part::Text(so_far)) => so_far.push_str(&text),
                    _ => self.parts.push(Part::Text(text)),
                }
                Ok(())
            }
            Chunk::Thinking(text) => {
                self.grow(text.len())?;
                match self.parts.last_mut() {
                    Some(Part::Thinking(so_far)) => so_far.text.push_str(&text),
                    _ => self.parts.push(Part::Thinking(Thinking { text, signature: Vec::new() })),
                }
                Ok(())
            }
            Chunk::Opaque(content) => {
                self.grow(content.len())?;
                let (provider, model) = (self.provider.clone(), self.model.clone());
                self.parts.push(Part::Opaque(Opaque { provider, model, content }));
                Ok(())
            }
            Chunk::ToolCall { index, id, tool, arguments } => {
                let (id, tool) = (id.unwrap_or_default(), tool.unwrap_or_default());
                self.grow(id.len() + tool.len() + arguments.len())?;
                self.push_call(index, id, tool, &arguments)
            }
        }
    }

    /// Ends the answer. Whole means that the provider gave a reason to stop or its end mark.
    pub fn close(&mut self) -> Result<Answer, Incomplete> {
        if self.finish.is_none() && !self.done {
            return Err(Incomplete::Truncated);
        }
        self.start_held_calls();
        if self.slots.iter().any(|slot| slot.part.is_none()) {
            return Err(Incomplete::UnnamedTool);
        }
        self.done = true;
        let (usage, raw_usage) = self.usage.clone().unzip();
        Ok(Answer {
            message: self.partial(),
            finish_reason: self.finish_reason(),
            usage,
            raw_usage,
            provider_model: self.provider_model.clone(),
        })
    }

    /// Providers disagree on `stop` for answers that call tools, so the calls themselves decide between these two.
    fn finish_reason(&self) -> FinishReason {
        match self.finish {
            Some(reason @ (FinishReason::Length | FinishReason::ContentFilter)) => reason,
            _ if self.calls > 0 => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Violation> {
        if (self.finish.is_some() || self.done) && bytes > 0 {
            return Err(Violation::AfterEnd);
        }
        self.bytes += bytes;
        if self.bytes > self.limit {
            return Err(Violation::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    fn push_call(&mut self, index: u32, id: String, tool: String, arguments: &str) -> Result<(), Violation> {
        let known = self.slots.iter().rposition(|slot| slot.index == index).filter(|&at| {
            let call = &self.slots[at].call;
            id.is_empty() || call.id.is_empty() || call.id == id
        });
        let at = if let Some(at) = known {
            at
        } else {
            if self.slots.len() == MAX_TOOL_CALLS {
                return Err(Violation::TooManyToolCalls);
            }
            self.start_held_calls();
            self.slots.push(Slot { index, ..Slot::default() });
            self.slots.len() - 1
        };
        let slot = &mut self.slots[at];
        if let Some(part) = slot.part {
            if let Part::ToolCall(call) = &mut self.parts[part] {
                call.arguments.push_str(arguments);
            }
            return Ok(());
        }
        if slot.call.id.is_empty() {
            slot.call.id = id;
        }
        if slot.call.tool.is_empty() {
            slot.call.tool = tool;
        }
        slot.call.arguments.push_str(arguments);
        if !slot.call.id.is_empty() && !slot.call.tool.is_empty() {
            self.start(at);
        }
        Ok(())
    }

    /// Starts the calls that have a name and were waiting for an id that did not come.
    fn start_held_calls(&mut self) {
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if slot.part.is_none() && !slot.call.tool.is_empty() {
                if slot.call.id.is_empty() {
                    slot.call.id = format!("call_{}_{at}", self.mint);
                }
                self.start(at);
            }
        }
    }

    fn start(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        slot.part = Some(self.parts.len());
        // The part is the call from here on; the slot keeps the id, to know it again.
        let call = ToolCall { id: slot.call.id.clone(), ..std::mem::take(&mut slot.call) };
        slot.call.id.clone_from(&call.id);
        self.parts.push(Part::ToolCall(call));
        self.calls += 1;
    }
}

#[cfg(test)]
#[path = "accumulate_tests.rs"]
mod tests;
