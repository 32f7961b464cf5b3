//! A conversation as one text, for the call that sums it up: no tools and no roles, so that any model takes it, and always as
//! short as it has to be.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::conversation::{By, Conversation};
use super::{estimate, words};
use crate::domain::conversation::{Message, Part};

/// Characters of one answer of a tool and of the arguments of one call, tried in this order until the whole fits.
const CLIPS: [usize; 6] = [usize::MAX, 16_000, 4_000, 1_000, 250, 60];

/// The turn that asks for a summary of the first `end` turns, of about `most` estimated tokens at most. Where even short
/// pieces of everything are too long, the middle is left out.
pub(super) fn request(conversation: &Conversation, end: usize, most: i64) -> Message {
    let fits = |text: &String| estimate::text(text) <= most;
    let texts = CLIPS.iter().map(|clip| render(conversation, end, *clip));
    let mut last = String::new();
    for text in texts {
        last = text;
        if fits(&last) {
            return Message::user(last);
        }
    }
    Message::user(without_middle(&last, most))
}

fn render(conversation: &Conversation, end: usize, clip: usize) -> String {
    let mut text = String::from("# The task\n");
    let turns = conversation.messages().iter().zip(conversation.marks()).take(end).enumerate();
    let mut heard = false;
    for (place, (message, mark)) in turns {
        if mark.by != By::Task && !heard {
            text.push_str("\n# The conversation, the oldest first\n");
            heard = true;
        }
        let who = match mark.by {
            By::Task => "",
            By::Person => "A person says",
            By::Agent => "The agent",
            By::Tools => "The tools",
            By::Engine => "The engine remarks",
            By::Summary => "An earlier summary",
        };
        if !who.is_empty() {
            let _ = write!(text, "\n## {who}\n");
        }
        for part in &message.parts {
            let _ = match part {
                Part::Text { text: said } => writeln!(text, "{}", said.trim()),
                Part::ToolCall(call) => {
                    writeln!(text, "calls `{}` with {}", call.tool, clipped(&call.arguments_json, clip))
                }
                Part::ToolResult(result) => {
                    let tool = conversation.call_of(place, result).map_or("?", |call| call.tool.as_str());
                    let how = if result.is_error { "failed" } else { "answered" };
                    writeln!(text, "`{tool}` {how}: {}", clipped(&result.content, clip))
                }
                // What a model keeps to itself is not its result.
                Part::Thinking(_) | Part::Opaque(_) => Ok(()),
            };
        }
    }
    let _ = write!(text, "\n# What to do\n{}", words::SUMMARY_REQUEST);
    text
}

fn clipped(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => text.into(),
        Some((end, _)) => format!("{} [cut here; {} bytes in all]", &text[..end], text.len()).into(),
    }
}

/// The beginning and the end of a text, which tell the task and what to do; a token has one byte at least.
fn without_middle(text: &str, most: i64) -> String {
    let half = usize::try_from(most / 2).unwrap_or_default();
    let start = text.floor_char_boundary(half);
    let end = text.ceil_char_boundary(text.len().saturating_sub(half.max(words::SUMMARY_REQUEST.len() + 32)));
    if start >= end {
        return text.to_owned();
    }
    format!("{}\n[The middle is left out here.]\n{}", &text[..start], &text[end..])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::conversation::{Role, Thinking, ToolCall, ToolResult};

    fn conversation(result: &str) -> Conversation {
        let mut conversation = Conversation::default();
        conversation.push(1, By::Task, Arc::new(Message::user("Compare the drafts.")));
        let call =
            ToolCall { id: "a".into(), tool: "http_fetch".into(), arguments_json: r#"{"url":"u"}"#.into() };
        let parts = vec![
            Part::Thinking(Thinking { text: "Secret.".into(), signature: vec![1] }),
            Part::Text { text: "I look.".into() },
            Part::ToolCall(call),
        ];
        conversation.push(4, By::Agent, Arc::new(Message { role: Role::Assistant, parts }));
        let result = ToolResult { call_id: "a".into(), content: result.into(), is_error: true };
        let tools = Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] };
        conversation.push(6, By::Tools, Arc::new(tools));
        conversation.push(8, By::Person, Arc::new(Message::user("Be quick.")));
        conversation
    }

    fn text(message: &Message) -> &str {
        match message.parts.as_slice() {
            [Part::Text { text }] => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_that_was_said_is_in_it_but_for_thoughts() {
        let asked = request(&conversation("no such page"), 4, 10_000);
        let expected = "# The task\nCompare the drafts.\n\n# The conversation, the oldest first\n\n## The agent\nI look.\ncalls \
            `http_fetch` with {\"url\":\"u\"}\n\n## The tools\n`http_fetch` failed: no such page\n\n## A person says\nBe quick.\n\
            \n# What to do\n";
        assert!(text(&asked).starts_with(expected), "{}", text(&asked));
        assert!(!text(&request(&conversation("x"), 3, 10_000)).contains("Be quick."), "only so many turns");
    }

    #[test]
    fn it_is_clipped_until_it_fits_and_then_loses_its_middle() {
        let long = conversation(&"x".repeat(100_000));
        for most in [30_000, 24_000, 4_000, 1_000, 700, 600] {
            let asked = request(&long, 4, most);
            assert!(estimate::text(text(&asked)) <= most, "{most}");
            assert!(text(&asked).ends_with("take over what still matters."), "{most}");
        }
        let tiny = request(&long, 4, 100);
        assert!(
            text(&tiny).contains("[The middle is left out here.]") && text(&tiny).ends_with("still matters.")
        );
    }
}
