//! One operation of the document: its path, parameters, body and answers.

use std::fmt::Write;

use anyhow::{Context, Result};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::comments::Comments;
use super::schema::{Form, Schemas};
use crate::contract::behavior::Behavior;
use crate::contract::binding::{Binding, Body, resolve};
use crate::contract::template::Segment;
use crate::transcode::shape::is_well_known;

/// The path as OpenAPI has it, and its parameters by name and the comment of the field that they end up in.
#[derive(Debug)]
pub(super) struct Path {
    /// `/v1/workspaces/{workspace}/agents/{agent}:publish`.
    pub(super) text: String,
    parameters: Vec<(String, String)>,
}

impl Path {
    /// Writes every `*` as a parameter that is named after the collection before it.
    pub(super) fn of(binding: &Binding, comments: &Comments) -> Result<Self> {
        let template = &binding.template;
        let mut text = String::new();
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (place, segment) in template.segments.iter().enumerate() {
            text.push('/');
            if let Segment::Literal(literal) = segment {
                text.push_str(literal);
                continue;
            }
            let variable =
                template.variables.iter().find(|variable| (variable.first..variable.end).contains(&place));
            let field = variable.map(|variable| variable.field.as_str()).unwrap_or_default();
            let name = match place.checked_sub(1).map(|before| &template.segments[before]) {
                Some(Segment::Literal(collection)) if variable.is_some_and(|it| it.end - it.first > 1) => {
                    singular(collection)
                }
                _ => field.replace('.', "_"),
            };
            let comment = match resolve(&binding.rpc.input(), field)?.last() {
                Some(field) => format!("Part of `{}`: {}", field.name(), comments.field(field)),
                None => String::new(),
            };
            let _ = write!(text, "{{{name}}}");
            parameters.push((name, comment));
        }
        if let Some(verb) = &template.verb {
            let _ = write!(text, ":{verb}");
        }
        Ok(Self { text, parameters })
    }
}

fn singular(collection: &str) -> String {
    collection.strip_suffix('s').unwrap_or(collection).to_owned()
}

/// The operation of a binding.
pub(super) fn operation(
    binding: &Binding,
    path: &Path,
    comments: &Comments,
    schemas: &mut Schemas<'_>,
) -> Result<Value> {
    let service = binding.rpc.parent_service();
    let mut parameters: Vec<Value> = path.parameters.iter().map(path_parameter).collect();
    query_parameters(binding, schemas, &mut parameters)?;
    header_parameters(binding, comments, &mut parameters);

    let comment = comments.method(&binding.rpc);
    let summary =
        comment.split_inclusive(". ").next().unwrap_or_default().trim().trim_end_matches('.').to_owned();
    let mut operation = json!({
        "operationId": lower_first(binding.rpc.name()),
        "tags": [service.name()],
        "summary": summary,
        "description": comment,
        "x-permission": binding.permission,
        "responses": responses(binding, schemas)?,
    });
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = request_body(binding, schemas)? {
        operation["requestBody"] = body;
    }
    if binding.permission == "public" {
        operation["security"] = json!([]);
    }
    Ok(operation)
}

fn path_parameter((name, comment): &(String, String)) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}, "description": comment})
}

/// Every field that neither the path nor the body nor a header gives.
fn query_parameters(binding: &Binding, schemas: &mut Schemas<'_>, parameters: &mut Vec<Value>) -> Result<()> {
    let body = match &binding.body {
        Body::Whole => return Ok(()),
        Body::Field(field) => Some(field.clone()),
        Body::None => None,
    };
    for field in binding.rpc.input().fields() {
        let bound = binding.template.variables.iter().any(|variable| variable.field == field.name());
        let header = matches!(field.name(), "request_id" | "etag");
        if !bound && !header && body.as_ref() != Some(&field) {
            query_parameter(&field, "", 0, schemas, parameters)?;
        }
    }
    Ok(())
}

