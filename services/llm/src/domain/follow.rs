//! Following an answer as it grows, from its beginning and at the reader's own pace.
//!
//! A follower remembers how much of each part it has shown, not a queue of events: a slow one gets larger deltas, never
//! gaps, and a late one starts at the beginning. What it holds is bounded by the answer, however slow its reader is.

use super::conversation::Part;

/// Largest text of one delta, in bytes; longer ones are cut at a character.
pub const MAX_DELTA_BYTES: usize = 32 * 1024;

/// What is new to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More text, and how many bytes of text came before it.
    Text(usize, String),
    /// More reasoning, and how many bytes of reasoning came before it.
    Thinking(usize, String),
    /// More of a tool call.
    ToolCall {
        /// Place of the call in the answer, from 0.
        index: usize,
        /// The call's id; only in its first delta.
        id: String,
        /// The tool's name; only in its first delta.
        tool: String,
        /// More of the arguments.
        arguments: String,
    },
}

/// How far one reader has come.
#[derive(Debug, Default)]
pub struct Follower {
    shown: Vec<Option<usize>>,
}

impl Follower {
    /// What this reader has not seen of an answer. The answer may only have grown since it last looked.
    pub fn catch_up(&mut self, parts: &[Part]) -> Vec<Delta> {
        self.shown.resize(parts.len().max(self.shown.len()), None);
        let mut deltas = Vec::new();
        let (mut text_base, mut thinking_base, mut call_index) = (0, 0, 0);
        for (part, shown) in parts.iter().zip(&mut self.shown) {
            let from = shown.unwrap_or(0);
            match part {
                Part::Text(text) => {
                    deltas.extend(pieces(text, from).map(|(at, piece)| Delta::Text(text_base + at, piece)));
                    text_base += text.len();
                    *shown = Some(text.len());
                }
                Part::Thinking(thinking) => {
                    let pieces = pieces(&thinking.text, from);
                    deltas.extend(pieces.map(|(at, piece)| Delta::Thinking(thinking_base + at, piece)));
                    thinking_base += thinking.text.len();
                    *shown = Some(thinking.text.len());
                }
                Part::ToolCall(call) => {
                    let index = call_index;
                    if shown.is_none() {
                        let (id, tool) = (call.id.clone(), call.tool.clone());
                        deltas.push(Delta::ToolCall { index, id, tool, arguments: String::new() });
                    }
                    deltas.extend(pieces(&call.arguments, from).map(|(_, arguments)| Delta::ToolCall {
                        index,
                        id: String::new(),
                        tool: String::new(),
                        arguments,
                    }));
                    call_index += 1;
                    *shown = Some(call.arguments.len());
                }
                Part::ToolResult(_) | Part::Opaque(_) => {}
            }
        }
        deltas
    }
}

/// The rest of a text in pieces, each with its place.
fn pieces(text: &str, from: usize) -> impl Iterator<Item = (usize, String)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        }
        let piece = &rest[..rest.floor_char_boundary(MAX_DELTA_BYTES)];
        let start = at;
        at += piece.len();
        Some((start, piece.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::conversation::ToolCall;
    use super::*;

    #[test]
    fn a_late_reader_gets_everything_and_then_only_what_is_new() {
        let call = |arguments: &str| {
            Part::ToolCall(ToolCall { id: "c".into(), tool: "t".into(), arguments: arguments.into() })
        };
        let mut follower = Follower::default();
        let first = follower.catch_up(&[Part::Text("h\u{e9}".into()), call("{")]);
        assert_eq!(first[0], Delta::Text(0, "h\u{e9}".into()));
        assert!(matches!(&first[1], Delta::ToolCall { index: 0, id, .. } if id == "c"));
        assert!(
            matches!(&first[2], Delta::ToolCall { index: 0, id, arguments, .. } if id.is_empty() && arguments == "{")
        );
        let second = follower.catch_up(&[Part::Text("h\u{e9}".into()), call("{}"), Part::Text("!".into())]);
        assert!(matches!(&second[0], Delta::ToolCall { arguments, .. } if arguments == "}"));
        assert_eq!(second[1], Delta::Text(3, "!".into()));
        assert_eq!(
            follower.catch_up(&[Part::Text("h\u{e9}".into()), call("{}"), Part::Text("!".into())]),
            []
        );
    }

    #[test]
    fn a_tool_call_without_arguments_is_announced_once() {
        let parts = [Part::ToolCall(ToolCall { id: "c".into(), tool: "t".into(), arguments: String::new() })];
        let mut follower = Follower::default();
        assert_eq!(follower.catch_up(&parts).len(), 1);
        assert_eq!(follower.catch_up(&parts), []);
    }

    #[test]
    fn long_text_is_cut_at_characters() {
        let text = "\u{20ac}".repeat(MAX_DELTA_BYTES);
        let deltas = Follower::default().catch_up(&[Part::Text(text.clone())]);
        let mut joined = String::new();
        for delta in deltas {
            let Delta::Text(offset, piece) = delta else { panic!("text only") };
            assert_eq!(offset, joined.len());
            assert!(piece.len() <= MAX_DELTA_BYTES);
            joined.push_str(&piece);
        }
        assert_eq!(joined, text);
    }
}
