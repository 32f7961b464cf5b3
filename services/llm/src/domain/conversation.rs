//! The canonical conversation: what is sent to any model, and what comes back.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, or the engine on their behalf.
    User,
    /// The model.
    Assistant,
    /// Results of the tools that the model called.
    Tool,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Plain text.
    Text(String),
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// What a tool answered.
    ToolResult(ToolResult),
    /// What the model thought aloud.
    Thinking(Thinking),
    /// Provider state that is carried and not read.
    Opaque(Opaque),
}

/// A model's wish to use a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of this call, or one that we minted where it gave none.
    pub id: String,
    /// Name of the tool.
    pub tool: String,
    /// Arguments exactly as the model wrote them.
    pub arguments: String,
}

/// A tool's answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// [`ToolCall::id`] that this answers.
    pub call_id: String,
    /// The answer, as the model shall read it.
    pub content: String,
    /// True when the tool failed and `content` says how.
    pub is_error: bool,
}

/// Reasoning that a model shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinking {
    /// The text.
    pub text: String,
    /// The provider's signature over it, byte-exact; empty where it gives none.
    #[serde(with = "base64_bytes", default)]
    pub signature: Vec<u8>,
}

/// State of a provider, byte-exact, never replayed to another provider or model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Provider that made it.
    pub provider: String,
    /// Model that made it.
    pub model: String,
    /// The bytes as they came.
    #[serde(with = "base64_bytes")]
    pub content: Vec<u8>,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of its arguments, as the caller wrote it.
    pub parameters_json_schema: String,
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It had said all.
    Stop,
    /// It wants tools.
    ToolCalls,
    /// The answer hit its token limit and is cut.
    Length,
    /// The provider withheld the answer.
    ContentFilter,
}

impl FinishReason {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::ToolCalls => "tool_calls",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
        }
    }

    /// The reason that [`Self::as_str`] wrote.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Stop, Self::ToolCalls, Self::Length, Self::ContentFilter]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// How answers are sampled; `None` leaves the provider's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Tokens of the answer, at least 1.
    pub max_output_tokens: Option<u32>,
    /// For providers that take one.
    pub seed: Option<i64>,
}

mod base64_bytes {
    //! Bytes as standard base64 text in JSON.

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stored_messages_come_back_byte_for_byte(
            text in ".*",
            arguments in ".*",
            signature in proptest::collection::vec(any::<u8>(), 0..64),
            content in proptest::collection::vec(any::<u8>(), 0..256),
        ) {
            let message = Message {
                role: Role::Assistant,
                parts: vec![
                    Part::Thinking(Thinking { text: text.clone(), signature }),
                    Part::Text(text),
                    Part::ToolCall(ToolCall { id: "a".into(), tool: "b".into(), arguments }),
                    Part::Opaque(Opaque { provider: "p".into(), model: "m".into(), content }),
                ],
            };
            let stored = serde_json::to_string(&message).expect("write");
            prop_assert_eq!(serde_json::from_str::<Message>(&stored).expect("read"), message);
        }
    }

    #[test]
    fn every_finish_reason_survives_storage() {
        for reason in
            [FinishReason::Stop, FinishReason::ToolCalls, FinishReason::Length, FinishReason::ContentFilter]
        {
            assert_eq!(FinishReason::from_stored(reason.as_str()), Some(reason));
        }
        assert_eq!(FinishReason::from_stored("other"), None);
    }
}
