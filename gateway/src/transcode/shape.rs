//! Which keys a JSON body has, checked against the message it is for before any value is read.
//!
//! It finds what a typed reader passes over: a key given twice (in either spelling), and every unknown key at once. It
//! also remembers which keys there were, which is what an absent `updateMask` follows from.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use mc_chassis::error::Violation;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::contract::behavior::Behavior;

/// How much of an unknown key an answer repeats.
const SHOWN_CHARS: usize = 64;

/// The keys of a JSON value, without its scalars.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// `null`.
    Null,
    /// A string, a number or a boolean.
    Scalar,
    /// An array.
    List(Vec<Shape>),
    /// An object, in the order it was written.
    Object(Vec<(String, Shape)>),
}

impl Shape {
    /// Names every key that the message does not have and every field that is there twice. `at` is the path of the
    /// message in the request, empty for the request itself.
    pub fn check(&self, message: &MessageDescriptor, at: &str, violations: &mut Vec<Violation>) {
        let Self::Object(entries) = self else { return };
        if is_well_known(message) {
            return;
        }
        let mut seen = BTreeSet::new();
        for (key, value) in entries {
            let Some(field) = field(message, key) else {
                violations.push(violation(join(at, &shown(key)), "there is no such field"));
                continue;
            };
            let path = join(at, field.name());
            if !seen.insert(field.number()) {
                violations.push(violation(path.clone(), "is given twice"));
            }
            if let Some(inner) = field.kind().as_message().filter(|_| !field.is_map()) {
                match value {
                    Self::List(items) => {
                        for (index, item) in items.iter().enumerate() {
                            item.check(inner, &format!("{path}[{index}]"), violations);
                        }
                    }
                    other => other.check(inner, &path, violations),
                }
            }
        }
    }

    /// The fields that a partial update changes, as paths of proto names: every leaf that is written, at any depth. What
    /// the service sets itself, names and etags are no changes. `null` clears its field; an empty object sets the field
    /// to its empty message; lists and maps are replaced whole.
    pub fn mask(&self, message: &MessageDescriptor) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(message, "", &mut paths);
        paths
    }

    fn collect(&self, message: &MessageDescriptor, at: &str, paths: &mut Vec<String>) {
        let Self::Object(entries) = self else { return };
        for (key, value) in entries {
            let Some(field) = field(message, key) else { continue };
            let behavior = Behavior::of(&field);
            if behavior.output_only || behavior.identifier || (at.is_empty() && field.name() == "etag") {
                continue;
            }
            let path = join(at, field.name());
            let inner = field
                .kind()
                .as_message()
                .filter(|inner| !field.is_list() && !field.is_map() && !is_well_known(inner))
                .cloned();
            match (inner, value) {
                (Some(inner), Self::Object(entries)) if !entries.is_empty() => {
                    value.collect(&inner, &path, paths);
                }
                _ => paths.push(path),
            }
        }
    }
}

/// A field by either of its names, lowerCamelCase first.
pub fn field(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))
}

/// True for types with a JSON form of their own (Timestamp, FieldMask, Struct and so on).
pub fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

/// A key of somebody else's as answers repeat it: as it is if it is plain ASCII, else quoted, and never much of it.
pub fn shown(key: &str) -> Cow<'_, str> {
    let is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && key.len() <= SHOWN_CHARS {
        return Cow::Borrowed(key);
    }
    let cut: String = key.chars().take(SHOWN_CHARS).collect();
    let dots = if cut.len() < key.len() { "…" } else { "" };
    Cow::Owned(format!("{cut:?}{dots}"))
}

/// Appends a field to a path.
pub fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// A violation.
pub fn violation(field: impl Into<String>, description: impl Into<String>) -> Violation {
    Violation { field: field.into(), description: description.into() }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(shape) = items.next_element()? {
            shapes.push(shape);
        }
        Ok(Shape::List(shapes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            shapes.push((key, entries.next_value()?));
        }
        Ok(Shape::Object(shapes))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Shape::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> MessageDescriptor {
        mc_proto::descriptors().get_message_by_name("missioncontrol.registry.v1.Agent").expect("message")
    }

    fn shape(json: &str) -> Shape {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn unknown_and_doubled_keys_are_all_named() {
        let mut violations = Vec::new();
        let body = r#"{"nme": 1, "displayName": "a", "display_name": "b", "spec": {"tools": [{}, {"tol": 1}], "limits": {"maxDuration": "1s"}}}"#;
        shape(body).check(&agent(), "agent", &mut violations);
        let named: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(named, ["agent.nme", "agent.display_name", "agent.spec.tools[1].tol"]);
    }

    #[test]
    fn keys_that_are_no_names_are_quoted_and_cut() {
        let mut violations = Vec::new();
        let long = "x".repeat(SHOWN_CHARS + 1);
        let body = format!("{{\"\": 1, \"a\\u0000.b\": 1, \"{}\": 1, \"{long}\": 1}}", &long[1..]);
        shape(&body).check(&agent(), "agent", &mut violations);
        let named: Vec<_> = violations.iter().map(|it| it.field.clone()).collect();
        let (whole, cut) = (format!("agent.{}", &long[1..]), format!("agent.\"{}\"…", &long[1..]));
        assert_eq!(named, ["agent.\"\"", "agent.\"a\\0.b\"", &whole, &cut]);
    }

    #[test]
    fn mask_names_the_leaves_that_are_there() {
        let mask = |json: &str| shape(json).mask(&agent());
        assert_eq!(mask(r#"{"displayName": "", "role": null}"#), ["display_name", "role"]);
        assert_eq!(
            mask(r#"{"spec": {"model": "m", "tools": [{"tool": "x"}]}}"#),
            ["spec.model", "spec.tools"]
        );
        assert_eq!(
            mask(r#"{"spec": {"limits": {"maxDuration": "1s"}, "parameters": {}}}"#),
            ["spec.limits.max_duration", "spec.parameters"]
        );
        assert!(mask(r#"{"name": "n", "etag": "e", "createTime": "t", "latestVersion": 1}"#).is_empty());
    }
}
