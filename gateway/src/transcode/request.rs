//! Puts a request together from its path, its headers, its query and its body, each field from one place.
//!
//! The body may repeat what the path says; anything else that is said twice is refused by name.

use mc_chassis::Failure;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use super::shape::{Shape, violation};
use super::{body, query, scalar};
use crate::contract::binding::{Binding, Body, resolve};

/// What a request is made of.
#[derive(Debug, Default, Clone, Copy)]
pub struct Parts<'a> {
    /// Fields that the path gives, decoded.
    pub path: &'a [(&'a str, String)],
    /// The query, still encoded.
    pub query: &'a str,
    /// The body; empty when there is none.
    pub body: &'a [u8],
    /// `Idempotency-Key`, for the field `request_id`.
    pub idempotency_key: Option<&'a str>,
    /// `If-Match`, for the field `etag`.
    pub if_match: Option<&'a str>,
    /// `Last-Event-ID`, for the field that takes the stream's cursor. It wins over the query, because a browser that
    /// reconnects repeats the query of its first request.
    pub last_event_id: Option<&'a str>,
}

/// Puts the request together.
pub fn assemble(binding: &Binding, parts: Parts<'_>) -> Result<DynamicMessage, Failure> {
    let mut message = DynamicMessage::new(binding.rpc.input());
    let shape = body::read(&mut message, &binding.body, parts.body)?;
    let mut taken = Vec::new();
    for (path, text) in parts.path {
        bind_path(&mut message, path, text)?;
        taken.push(*path);
    }
    query::bind(&mut message, parts.query, &binding.body, &taken).map_err(Failure::invalid_fields)?;
    if let Some(key) = parts.idempotency_key {
        bind_idempotency_key(&mut message, key)?;
    }
    if let Some(etag) = parts.if_match {
        bind_if_match(&mut message, binding, etag)?;
    }
    if let (Some(cursor), Some(id)) = (&binding.cursor, parts.last_event_id) {
        let value = scalar::parse(&cursor.request_field, id)
            .map_err(|problem| Failure::invalid("Last-Event-ID", problem))?;
        message.set_field(&cursor.request_field, value);
    }
    if binding.method == http::Method::PATCH {
        infer_mask(&mut message, &binding.body, shape.as_ref())?;
    }
    Ok(message)
}

fn bind_path(message: &mut DynamicMessage, path: &str, text: &str) -> Result<(), Failure> {
    use prost_reflect::ReflectMessage;
    let fields = resolve(&message.descriptor(), path).map_err(|_| Failure::internal())?;
    let (last, parents) = fields.split_last().ok_or_else(Failure::internal)?;
    let value = scalar::parse(last, text).map_err(|problem| Failure::invalid(path, problem))?;
    let mut target = message;
    for parent in parents {
        target = target.get_field_mut(parent).as_message_mut().ok_or_else(Failure::internal)?;
    }
    if target.has_field(last) && *target.get_field(last) != value {
        return Err(Failure::invalid(
            path,
            format!("is {text:?} in the path and something else in the body"),
        ));
    }
    target.set_field(last, value);
    Ok(())
}

/// Sets `request_id` where the call has one. A call that has none is safe to repeat as it is.
fn bind_idempotency_key(message: &mut DynamicMessage, header: &str) -> Result<(), Failure> {
    use prost_reflect::ReflectMessage;
    let key = unquote(header);
    if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::invalid("Idempotency-Key", "must be 1 to 128 visible ASCII characters"));
    }
    match message.descriptor().get_field_by_name("request_id") {
        Some(field) => set_once(message, &field, key, "Idempotency-Key"),
        None => Ok(()),
    }
}

/// Sets the etag of the request, or of the resource that it changes. What is only made has none to match.
fn bind_if_match(message: &mut DynamicMessage, binding: &Binding, header: &str) -> Result<(), Failure> {
    use prost_reflect::ReflectMessage;
    if header == "*" {
        return Ok(());
    }
    let etag = unquote(header);
    if header.starts_with("W/") || etag.is_empty() || etag.contains(['"', ',']) {
        return Err(Failure::invalid(
            "If-Match",
            "must be one strong entity tag, as the ETag header gave it",
        ));
    }
    if let Some(field) = message.descriptor().get_field_by_name("etag") {
        return set_once(message, &field, etag, "If-Match");
    }
    if binding.method == http::Method::PATCH
        && let Body::Field(resource) = &binding.body
        && let Kind::Message(inner) = resource.kind()
        && let Some(field) = inner.get_field_by_name("etag")
        && let Some(resource) = message.get_field_mut(resource).as_message_mut()
    {
        return set_once(resource, &field, etag, "If-Match");
    }
    Err(Failure::invalid("If-Match", "this call cannot be made conditional"))
}

fn set_once(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    text: &str,
    header: &str,
) -> Result<(), Failure> {
    let value = Value::String(text.to_owned());
    if message.has_field(field) && *message.get_field(field) != value {
        return Err(Failure::invalid(field.name(), format!("is not what the header {header} says")));
    }
    message.set_field(field, value);
    Ok(())
}

/// A structured-field string (RFC 8941) or an entity tag without its quotes; bare text as it is.
fn unquote(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// A PATCH without `updateMask` changes the fields that its body has (AIP-134); one that has none changes nothing, and
/// is refused, because to a service an empty mask means every field.
fn infer_mask(message: &mut DynamicMessage, body: &Body, shape: Option<&Shape>) -> Result<(), Failure> {
    use prost_reflect::ReflectMessage;
    let Body::Field(resource) = body else { return Ok(()) };
    let Some(field) = message.descriptor().get_field_by_name("update_mask") else { return Ok(()) };
    let (Kind::Message(mask), Kind::Message(inner)) = (field.kind(), resource.kind()) else { return Ok(()) };
    if message.has_field(&field) {
        let empty = message.get_field(&field).as_message().is_some_and(|mask| mask.fields().next().is_none());
        if !empty {
            return Ok(());
        }
    }
    let paths = shape.map(|shape| shape.mask(&inner)).unwrap_or_default();
    if paths.is_empty() {
        let text = format!(
            "names nothing to change; put a field of {} into the body or into updateMask",
            resource.name()
        );
        return Err(Failure::invalid_fields(vec![violation("update_mask", text)]));
    }
    let mut value = DynamicMessage::new(mask);
    value.set_field_by_name("paths", Value::List(paths.into_iter().map(Value::String).collect()));
    message.set_field(&field, Value::Message(value));
    Ok(())
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
