//! The bound on an event's size: what is larger is an artifact of its run, and the journal has it cut, with the artifact's id.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DecodeError, Event};
use crate::domain::conversation::{Message, Part};
use crate::domain::id::ArtifactId;

/// Bytes of an event's JSON in the journal at most.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Bytes of the whole JSON of an event at most: a file of 4 MiB in the arguments of a call, with room for its quotation marks.
pub const MAX_WHOLE_BYTES: usize = 12 * 1024 * 1024;
/// What a byte of text may become in JSON: `\u0000`.
const WORST_ESCAPE: usize = 6;
/// Bytes of all that is no text of a model or a tool: names, numbers, ids.
const FRAME: usize = 4 * 1024;
/// Bytes of a text and members of a list that are left, tried one after the other until the event fits. The bytes are
/// multiples of four, so that base64 is still base64.
const CUTS: [(usize, usize); 3] = [(4096, 1000), (1024, 100), (64, 50)];

/// Where the whole of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// The artifact whose content is the event's JSON.
    pub artifact: ArtifactId,
    /// Its bytes.
    pub size_bytes: u64,
}

impl Event {
    /// The event's JSON, if that is more than the journal takes.
    pub fn oversized(&self) -> Option<String> {
        if self.text_bytes().is_some_and(|bytes| bytes * WORST_ESCAPE + FRAME <= MAX_EVENT_BYTES) {
            return None;
        }
        let json = self.to_json();
        (json.len() > MAX_EVENT_BYTES).then_some(json)
    }

    /// Bytes of what it quotes, where that is all that can be large; for the many events of which it need not be written
    /// out to know that they fit.
    fn text_bytes(&self) -> Option<usize> {
        match self {
            Self::Started(_) | Self::TakenOver(_) | Self::ModelCallStarted(_) => Some(0),
            Self::ModelCallCompleted(call) => Some(call.generation.len() + message_bytes(&call.message)),
            Self::ToolCallStarted(call) => {
                Some(call.call_id.len() + call.tool.len() + call.arguments_json.len())
            }
            Self::ToolCallCompleted(call) => Some(call.call_id.len() + call.tool.len() + call.content.len()),
            _ => None,
        }
    }
}

fn message_bytes(message: &Message) -> usize {
    let bytes = |part: &Part| match part {
        Part::Text { text } => text.len(),
        Part::ToolCall(call) => call.id.len() + call.tool.len() + call.arguments_json.len(),
        Part::ToolResult(result) => result.call_id.len() + result.content.len(),
        Part::Thinking(thinking) => thinking.text.len() + thinking.signature.len(),
        Part::Opaque(opaque) => opaque.provider.len() + opaque.model.len() + opaque.content.len(),
    };
    // What stands around each part counts as text too.
    message.parts.iter().map(|part| bytes(part) + 64).sum()
}

/// An event's JSON as the journal has it instead: an event of the same kind, its long texts cut, which says where the whole
/// is. At most [`MAX_EVENT_BYTES`] long.
///
/// # Errors
/// `json` is none.
pub fn cut(json: &str, whole: Whole) -> Result<String, serde_json::Error> {
    let value: Value = serde_json::from_str(json)?;
    let mut text = String::new();
    for (bytes, members) in CUTS {
        let mut value = value.clone();
        shorten(&mut value, bytes, members);
        value["whole"] = serde_json::to_value(whole)?;
        text = value.to_string();
        if text.len() <= MAX_EVENT_BYTES {
            break;
        }
    }
    Ok(text)
}

fn shorten(value: &mut Value, bytes: usize, members: usize) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(bytes)),
        Value::Array(list) => {
            list.truncate(members);
            for one in list {
                shorten(one, bytes, members);
            }
        }
        Value::Object(map) => {
            for one in map.values_mut() {
                shorten(one, bytes, members);
            }
        }
        _ => {}
    }
}

