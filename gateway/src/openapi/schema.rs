//! JSON Schemas of the contract's messages and enums, as canonical protobuf JSON writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Result, bail};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::comments::Comments;
use crate::contract::behavior::Behavior;
use crate::transcode::shape::is_well_known;

/// The schemas under `components`, collected while operations refer to them.
#[derive(Debug)]
pub(super) struct Schemas<'a> {
    comments: &'a Comments,
    made: BTreeMap<String, Value>,
    /// Full name of what each schema describes, so that two of one short name are found.
    owners: BTreeMap<String, String>,
}

/// How much of a message has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What is marked REQUIRED.
    Full,
    /// Nothing: a PATCH says only what changes.
    Patch,
}

impl<'a> Schemas<'a> {
    /// None yet.
    pub(super) fn new(comments: &'a Comments) -> Self {
        Self { comments, made: BTreeMap::new(), owners: BTreeMap::new() }
    }

    /// Adds a schema that is no message's.
    pub(super) fn add(&mut self, name: &str, schema: Value) {
        self.made.insert(name.to_owned(), schema);
    }

    /// All of them, by name.
    pub(super) fn into_map(self) -> BTreeMap<String, Value> {
        self.made
    }

    /// A reference to a message's schema, which is made if need be.
    pub(super) fn message(&mut self, message: &MessageDescriptor, form: Form) -> Result<Value> {
        if is_well_known(message) {
            return well_known(message);
        }
        let patch = form == Form::Patch && demands(message, &mut BTreeSet::new());
        let name = if patch { format!("{}Patch", message.name()) } else { message.name().to_owned() };
        let form = if patch { Form::Patch } else { Form::Full };
        self.own(&name, message.full_name(), |schemas| schemas.object(message, form, &[]))
    }

    /// The schema of a request as a body: without the fields that its path gives.
    pub(super) fn body(&mut self, message: &MessageDescriptor, bound: &[&str]) -> Result<Value> {
        self.own(message.name(), message.full_name(), |schemas| schemas.object(message, Form::Full, bound))
    }

    /// A field's schema, with its comment and behaviour.
    pub(super) fn field(&mut self, field: &FieldDescriptor, form: Form) -> Result<Value> {
        let behavior = Behavior::of(field);
        let mut schema = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { bail!("{} is no map", field.full_name()) };
            json!({"type": "object", "additionalProperties": self.kind(&entry.map_entry_value_field().kind(), Form::Full)?})
        } else if field.is_list() {
            json!({"type": "array", "items": self.kind(&field.kind(), Form::Full)?})
        } else {
            self.kind(&field.kind(), form)?
        };
        let comment = self.comments.field(field);
        if !comment.is_empty() {
            schema["description"] = comment.into();
        }
        if behavior.output_only {
            schema["readOnly"] = true.into();
        }
        if behavior.input_only {
            schema["writeOnly"] = true.into();
        }
        if let Some(default) = default(field).filter(|_| !behavior.required && !behavior.identifier) {
            schema["default"] = default;
        }
        Ok(schema)
    }

    fn own(
        &mut self,
        name: &str,
        owner: &str,
        make: impl FnOnce(&mut Self) -> Result<Value>,
    ) -> Result<Value> {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        match self.owners.get(name) {
            Some(other) if other == owner => return Ok(reference),
            Some(other) => {
                bail!("{owner} and {other} have one short name; rename one: schemas are named by it")
            }
            None => {}
        }
        // Known before it is made, so that a message which contains itself comes to an end.
        self.owners.insert(name.to_owned(), owner.to_owned());
        let schema = make(self)?;
        self.made.insert(name.to_owned(), schema);
        Ok(reference)
    }

    fn object(&mut self, message: &MessageDescriptor, form: Form, bound: &[&str]) -> Result<Value> {
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(|field| !bound.contains(&field.name())) {
            if Behavior::of(&field).required && form == Form::Full {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), self.field(&field, form)?);
        }
        let mut schema = json!({"type": "object", "properties": properties});
        let mut description = self.comments.message(message);
        for oneof in message.oneofs().filter(|oneof| !is_synthetic(oneof)) {
            let names: Vec<_> = oneof.fields().map(|field| format!("`{}`", field.json_name())).collect();
            let _ = write!(description, "\n\nOf {}: {}", names.join(", "), self.comments.oneof(&oneof));
        }
        if !description.is_empty() {
            schema["description"] = description.into();
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Ok(schema)
    }

    fn kind(&mut self, kind: &Kind, form: Form) -> Result<Value> {
        Ok(match kind {
            Kind::Message(message) => self.message(message, form)?,
            Kind::Enum(kind) => self.enumeration(kind)?,
            scalar => scalar_schema(scalar),
        })
    }

    fn enumeration(&mut self, kind: &EnumDescriptor) -> Result<Value> {
        let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
        let description = self.comments.enumeration(kind);
        self.own(kind.name(), kind.full_name(), |_| {
            Ok(json!({"type": "string", "enum": names, "description": description}))
        })
    }
}

fn scalar_schema(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
        Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "format": "uint32", "minimum": 0}),
        // 64-bit integers do not fit into a JSON number that every reader can hold.
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"})
        }
        Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}),
        Kind::Float => json!({"type": "number", "format": "float"}),
        Kind::Double => json!({"type": "number", "format": "double"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        _ => json!({"type": "string"}),
    }
}

fn well_known(message: &MessageDescriptor) -> Result<Value> {
    Ok(match message.name() {
        "Timestamp" => json!({"type": "string", "format": "date-time"}),
        "Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"}),
        "FieldMask" => json!({"type": "string", "pattern": "^[a-zA-Z0-9.,*]*$"}),
        "Struct" | "Empty" | "Any" => json!({"type": "object"}),
        "ListValue" => json!({"type": "array"}),
        "Value" => json!({}),
        "BoolValue" | "StringValue" | "BytesValue" | "FloatValue" | "DoubleValue" | "Int32Value"
        | "Int64Value" | "UInt32Value" | "UInt64Value" => {
            let mut schema = scalar_schema(&message.fields().next().expect("a wrapper has a value").kind());
            schema["type"] = json!([schema["type"], "null"]);
            schema
        }
        other => bail!("google.protobuf.{other} has no schema yet"),
    })
}

/// What an absent field means, for fields without presence: canonical JSON leaves such a value out.
fn default(field: &FieldDescriptor) -> Option<Value> {
    if field.is_map() {
        return Some(json!({}));
    }
    if field.is_list() {
        return Some(json!([]));
    }
    if field.supports_presence() {
        return None;
    }
    Some(match field.kind() {
        Kind::Bool => json!(false),
        Kind::String | Kind::Bytes => json!(""),
        Kind::Enum(kind) => json!(kind.default_value().name()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => json!("0"),
        _ => json!(0),
    })
}

/// A oneof that the compiler made for an `optional` field.
fn is_synthetic(oneof: &prost_reflect::OneofDescriptor) -> bool {
    let mut fields = oneof.fields();
    fields.len() == 1 && fields.all(|field| field.field_descriptor_proto().proto3_optional())
}

/// True if a message, or one that it holds outside a list, has a REQUIRED field.
fn demands(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> bool {
    if is_well_known(message) || !seen.insert(message.full_name().to_owned()) {
        return false;
    }
    message.fields().any(|field| {
        let inner = match field.kind() {
            Kind::Message(inner) if !field.is_list() && !field.is_map() => demands(&inner, seen),
            _ => false,
        };
        inner || Behavior::of(&field).required
    })
}
