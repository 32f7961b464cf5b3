//! What an RPC answers, as HTTP says it: canonical JSON, or the bytes of a `google.api.HttpBody`, in one piece or in many.

use bytes::Bytes;
use mc_chassis::Failure;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use serde_json::value::RawValue;

use crate::contract::binding::Binding;

/// A reply in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A message.
    Message {
        /// As canonical JSON.
        json: Bytes,
        /// Etag of the one resource that it holds, unquoted.
        etag: Option<String>,
    },
    /// Content of a type of its own.
    Content {
        /// Its media type.
        media_type: String,
        /// The bytes.
        data: Bytes,
    },
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where the stream goes on after it, if it says so.
    pub cursor: Option<String>,
    /// The message as canonical JSON.
    pub json: String,
}

/// Reads the bytes of a unary reply.
pub fn read(binding: &Binding, bytes: Bytes) -> Result<Reply, Failure> {
    let mut message = decode(binding, bytes)?;
    if is_content(binding) {
        let (media_type, data) = content(&mut message);
        return Ok(Reply::Content { media_type, data });
    }
    let etag = etag(&message);
    let json = match &binding.reply_field {
        None => write(&message)?,
        Some(field) => {
            let mut json = to_value(&message)?;
            let value = json.get_mut(field.json_name()).map(serde_json::Value::take).unwrap_or_default();
            serde_json::to_vec(&value).map_err(|error| unwritable(&message, &error))?
        }
    };
    Ok(Reply::Message { json: json.into(), etag })
}

/// True when an RPC answers with bytes of a type of their own.
pub fn is_content(binding: &Binding) -> bool {
    binding.rpc.output().full_name() == "google.api.HttpBody"
}

/// Reads one piece of content: its media type, which the first piece alone has to have, and its bytes.
pub fn read_content(binding: &Binding, bytes: Bytes) -> Result<(String, Bytes), Failure> {
    Ok(content(&mut decode(binding, bytes)?))
}

fn content(message: &mut DynamicMessage) -> (String, Bytes) {
    let text = message.get_field_by_name("content_type").and_then(|value| value.as_str().map(str::to_owned));
    let data = message.take_field_by_name("data").and_then(|value| value.as_bytes().cloned());
    (text.unwrap_or_default(), data.unwrap_or_default())
}

/// Reads the bytes of one reply of a stream.
pub fn read_event(binding: &Binding, bytes: Bytes) -> Result<Event, Failure> {
    let message = decode(binding, bytes)?;
    let cursor = binding.cursor.as_ref().and_then(|cursor| cursor.of(&message));
    let json = String::from_utf8(write(&message)?).map_err(|_| Failure::internal())?;
    Ok(Event { cursor, json })
}

/// A message of the contract as canonical JSON.
pub fn to_json<M: prost::Message + prost::Name>(message: &M) -> Result<Box<RawValue>, Failure> {
    let name = M::full_name();
    let descriptor = mc_proto::descriptors().get_message_by_name(&name).ok_or_else(Failure::internal)?;
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(message).map_err(|error| {
        tracing::error!(message = name, %error, "a message does not fit its descriptor");
        Failure::internal()
    })?;
    let text = String::from_utf8(write(&dynamic)?).map_err(|_| Failure::internal())?;
    RawValue::from_string(text).map_err(|_| Failure::internal())
}

fn decode(binding: &Binding, bytes: Bytes) -> Result<DynamicMessage, Failure> {
    DynamicMessage::decode(binding.rpc.output(), bytes).map_err(|error| {
        tracing::error!(rpc = binding.rpc.full_name(), %error, "upstream's reply is not what the contract says");
        Failure::internal()
    })
}

fn write(message: &DynamicMessage) -> Result<Vec<u8>, Failure> {
    let mut writer = serde_json::Serializer::new(Vec::with_capacity(256));
    message
        .serialize_with_options(&mut writer, &mc_proto::json::write_options())
        .map_err(|error| unwritable(message, &error))?;
    Ok(writer.into_inner())
}

fn to_value(message: &DynamicMessage) -> Result<serde_json::Value, Failure> {
    message
        .serialize_with_options(serde_json::value::Serializer, &mc_proto::json::write_options())
        .map_err(|error| unwritable(message, &error))
}

/// For example a Timestamp in the year 10000.
fn unwritable(message: &DynamicMessage, error: &serde_json::Error) -> Failure {
    tracing::error!(message = message.descriptor().full_name(), %error, "a reply has no JSON form");
    Failure::internal()
}

/// The etag of the reply, or of the one message in it that has any.
fn etag(message: &DynamicMessage) -> Option<String> {
    let own = |message: &DynamicMessage| {
        let text = message.get_field_by_name("etag")?.as_str()?.to_owned();
        (!text.is_empty()).then_some(text)
    };
    own(message).or_else(|| {
        let mut etags = message.fields().filter_map(|(_, value)| match value {
            Value::Message(inner) => own(inner),
            _ => None,
        });
        etags.next().filter(|_| etags.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use mc_proto::google::api::HttpBody;
    use mc_proto::registry::v1::{Agent, CreateAgentResponse, ListAgentsResponse};
    use prost::Message;

    use super::*;
    use crate::contract::binding;

    fn bound(rpc: &str) -> Binding {
        let bindings = binding::read(mc_proto::descriptors()).expect("the contract is sound");
        bindings.into_iter().find(|binding| binding.rpc.name() == rpc).expect("bound")
    }

    #[test]
    fn etag_of_the_one_resource_comes_out() {
        let agent = Agent { name: "workspaces/w/agents/a".into(), etag: "e1".into(), ..Agent::default() };
        let created = CreateAgentResponse { agent: Some(agent.clone()) };
        let Reply::Message { json, etag } =
            read(&bound("CreateAgent"), created.encode_to_vec().into()).expect("read")
        else {
            panic!("a message")
        };
        assert_eq!(etag.as_deref(), Some("e1"));
        assert_eq!(json, r#"{"agent":{"name":"workspaces/w/agents/a","etag":"e1"}}"#);
        let list = ListAgentsResponse { agents: vec![agent], next_page_token: String::new() };
        let reply = read(&bound("ListAgents"), list.encode_to_vec().into()).expect("read");
        assert!(matches!(reply, Reply::Message { etag: None, .. }));
    }

    #[test]
    fn http_body_is_bytes() {
        let body =
            HttpBody { content_type: "text/markdown".into(), data: b"# hi\xff".to_vec(), extensions: vec![] };
        let reply = read(&bound("DownloadArtifact"), body.encode_to_vec().into()).expect("read");
        let data = Bytes::from_static(b"# hi\xff");
        assert_eq!(reply, Reply::Content { media_type: "text/markdown".into(), data });
    }

    #[test]
    fn garbage_and_values_without_json_are_internal() {
        let garbage = read(&bound("GetAgent"), Bytes::from_static(b"\xff\xff")).expect_err("refused");
        assert_eq!(garbage.reason(), "INTERNAL");
        let time = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        let agent = Agent { create_time: Some(time), ..Agent::default() };
        let reply = CreateAgentResponse { agent: Some(agent) }.encode_to_vec();
        assert_eq!(read(&bound("CreateAgent"), reply.into()).expect_err("refused").reason(), "INTERNAL");
    }
}
