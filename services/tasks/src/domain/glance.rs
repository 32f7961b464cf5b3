//! The end of a conversation at a glance, for a person who is to decide.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::conversation::{Message, Part, Role};

/// Turns at most.
pub const MAX_TURNS: usize = 6;
/// Characters of a turn at most.
pub const MAX_TURN_CHARS: usize = 500;

/// A turn, cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, called or answered; at most [`MAX_TURN_CHARS`] characters.
    pub text: String,
    /// True when there is more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// The last turns, the oldest first. What models keep to themselves is left out.
pub fn last_turns(messages: &[Arc<Message>]) -> Vec<Turn> {
    let from = messages.len().saturating_sub(MAX_TURNS);
    messages[from..].iter().map(|message| turn(message)).collect()
}

fn turn(message: &Message) -> Turn {
    let mut text = String::new();
    for part in &message.parts {
        let said = match part {
            Part::Text { text } => text.trim().to_owned(),
            Part::ToolCall(call) => format!("→ {} {}", call.tool, call.arguments_json),
            Part::ToolResult(result) if result.is_error => format!("← failed: {}", result.content),
            Part::ToolResult(result) => format!("← {}", result.content),
            _ => String::new(),
        };
        if !said.is_empty() {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(&said);
        }
    }
    match text.char_indices().nth(MAX_TURN_CHARS) {
        Some((end, _)) => Turn { role: message.role, text: text[..end].to_owned(), cut: true },
        None => Turn { role: message.role, text, cut: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::{ToolCall, ToolResult};

    #[test]
    fn turns_are_the_last_ones_and_cut_at_their_edge() {
        let said = |text: String| Arc::new(Message { role: Role::User, parts: vec![Part::Text { text }] });
        let all: Vec<_> = (0..=MAX_TURNS).map(|at| said(at.to_string())).collect();
        let turns = last_turns(&all);
        assert_eq!((turns.len(), turns[0].text.as_str()), (MAX_TURNS, "1"));
        for (chars, cut) in [(MAX_TURN_CHARS, false), (MAX_TURN_CHARS + 1, true)] {
            let turns = last_turns(&[said("é".repeat(chars))]);
            assert_eq!((turns[0].text.chars().count(), turns[0].cut), (MAX_TURN_CHARS, cut));
        }
        assert!(last_turns(&[]).is_empty());
    }

    #[test]
    fn calls_and_results_are_named_and_what_a_model_keeps_to_itself_is_left_out() {
        let call = ToolCall { id: "a".into(), tool: "http_fetch".into(), arguments_json: "{}".into() };
        let result = |is_error| {
            Part::ToolResult(ToolResult { call_id: "a".into(), content: "Gone.".into(), is_error })
        };
        let thinking = crate::domain::conversation::Thinking { text: "Hm.".into(), signature: Vec::new() };
        let message = |role, parts| Arc::new(Message { role, parts });
        let turns = last_turns(&[
            message(
                Role::Assistant,
                vec![Part::Thinking(thinking), Part::Text { text: "I look.".into() }, Part::ToolCall(call)],
            ),
            message(Role::Tool, vec![result(true), result(false)]),
        ]);
        let texts: Vec<_> = turns.iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!(texts, ["I look.\n→ http_fetch {}", "← failed: Gone.\n← Gone."]);
    }
}
