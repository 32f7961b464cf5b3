//! The simulator: a provider with no model behind it. It plays scripts, the same way every time, and says so.
//!
//! A model's name is a scenario's name. The turn of the script is the number of turns that the assistant has had, so
//! the simulator keeps no state: the same conversation gets the same answer from any process.

pub mod scenario;
mod substitute;

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;

use self::scenario::{Failing, Reply, Scenario};
use self::substitute::Facts;
use super::{Call, Chunks, Key, Provider};
use crate::domain::accumulate::Chunk;
use crate::domain::conversation::FinishReason;
use crate::domain::fault::{Fault, Kind};
use crate::domain::usage::{Usage, estimate_input};

/// Bytes of a tool call's arguments in one chunk.
const ARGUMENT_PIECE_BYTES: usize = 16;

/// Plays the embedded scenarios.
#[derive(Clone, Copy, Debug)]
pub struct Simulator {
    /// Per cent of the scenarios' own pace at which tokens come: 100 is as written, 0 is at once.
    pub pace_percent: u32,
}

#[async_trait]
impl Provider for Simulator {
    async fn open(&self, call: &Call, _: Option<&Key>) -> Result<Chunks, Fault> {
        let name = call.ask.model.model();
        let scenario = scenario::named(name).ok_or_else(|| {
            let known: Vec<&str> = scenario::all().map(|(name, _)| name).collect();
            Fault::new(
                Kind::Refused,
                format!("the simulator has no script {name:?}; it has {}", known.join(", ")),
            )
        })?;
        let reply = scenario.reply(call.ask.assistant_turns(), call.attempt);
        tokio::time::sleep(self.paced(scenario.pace.first_token_ms)).await;
        let mut chunks = play(name, reply, call);
        if let Some(failing) = &reply.fails {
            if failing.after_tokens == 0 {
                return Err(failing.fault());
            }
            chunks.truncate(failing.after_tokens as usize + 1);
        }
        Ok(self.stream(chunks, scenario, reply.fails.as_ref()))
    }

    async fn models(&self, _: Option<&Key>) -> Result<Vec<String>, Fault> {
        Ok(scenario::all().map(|(name, _)| name.to_owned()).collect())
    }
}

impl Simulator {
    fn paced(self, ms: u64) -> Duration {
        Duration::from_millis(ms * u64::from(self.pace_percent) / 100)
    }

    fn stream(self, chunks: Vec<Chunk>, scenario: &Scenario, failing: Option<&Failing>) -> Chunks {
        let wait = self.paced(scenario.pace.token_ms);
        let end = failing.and_then(|failing| (!failing.silently).then(|| Err(failing.fault())));
        let played = futures::stream::iter(chunks).then(move |chunk| async move {
            if !wait.is_zero() && is_token(&chunk) {
                tokio::time::sleep(wait).await;
            }
            Ok(chunk)
        });
        Box::pin(played.chain(futures::stream::iter(end)))
    }
}

fn is_token(chunk: &Chunk) -> bool {
    matches!(chunk, Chunk::Text(_) | Chunk::Thinking(_) | Chunk::ToolCall { .. })
}

/// The whole reply as chunks: the model's name first, then one chunk for each token, then the end.
fn play(name: &str, reply: &Reply, call: &Call) -> Vec<Chunk> {
    let facts = Facts::of(&call.ask);
    let mut chunks = vec![Chunk::ProviderModel(format!("{name} (scripted; no model)"))];
    chunks.extend(tokens(&facts.fill(&reply.thinking)).map(Chunk::Thinking));
    let reasoning = chunks.len() as u64 - 1;
    chunks.extend(tokens(&facts.fill(&reply.text)).map(Chunk::Text));
    for (index, wanted) in (0u32..).zip(&reply.tool_calls) {
        let id = format!("sim_{}_{index}", facts.turn());
        chunks.push(Chunk::ToolCall {
            index,
            id: Some(id),
            tool: Some(wanted.tool.clone()),
            arguments: String::new(),
        });
        let arguments = match &wanted.arguments_text {
            Some(text) => facts.fill(text),
            None => facts.fill_json(&wanted.arguments).to_string(),
        };
        chunks.extend(pieces(&arguments).map(|arguments| Chunk::ToolCall {
            index,
            id: None,
            tool: None,
            arguments,
        }));
    }
    let usage = Usage {
        input: estimate_input(&call.ask),
        output: chunks.len() as u64 - 1,
        reasoning,
        ..Usage::default()
    };
    let finish = reply.finish.unwrap_or(if reply.tool_calls.is_empty() {
        FinishReason::Stop
    } else {
        FinishReason::ToolCalls
    });
    chunks.push(Chunk::Finish(finish));
    chunks.push(Chunk::Usage(usage, format!("{{\"simulated\":true,\"output_tokens\":{}}}", usage.output)));
    chunks.push(Chunk::Done);
    chunks
}

/// Words with the white space behind them, which is about what a model's tokens are.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned)
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.ceil_char_boundary(ARGUMENT_PIECE_BYTES);
        let (piece, tail) = rest.split_at(at);
        rest = tail;
        (!piece.is_empty()).then(|| piece.to_owned())
    })
}

#[cfg(test)]
#[path = "simulator_tests.rs"]
mod tests;