/// Messages are given field by field; four levels deep is deeper than any query should be.
fn query_parameter(
    field: &FieldDescriptor,
    at: &str,
    depth: usize,
    schemas: &mut Schemas<'_>,
    parameters: &mut Vec<Value>,
) -> Result<()> {
    let name =
        if at.is_empty() { field.json_name().to_owned() } else { format!("{at}.{}", field.json_name()) };
    if let Kind::Message(inner) = field.kind()
        && !is_well_known(&inner)
    {
        if !field.is_list() && !field.is_map() && depth < 4 {
            for field in inner.fields() {
                query_parameter(&field, &name, depth + 1, schemas, parameters)?;
            }
        }
        return Ok(());
    }
    let mut schema = schemas.field(field, Form::Full)?;
    let description =
        schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
    let mut parameter = json!({"name": name, "in": "query", "schema": schema, "description": description});
    if Behavior::of(field).required {
        parameter["required"] = true.into();
    }
    if field.name() == "update_mask" {
        let inferred = "When it is absent, the fields that the body has are changed.";
        parameter["description"] = format!("{} {inferred}", description.as_str().unwrap_or_default()).into();
    }
    parameters.push(parameter);
    Ok(())
}

fn header_parameters(binding: &Binding, comments: &Comments, parameters: &mut Vec<Value>) {
    let input = binding.rpc.input();
    let mut header = |name: &str, description: String| {
        parameters.push(
            json!({"name": name, "in": "header", "schema": {"type": "string"}, "description": description}),
        );
    };
    if let Some(field) = input.get_field_by_name("request_id") {
        header("Idempotency-Key", comments.field(&field));
    }
    if let Some(field) = etag(&input, &binding.body) {
        header("If-Match", comments.field(&field));
    }
    if let Some(cursor) = &binding.cursor {
        header(
            "Last-Event-ID",
            format!(
                "The `id` of the last event that was seen; wins over `{}`.",
                cursor.request_field.json_name()
            ),
        );
    }
}

fn etag(input: &MessageDescriptor, body: &Body) -> Option<FieldDescriptor> {
    let own = input.get_field_by_name("etag");
    own.or_else(|| match body {
        Body::Field(resource) if input.get_field_by_name("update_mask").is_some() => {
            resource.kind().as_message()?.get_field_by_name("etag")
        }
        _ => None,
    })
}

fn request_body(binding: &Binding, schemas: &mut Schemas<'_>) -> Result<Option<Value>> {
    let patch = binding.method == http::Method::PATCH;
    let (schema, required) = match &binding.body {
        Body::None => return Ok(None),
        Body::Whole => {
            let bound: Vec<&str> = binding.template.variables.iter().map(|it| it.field.as_str()).collect();
            let input = binding.rpc.input();
            let required = input.fields().any(|it| Behavior::of(&it).required && !bound.contains(&it.name()));
            (schemas.body(&input, &bound)?, required)
        }
        Body::Field(field) => match field.kind() {
            Kind::Message(message) if !field.is_list() && !field.is_map() => {
                (schemas.message(&message, if patch { Form::Patch } else { Form::Full })?, true)
            }
            _ => (schemas.field(field, Form::Full)?, true),
        },
    };
    Ok(Some(json!({"required": required, "content": {"application/json": {"schema": schema}}})))
}

fn responses(binding: &Binding, schemas: &mut Schemas<'_>) -> Result<Value> {
    let output = binding.rpc.output();
    let mut good = if output.full_name() == "google.api.HttpBody" {
        json!({"description": "The content, as it is stored.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}})
    } else {
        let schema = match &binding.reply_field {
            Some(field) => schemas.field(field, Form::Full)?,
            None => schemas
                .message(&output, Form::Full)
                .with_context(|| format!("schema of {}", output.full_name()))?,
        };
        if binding.rpc.is_server_streaming() {
            let resume =
                if binding.cursor.is_some() { " `id` is what `Last-Event-ID` takes to resume." } else { "" };
            let description = format!(
                "Server-sent events, each with one message as `data`.{resume} A comment is sent as a sign of life. \
                 `event: error` carries a problem and ends the stream; `event: end` says that there is no more to come."
            );
            json!({"description": description, "content": {"text/event-stream": {"schema": schema}}})
        } else {
            json!({"description": "Done.", "content": {"application/json": {"schema": schema}}})
        }
    };
    let resource_with_etag =
        output.fields().filter(|field| !field.is_list() && !field.is_map()).any(|field| {
            field.kind().as_message().is_some_and(|inner| inner.get_field_by_name("etag").is_some())
        });
    if resource_with_etag {
        good["headers"] = json!({"ETag": {"description": "Etag of the resource, for `If-Match`.", "schema": {"type": "string"}}});
    }
    Ok(json!({"200": good, "default": {"$ref": "#/components/responses/Problem"}}))
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}
