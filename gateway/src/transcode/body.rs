//! Reads a JSON body into the request, or into the one field of it that the body is for.

use mc_chassis::Failure;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Json;
use serde_path_to_error::{Path, Segment};
use tonic::Code;

use super::shape::{Shape, field, is_well_known, join};
use crate::contract::behavior::Behavior;
use crate::contract::binding::Body;
use crate::problem::reason;

/// Reads `bytes` into `message`. Answers with the body's shape when there was one.
pub fn read(message: &mut DynamicMessage, body: &Body, bytes: &[u8]) -> Result<Option<Shape>, Failure> {
    use prost_reflect::ReflectMessage;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if matches!(body, Body::None) {
        return Err(Failure::invalid("body", "must be empty: this call takes no body"));
    }
    let shape: Shape = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    let descriptor = message.descriptor();
    match body {
        Body::Field(target) => match target.kind() {
            Kind::Message(inner) if !target.is_list() && !target.is_map() => {
                let value = read_message(&inner, target.name(), &shape, bytes)?;
                message.set_field(target, Value::Message(value));
            }
            _ => {
                let json: Json = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
                let object = Json::Object([(target.json_name().to_owned(), json)].into_iter().collect());
                *message = DynamicMessage::deserialize_with_options(
                    descriptor,
                    object,
                    &mc_proto::json::read_options(),
                )
                .map_err(|error| Failure::invalid(target.name(), error.to_string()))?;
            }
        },
        Body::Whole | Body::None => *message = read_message(&descriptor, "", &shape, bytes)?,
    }
    Ok(Some(shape))
}

fn read_message(
    message: &MessageDescriptor,
    at: &str,
    shape: &Shape,
    bytes: &[u8],
) -> Result<DynamicMessage, Failure> {
    if !matches!(shape, Shape::Object(_)) && !is_well_known(message) {
        return Err(Failure::invalid(if at.is_empty() { "body" } else { at }, "must be a JSON object"));
    }
    let mut violations = Vec::new();
    shape.check(message, at, &mut violations);
    if !violations.is_empty() {
        return Err(Failure::invalid_fields(violations));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let mut value =
        DynamicMessage::deserialize_with_options(message.clone(), tracked, &mc_proto::json::read_options())
            .map_err(|error| Failure::invalid(proto_path(message, at, &track.path()), error.to_string()))?;
    drop_output_only(&mut value);
    Ok(value)
}

/// What the service sets is dropped from what a client sends (AIP-203), so that a resource can be sent back as it was read.
fn drop_output_only(message: &mut DynamicMessage) {
    let dropped: Vec<FieldDescriptor> =
        message.fields().map(|(field, _)| field).filter(|field| Behavior::of(field).output_only).collect();
    for field in dropped {
        message.clear_field(&field);
    }
    for (_, value) in message.fields_mut() {
        match value {
            Value::Message(inner) => drop_output_only(inner),
            Value::List(items) => {
                items.iter_mut().filter_map(Value::as_message_mut).for_each(drop_output_only);
            }
            _ => {}
        }
    }
}

/// Where the reader stopped, in proto names: `agent.spec.tools[1].tool`.
fn proto_path(message: &MessageDescriptor, at: &str, path: &Path) -> String {
    let mut text = at.to_owned();
    let mut parent = Some(message.clone());
    for segment in path {
        match segment {
            Segment::Seq { index } => text = format!("{text}[{index}]"),
            Segment::Map { key } => {
                let found = parent.take().and_then(|parent| field(&parent, key));
                text = join(&text, found.as_ref().map_or(key.as_str(), |field| field.name()));
                parent = found.and_then(|field| field.kind().as_message().cloned());
            }
            _ => {}
        }
    }
    if text.is_empty() { "body".to_owned() } else { text }
}

/// A body that is no JSON, with the place where it stops being any.
pub fn malformed(error: &serde_json::Error) -> Failure {
    Failure::new(Code::InvalidArgument, reason::MALFORMED_JSON, format!("the body is not JSON: {error}"))
        .with("line", error.line().to_string())
        .with("column", error.column().to_string())
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1::{CreateAgentRequest, PublishAgentRequest};

    use super::*;

    fn create(bytes: &[u8]) -> Result<CreateAgentRequest, Failure> {
        let descriptor = mc_proto::descriptors()
            .get_message_by_name("missioncontrol.registry.v1.CreateAgentRequest")
            .expect("it");
        let body = Body::Field(descriptor.get_field_by_name("agent").expect("it"));
        let mut message = DynamicMessage::new(descriptor);
        read(&mut message, &body, bytes)?;
        Ok(message.transcode_to().expect("same type"))
    }

    #[test]
    fn field_body_is_read_and_output_only_is_dropped() {
        let request = create(
            br#"{"displayName": "A", "latestVersion": 9, "createTime": "2026-01-01T00:00:00Z", "spec": {"model": "simulator/demo"}}"#,
        )
        .expect("read");
        let agent = request.agent.expect("set");
        assert_eq!((agent.display_name.as_str(), agent.latest_version, agent.create_time), ("A", 0, None));
        assert_eq!(agent.spec.expect("set").model, "simulator/demo");
    }

    #[test]
    fn whole_body_is_the_request() {
        let descriptor = mc_proto::descriptors()
            .get_message_by_name("missioncontrol.registry.v1.PublishAgentRequest")
            .expect("it");
        let mut message = DynamicMessage::new(descriptor);
        read(&mut message, &Body::Whole, br#" {"note": "why"} "#).expect("read");
        assert_eq!(message.transcode_to::<PublishAgentRequest>().expect("same").note, "why");
        assert!(read(&mut message, &Body::None, b"{}").is_err());
        assert_eq!(read(&mut message, &Body::Whole, b" \n").expect("empty"), None);
    }

    #[test]
    fn malformed_json_tells_its_place() {
        let failure = create(b"{\n  \"displayName\": oops}").expect_err("refused");
        assert_eq!(failure.reason(), reason::MALFORMED_JSON);
        assert_eq!(
            (failure.metadata()["line"].as_str(), failure.metadata()["column"].as_str()),
            ("2", "18"),
            "{failure}"
        );
        assert_eq!(create(b"{} {}").expect_err("refused").reason(), reason::MALFORMED_JSON);
        assert_eq!(create(b"\xff").expect_err("refused").reason(), reason::MALFORMED_JSON);
    }

    #[test]
    fn wrong_value_is_named_by_its_path() {
        for (json, field) in [
            (r#"{"spec": {"tools": [{"tool": "a"}, {"tool": 1}]}}"#, "agent.spec.tools[1].tool"),
            (r#"{"spec": {"limits": {"maxDuration": "soon"}}}"#, "agent.spec.limits.max_duration"),
            (r#"{"spec": {"limits": {"max_steps": 1.5}}}"#, "agent.spec.limits.max_steps"),
            (r#"{"spec": []}"#, "agent.spec"),
            ("[]", "agent"),
            ("null", "agent"),
            ("7", "agent"),
        ] {
            let failure = create(json.as_bytes()).expect_err(json);
            assert_eq!(failure.violations()[0].field, field, "{failure}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_a_crash() {
        let json = format!("{{\"spec\": {}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(create(json.as_bytes()).expect_err("refused").reason(), reason::MALFORMED_JSON);
    }
}
