//! How much of a conversation fits into a model, and from where on it is to be made shorter.

use crate::domain::brief::AgentSnapshot;

/// Tokens that a model is taken to read and write in one call where nobody says better.
pub const DEFAULT_WINDOW: i64 = 128_000;
/// Percent of the room at which a conversation is made shorter where the agent says nothing.
pub const DEFAULT_PERCENT: i64 = 75;
/// Tokens that are kept free for the answer where the agent names no `max_output_tokens`; at most a quarter of the window.
pub const DEFAULT_RESERVE: i64 = 8_192;

/// What a model reads and writes in one call, and how it is shared out. All in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    tokens: i64,
    reserved: i64,
    percent: i64,
    known: bool,
}

impl Window {
    /// The window of an agent's model. `refused` is the shortest prompt that its provider called too long: the window is no
    /// larger than that, whatever was said of it.
    pub fn of(agent: &AgentSnapshot, refused: Option<i64>) -> Self {
        let said = agent.context.window_tokens.map(i64::from);
        let tokens = said.unwrap_or(DEFAULT_WINDOW).min(refused.unwrap_or(i64::MAX)).max(1);
        let wanted = agent.parameters.max_output_tokens.map_or(DEFAULT_RESERVE.min(tokens / 4), i64::from);
        let percent = agent.context.compact_at_percent.map_or(DEFAULT_PERCENT, i64::from);
        Self {
            tokens,
            // An answer that may take the whole window would leave nothing to be read.
            reserved: wanted.clamp(0, tokens / 2),
            percent: percent.clamp(1, 100),
            known: said.is_some() || refused.is_some(),
        }
    }

    /// All of it.
    pub const fn tokens(self) -> i64 {
        self.tokens
    }

    /// What is kept free for the answer.
    pub const fn reserved(self) -> i64 {
        self.reserved
    }

    /// What a prompt may take.
    pub const fn room(self) -> i64 {
        self.tokens - self.reserved
    }

    /// A prompt longer than this is made shorter.
    pub const fn threshold(self) -> i64 {
        self.room() * self.percent / 100
    }

    /// What it is to come down to, so that as much again can be said before the next time.
    pub const fn target(self) -> i64 {
        self.threshold() / 2
    }

    /// What the newest turns may take that stay as they are; the very newest stay however long they are.
    pub const fn tail(self) -> i64 {
        self.threshold() / 4
    }

    /// Turns that take less than this are not worth a summary.
    pub const fn least(self) -> i64 {
        self.threshold() / 8
    }

    /// Most that a summary may take.
    pub fn summary(self) -> i64 {
        self.least().clamp(64, 4_096)
    }

    /// True when the agent's owner has said it, or the provider by a refusal; it is a guess else.
    pub const fn is_known(self) -> bool {
        self.known
    }
}
