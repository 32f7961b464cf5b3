//! How many tokens a text takes, without asking anybody: rather too many than too few.

use crate::domain::brief::Prompt;
use crate::domain::conversation::{Message, Part};

/// What a turn takes besides its parts.
const TURN: i64 = 4;
/// What a part takes besides its text.
const PART: i64 = 4;

/// Tokens of a text. Of letters and blanks of English four make a token, of digits and signs two, and of other scripts a
/// character is one or more.
pub fn text(text: &str) -> i64 {
    let quarters: i64 = text
        .chars()
        .map(|char| match char.len_utf8() {
            1 if char.is_ascii_alphabetic() || char == ' ' => 1,
            1 | 2 => 2,
            3 => 4,
            _ => 8,
        })
        .sum();
    (quarters + 3) / 4
}

/// Tokens of a part of a turn.
pub fn part(part: &Part) -> i64 {
    PART + match part {
        Part::Text { text: said } => text(said),
        Part::ToolCall(call) => text(&call.id) + text(&call.tool) + text(&call.arguments_json),
        Part::ToolResult(result) => text(&result.call_id) + text(&result.content),
        // Signatures travel as base64, of which about two characters make a token.
        Part::Thinking(thinking) => text(&thinking.text) + bytes(&thinking.signature),
        Part::Opaque(opaque) => bytes(&opaque.content),
    }
}

fn bytes(bytes: &[u8]) -> i64 {
    (bytes.len() as i64 * 2 + 2) / 3
}

/// Tokens of a turn.
pub fn message(message: &Message) -> i64 {
    TURN + message.parts.iter().map(part).sum::<i64>()
}

/// Tokens of what every prompt of a run begins with: the system prompt and the tools.
pub fn beginning(prompt: &Prompt) -> i64 {
    let tools = prompt
        .tools
        .iter()
        .map(|tool| PART + text(&tool.name) + text(&tool.description) + text(&tool.parameters_json_schema));
    TURN + text(&prompt.system) + tools.sum::<i64>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scripts_and_signs_count_as_they_are_cut() {
        for (said, tokens) in [
            ("", 0),
            ("a", 1),
            ("four", 1),
            ("five5", 2),
            ("The quick brown fox", 5),
            ("{\"a\":1}", 4),
            ("Größe", 2),
            ("日本語", 3),
            ("😀", 2),
        ] {
            assert_eq!(text(said), tokens, "{said}");
        }
    }

    #[test]
    fn nothing_that_is_sent_is_free() {
        let empty = Message { role: crate::domain::conversation::Role::User, parts: vec![] };
        assert_eq!(message(&empty), TURN);
        assert_eq!(message(&Message::user("")), TURN + PART);
        assert_eq!(bytes(&[0; 3]), 2);
    }

    proptest! {
        #[test]
        fn a_longer_text_never_takes_fewer_tokens_and_pieces_never_less_than_the_whole(a in ".{0,80}", b in ".{0,80}") {
            let whole = text(&format!("{a}{b}"));
            prop_assert!(whole >= text(&a) && whole >= text(&b));
            prop_assert!(whole <= text(&a) + text(&b));
            // Byte-pair vocabularies hold every byte, so no text takes more tokens than bytes.
            prop_assert!(text(&a) <= a.len() as i64);
        }
    }
}
