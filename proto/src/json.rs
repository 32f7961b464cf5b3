//! Canonical protobuf JSON (<https://protobuf.dev/programming-guides/json/>) of generated messages, by way of their descriptors.

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::descriptors;

/// Why a value is not the message it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The JSON does not fit the message; the text says where.
    #[error("{0}")]
    Mismatch(#[from] serde_json::Error),
    /// The bytes do not fit the message.
    #[error("decode message: {0}")]
    Decode(#[from] prost::DecodeError),
}

/// How all of our JSON is written: lowerCamelCase, 64-bit integers as strings, defaults left out.
pub fn write_options() -> SerializeOptions {
    SerializeOptions::new().skip_default_fields(true)
}

/// How JSON is read: an unknown field is refused.
pub fn read_options() -> DeserializeOptions {
    DeserializeOptions::new().deny_unknown_fields(true)
}

/// Writes a message as canonical JSON.
pub fn to_value<M: Message + Name>(message: &M) -> Result<Value, Error> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>());
    dynamic.merge(message.encode_to_vec().as_slice())?;
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &write_options())?)
}

/// Reads a message from canonical JSON.
pub fn from_value<M: Message + Name + Default>(value: &Value) -> Result<M, Error> {
    let dynamic = DynamicMessage::deserialize_with_options(descriptor::<M>(), value, &read_options())?;
    Ok(M::decode(dynamic.encode_to_vec().as_slice())?)
}

fn descriptor<M: Name>() -> MessageDescriptor {
    descriptors()
        .get_message_by_name(&M::full_name())
        .expect("every generated message is in the descriptor set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::v1::{Usage, UsageTotal};

    #[test]
    fn sixty_four_bit_integers_are_strings_and_defaults_are_left_out() {
        let total = UsageTotal {
            generations: 2,
            usage: Some(Usage { input_tokens: 9_007_199_254_740_993, ..Usage::default() }),
            ..UsageTotal::default()
        };
        let json = to_value(&total).expect("write");
        assert_eq!(
            json,
            serde_json::json!({"generations": "2", "usage": {"inputTokens": "9007199254740993"}})
        );
        assert_eq!(from_value::<UsageTotal>(&json).expect("read"), total);
    }

    #[test]
    fn unknown_field_is_refused_by_name() {
        let error =
            from_value::<UsageTotal>(&serde_json::json!({"generation": 1})).expect_err("unknown field");
        assert!(error.to_string().contains("generation"), "{error}");
    }
}
