//! What scripts may quote from the conversation: `{{task}}`, `{{brief}}`, `{{url}}`, `{{last_result}}`,
//! `{{last_user}}`, `{{turn}}`.

use serde_json::Value;

use crate::domain::ask::Ask;
use crate::domain::conversation::{Message, Part, Role};

/// Longest quotation of one line, in characters.
const MAX_LINE_CHARS: usize = 120;
/// Longest quotation, in characters.
const MAX_TEXT_CHARS: usize = 1_500;

/// The words of a conversation that scripts may quote.
pub(super) struct Facts {
    turn: usize,
    words: Vec<(&'static str, String)>,
}

impl Facts {
    pub(super) fn of(ask: &Ask) -> Self {
        let texts_of = |message: &Message| -> String {
            let texts = message.parts.iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::ToolResult(result) => Some(result.content.as_str()),
                _ => None,
            });
            texts.collect::<Vec<_>>().join("\n")
        };
        let user = |message: &&Message| message.role == Role::User;
        let opening = ask.messages.iter().find(user).map(texts_of).unwrap_or_default();
        let last_user = ask.messages.iter().rfind(user).map(texts_of).unwrap_or_default();
        let last_result = ask
            .messages
            .iter()
            .rev()
            .flat_map(|message| message.parts.iter().rev())
            .find_map(
                |part| if let Part::ToolResult(result) = part { Some(result.content.clone()) } else { None },
            )
            .unwrap_or_else(|| "nothing yet".to_owned());
        let (title, brief) = split_opening(&opening);
        let turn = ask.assistant_turns() + 1;
        let words = vec![
            ("{{task}}", cut(title, MAX_LINE_CHARS)),
            ("{{brief}}", cut(brief, MAX_TEXT_CHARS)),
            ("{{url}}", first_url(brief).to_owned()),
            ("{{last_result}}", cut(&last_result, MAX_TEXT_CHARS)),
            ("{{last_result_line}}", cut(first_line(&last_result), MAX_LINE_CHARS)),
            ("{{last_user}}", cut(&last_user, MAX_TEXT_CHARS)),
            ("{{turn}}", turn.to_string()),
        ];
        Self { turn, words }
    }

    /// The turn that is being played, from 1.
    pub(super) fn turn(&self) -> usize {
        self.turn
    }

    /// A text with its quotations in place. What is quoted is not searched again.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let known = self.words.iter().find(|(name, _)| rest.starts_with(name));
            let (name, word) = known.map_or(("{{", "{{"), |(name, word)| (name, word.as_str()));
            filled.push_str(word);
            rest = &rest[name.len()..];
        }
        filled + rest
    }

    /// The same in every string of a JSON value.
    pub(super) fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (name.clone(), self.fill_json(field))).collect()
            }
            other => other.clone(),
        }
    }
}

/// The first line without its Markdown mark, and what follows it up to the next heading.
fn split_opening<'a>(opening: &'a str) -> (&'a str, &'a str) {
    let opening = opening.trim_start();
    let (head, tail) = opening.split_once('\n').unwrap_or((opening, ""));
    let head = head.trim_start_matches('#').trim();
    let title = head.strip_prefix("Task:").unwrap_or(head).trim();
    let brief = tail.split("\n## ").next().unwrap_or_default().trim();
    let or = |text: &'a str, instead: &'static str| if text.is_empty() { instead } else { text };
    (or(title, "(a task without a title)"), or(brief, "(no further brief)"))
}

/// The first http or https address of a text, without the punctuation behind it.
fn first_url(text: &str) -> &str {
    let begins = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
    let word = text.split(|c: char| c.is_whitespace() || "<>()\"'`".contains(c)).find(begins);
    word.map_or("(no address in the brief)", |word| word.trim_end_matches(['.', ',', ';', ':', '!', '?']))
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}\u{2026}", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::tests::ask;
    use crate::domain::conversation::ToolResult;

    #[test]
    fn words_come_from_the_conversation() {
        let opening =
            "# Task: Count the apples\n\nThere are some.\nCount them.\n\n## Acceptance checks\n1. a number\n";
        let mut ask = ask("simulator/demo", opening);
        let result = ToolResult { call_id: "c".into(), content: "\nfirst\nsecond".into(), is_error: false };
        ask.messages.push(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] });
        let facts = Facts::of(&ask);
        assert_eq!(facts.fill("{{task}}|{{brief}}"), "Count the apples|There are some.\nCount them.");
        assert_eq!(facts.fill("{{last_result_line}} {{turn}} {{other}} {{"), "first 1 {{other}} {{");
    }

    #[test]
    fn address_is_the_first_one_of_the_brief() {
        for (brief, address) in [
            ("Post to http://127.0.0.1:9/letters?a=b. Then stop.", "http://127.0.0.1:9/letters?a=b"),
            ("(see <https://example.com/x>) or http://later.example", "https://example.com/x"),
            ("nowhere", "(no address in the brief)"),
        ] {
            let facts = Facts::of(&ask("simulator/errand", &format!("# Task: Go\n\n{brief}\n")));
            assert_eq!(facts.fill("{{url}}"), address);
        }
    }

    #[test]
    fn quotations_are_cut_and_never_filled_again() {
        let long = format!("{{{{turn}}}}{}", "\u{e9}".repeat(MAX_LINE_CHARS));
        let facts = Facts::of(&ask("simulator/demo", &long));
        let filled = facts.fill("{{task}}");
        assert!(filled.starts_with("{{turn}}") && filled.ends_with('\u{2026}'));
        assert_eq!(filled.chars().count(), MAX_LINE_CHARS + 1);
    }

    #[test]
    fn strings_inside_json_are_filled_and_stay_json() {
        let facts = Facts::of(&ask("simulator/demo", "say \"hi\"\nplease"));
        let value = serde_json::json!({"a": ["{{task}}", 1], "b": {"c": "{{brief}}"}});
        let filled = facts.fill_json(&value);
        assert_eq!(filled, serde_json::json!({"a": ["say \"hi\"", 1], "b": {"c": "please"}}));
    }
}
