//! Reads a field's value from the text that a path or a query gives, as protobuf's JSON mapping reads strings.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use serde_json::Value as Json;

use super::shape::is_well_known;

/// The value of one `text`, for a list its one element. The error says what is wrong with it.
pub fn parse(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    match field.kind() {
        _ if field.is_map() => Err("is a map and has no form as text".to_owned()),
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Bool => {
            text.parse().map(Value::Bool).map_err(|_| format!("must be true or false, not {text:?}"))
        }
        Kind::Enum(kind) => {
            let value = kind.get_value_by_name(text).or_else(|| kind.get_value(text.parse().ok()?));
            let known = || kind.values().map(|value| value.name().to_owned()).collect::<Vec<_>>().join(", ");
            value
                .map(|value| Value::EnumNumber(value.number()))
                .ok_or_else(|| format!("must be one of {}", known()))
        }
        Kind::Message(message) if message.full_name() == "google.protobuf.FieldMask" => mask(&message, text),
        Kind::Message(message) if message.full_name() == "google.protobuf.BoolValue" => {
            let value = text.parse().map_err(|_| format!("must be true or false, not {text:?}"))?;
            through_json(field, Json::Bool(value))
        }
        Kind::Message(message) if !is_well_known(&message) => {
            Err("is a message; name one of its fields".to_owned())
        }
        _ => through_json(field, Json::String(text.to_owned())),
    }
}

/// Reads `{field: json}` as the field's message: the one reader of numbers, bytes, times and wrappers.
fn through_json(field: &FieldDescriptor, json: Json) -> Result<Value, String> {
    let json = if field.is_list() { Json::Array(vec![json]) } else { json };
    let object = Json::Object([(field.json_name().to_owned(), json)].into_iter().collect());
    let parent = field.parent_message().clone();
    let mut message =
        DynamicMessage::deserialize_with_options(parent, object, &mc_proto::json::read_options())
            .map_err(|error| error.to_string())?;
    let value = message.take_field(field).unwrap_or_else(|| Value::default_value_for_field(field));
    match value {
        Value::List(mut items) => items.pop().ok_or_else(|| "has no value".to_owned()),
        value => Ok(value),
    }
}

/// A mask of paths in either spelling: `displayName,spec.model`.
fn mask(message: &prost_reflect::MessageDescriptor, text: &str) -> Result<Value, String> {
    let mut paths = Vec::new();
    for path in text.split(',').filter(|path| !path.is_empty()) {
        if !path.chars().all(|c| c.is_ascii_alphanumeric() || "_.*".contains(c)) {
            return Err(format!("{path:?} is not a field path"));
        }
        let mut snake = String::with_capacity(path.len() + 4);
        for c in path.chars() {
            if c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        paths.push(Value::String(snake));
    }
    let mut mask = DynamicMessage::new(message.clone());
    mask.set_field_by_name("paths", Value::List(paths));
    Ok(Value::Message(mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str, name: &str, text: &str) -> Result<String, String> {
        let message =
            mc_proto::descriptors().get_message_by_name(&format!("missioncontrol.{message}")).expect(message);
        let field = message.get_field_by_name(name).expect(name);
        let value = parse(&field, text)?;
        assert!(field.is_list() || value.is_valid_for_field(&field), "{name} takes {value:?}");
        Ok(format!("{value:?}"))
    }

    #[test]
    fn every_kind_is_read() {
        for (message, field, text) in [
            ("tasks.v1.ListRunsRequest", "page_size", "7"),
            ("tasks.v1.WatchRunRequest", "after_seq", "9007199254740993"),
            ("tasks.v1.WatchRunRequest", "events_only", "true"),
            ("tasks.v1.ListRunsRequest", "state", "RUN_STATE_FAILED"),
            ("tasks.v1.ListRunsRequest", "state", "4"),
            ("tasks.v1.Task", "acceptance_checks", "builds"),
            ("tasks.v1.Task", "create_time", "2026-11-23T08:00:00.5Z"),
            ("registry.v1.RunLimits", "max_duration", "1.5s"),
            ("registry.v1.ModelParameters", "temperature", "0.25"),
            ("tasks.v1.UpdateTaskRequest", "update_mask", "title,acceptanceChecks,acceptance_checks"),
            ("llm.v1.Thinking", "signature", "aGk="),
        ] {
            read(message, field, text).expect(text);
        }
        let mask = read("tasks.v1.UpdateTaskRequest", "update_mask", "acceptanceChecks,spec.maxTokens,*")
            .expect("mask");
        assert!(
            mask.contains("acceptance_checks") && mask.contains("spec.max_tokens") && mask.contains("\"*\""),
            "{mask}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (message, field, text) in [
            ("tasks.v1.ListRunsRequest", "page_size", ""),
            ("tasks.v1.ListRunsRequest", "page_size", "3000000000"),
            ("tasks.v1.ListRunsRequest", "page_size", "1.5"),
            ("tasks.v1.WatchRunRequest", "events_only", "1"),
            ("tasks.v1.ListRunsRequest", "state", "RUN_STATE_LOST"),
            ("tasks.v1.ListRunsRequest", "state", "99"),
            ("tasks.v1.Task", "create_time", "yesterday"),
            ("registry.v1.RunLimits", "max_duration", "1 day"),
            ("registry.v1.AgentSpec", "limits", "x"),
            ("tasks.v1.UpdateTaskRequest", "update_mask", "a b"),
            ("llm.v1.Thinking", "signature", "%"),
        ] {
            assert!(read(message, field, text).is_err(), "{field}={text}");
        }
    }
}
