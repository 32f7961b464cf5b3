//! The memory behind the stuck-loop detector: which calls gave which results, and how long nothing new has come.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::conversation::{ToolCall, ToolResult};

/// Calls and results seen so far. A call counts as the same when tool, arguments (whatever the order of their keys)
/// and result are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Repeats {
    seen: BTreeSet<u64>,
    /// How often each has come since something new came, that time included.
    since_news: BTreeMap<u64, u32>,
    warned: bool,
}

impl Repeats {
    /// Takes in the calls of one answer with their results. The same call twice in one answer counts once.
    pub(super) fn observe<'a>(&mut self, answered: impl IntoIterator<Item = (&'a ToolCall, &'a ToolResult)>) {
        let signatures: BTreeSet<u64> =
            answered.into_iter().map(|(call, result)| signature(call, result)).collect();
        if !signatures.is_subset(&self.seen) {
            self.since_news.clear();
            self.warned = false;
        }
        for signature in &signatures {
            *self.since_news.entry(*signature).or_default() += 1;
        }
        self.seen.extend(signatures);
    }

    /// Something new came from elsewhere, such as a person's word: what has come until now is counted no more.
    pub(super) fn forgive(&mut self) {
        self.since_news.clear();
        self.warned = false;
    }

    /// Notes that the agent was told.
    pub(super) fn warn(&mut self) {
        self.warned = true;
    }

    /// True once the agent was told of the present streak.
    pub(super) fn warned(&self) -> bool {
        self.warned
    }

    /// How often the most repeated call has come since something new came.
    pub(super) fn most(&self) -> u32 {
        self.since_news.values().copied().max().unwrap_or(0)
    }
}

fn signature(call: &ToolCall, result: &ToolResult) -> u64 {
    let mut hash = Sha256::new();
    for text in [call.tool.as_str(), &canonical(&call.arguments_json), &result.content] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update([u8::from(result.is_error)]);
    let digest: [u8; 32] = hash.finalize().into();
    u64::from_le_bytes(digest[..8].try_into().expect("a SHA-256 has more than 8 bytes"))
}

/// JSON with sorted keys and no blanks; text that is no JSON stays as it is. Keys are sorted here, because whether
/// `serde_json` does it depends on a feature that any other crate may switch on.
fn canonical(text: &str) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(map) => {
                let sorted: BTreeMap<&String, &Value> = map.iter().collect();
                out.push('{');
                for (key, value) in sorted {
                    out.push_str(&Value::from(key.as_str()).to_string());
                    out.push(':');
                    write(value, out);
                    out.push(',');
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(']');
            }
            plain => out.push_str(&plain.to_string()),
        }
    }
    serde_json::from_str::<Value>(text).map_or_else(
        |_| text.to_owned(),
        |value| {
            let mut out = String::with_capacity(text.len());
            write(&value, &mut out);
            out
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(arguments: &str, content: &str) -> (ToolCall, ToolResult) {
        (
            ToolCall { id: "c".into(), tool: "read_artifact".into(), arguments_json: arguments.into() },
            ToolResult { call_id: "c".into(), content: content.into(), is_error: false },
        )
    }

    fn observe(repeats: &mut Repeats, pairs: &[(ToolCall, ToolResult)]) {
        repeats.observe(pairs.iter().map(|(call, result)| (call, result)));
    }

    #[test]
    fn order_of_keys_and_blanks_do_not_make_a_call_new() {
        assert_eq!(
            canonical(r#"{"b":[1, {"y":1,"x":2}],"a":"\u0041"}"#),
            canonical(r#"{"a":"A","b":[1,{"x":2,"y":1}]}"#)
        );
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":"1"}"#));
        assert_eq!(canonical("{cut"), "{cut");
    }

    #[test]
    fn a_new_result_starts_the_count_again() {
        let mut repeats = Repeats::default();
        for _ in 0..3 {
            observe(&mut repeats, &[pair("{}", "same")]);
        }
        assert_eq!(repeats.most(), 3);
        repeats.warn();
        observe(&mut repeats, &[pair("{}", "other")]);
        assert_eq!((repeats.most(), repeats.warned()), (1, false));
    }

    #[test]
    fn a_cycle_of_two_calls_is_a_repetition() {
        let mut repeats = Repeats::default();
        for _ in 0..3 {
            observe(&mut repeats, &[pair(r#"{"a":1}"#, "one")]);
            observe(&mut repeats, &[pair(r#"{"a":2}"#, "two")]);
        }
        assert_eq!(repeats.most(), 3);
    }

    #[test]
    fn one_answer_with_the_same_call_many_times_counts_once() {
        let mut repeats = Repeats::default();
        observe(&mut repeats, &[pair("{}", "same"), pair("{}", "same"), pair("{}", "same")]);
        assert_eq!(repeats.most(), 1);
    }
}