/// Where the whole of an event is; none if the journal has it whole.
///
/// # Errors
/// `json` is no event.
pub fn whole_of(json: &str) -> Result<Option<Whole>, DecodeError> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(default)]
        whole: Option<Whole>,
    }
    Ok(serde_json::from_str::<Header>(json)?.whole)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::conversation::{FinishReason, Opaque, Role, Thinking, ToolCall, Usage};
    use crate::domain::event::{EffectClass, ModelCallCompleted, ToolCallStarted};

    fn answer(parts: Vec<Part>) -> Event {
        Event::ModelCallCompleted(ModelCallCompleted {
            step: 3,
            attempt: 2,
            message: Message { role: Role::Assistant, parts },
            finish_reason: FinishReason::ToolCalls,
            usage: Usage { output_tokens: 7, ..Usage::default() },
            cost_nano_usd: Some(1),
            generation: "workspaces/w/generations/g".into(),
            duration_ms: 5,
        })
    }

    fn started(bytes: usize) -> Event {
        Event::ToolCallStarted(ToolCallStarted {
            step: 1,
            call_id: "c".into(),
            tool: "write_artifact".into(),
            arguments_json: "x".repeat(bytes),
            effect_class: EffectClass::Pure,
            idempotency_key: "k".into(),
            attempt: 1,
        })
    }

    fn whole(json: &str) -> Whole {
        Whole { artifact: ArtifactId::new(Uuid::from_u128(9)), size_bytes: json.len() as u64 }
    }

    #[test]
    fn an_event_of_the_limit_is_whole_and_one_byte_more_is_not() {
        let frame = started(0).to_json().len();
        assert_eq!(started(MAX_EVENT_BYTES - frame).oversized(), None);
        let json = started(MAX_EVENT_BYTES - frame + 1).oversized().expect("one byte more");
        assert_eq!(json.len(), MAX_EVENT_BYTES + 1);
        let cut = cut(&json, whole(&json)).expect("JSON");
        assert!(cut.len() < 5_000, "{}", cut.len());
        assert_eq!(whole_of(&cut).expect("an event"), Some(whole(&json)));
        assert_eq!(whole_of(&json).expect("an event"), None);
    }

    #[test]
    fn what_is_cut_is_an_event_of_the_same_kind_however_it_is_made_up() {
        let text = |unit: &str, times| Part::Text { text: unit.repeat(times) };
        let call = |id: usize| {
            Part::ToolCall(ToolCall {
                id: format!("c{id}"),
                tool: "http_request".into(),
                arguments_json: "\u{1}\"\\".repeat(2_000),
            })
        };
        let bytes = vec![0xff; 1_000_000];
        let events = [
            answer(vec![text("\u{1f600}", 100_000)]),
            answer((0..400).map(call).collect()),
            answer(vec![text("\0", 3_000); 2_000]),
            answer(vec![
                Part::Thinking(Thinking { text: "Hm.".repeat(90_000), signature: bytes.clone() }),
                Part::Opaque(Opaque { provider: "p".into(), model: "m".into(), content: bytes }),
            ]),
        ];
        for event in events {
            let json = event.oversized().expect("large");
            let cut = cut(&json, whole(&json)).expect("JSON");
            assert!(cut.len() <= MAX_EVENT_BYTES, "{} of {}", cut.len(), json.len());
            let read = Event::from_json(&cut).expect("an event still");
            assert_eq!((read.kind(), read.step()), (event.kind(), event.step()));
        }
    }

    #[test]
    fn small_escapes_add_up_and_are_seen() {
        // Short by its bytes, and long as JSON.
        let event = answer(vec![Part::Text { text: "\u{1}".repeat(MAX_EVENT_BYTES / 5) }]);
        assert!(event.oversized().is_some());
        let parts = vec![Part::Text { text: String::new() }; 20_000];
        assert!(answer(parts).oversized().is_some(), "many parts without a word");
    }
}
