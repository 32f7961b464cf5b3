//! The OpenAPI 3.1 document of the REST edge, written from the same annotations that the transcoder serves.

mod comments;
mod operation;
mod schema;

use anyhow::{Result, ensure};
use prost_reflect::DescriptorPool;
use serde_json::{Value, json};

use self::comments::Comments;
use self::operation::Path;
use self::schema::Schemas;
use crate::contract::binding;
use crate::problem::Problem;

const ABOUT: &str = "REST edge of Mission Control, derived from its protobuf contract.\n\n\
    Bodies are canonical protobuf JSON: lowerCamelCase names (snake_case is read as well), 64-bit integers as strings, \
    and values that equal a field's `default` left out of replies. An unknown field or parameter is refused by name.\n\n\
    Live updates over one connection are offered at `/v1/ws` (subprotocol `mc.v1`), which `gateway/WEBSOCKET.md` describes.";

/// The document for a contract.
pub fn document(pool: &DescriptorPool) -> Result<Value> {
    let comments = Comments::read(pool);
    let mut schemas = Schemas::new(&comments);
    let problem =
        schemars::generate::SchemaSettings::openapi3().into_generator().into_root_schema_for::<Problem>();
    add_problem(&mut schemas, problem.to_value());

    let mut paths = serde_json::Map::new();
    let mut tags: Vec<Value> = Vec::new();
    for binding in binding::read(pool)? {
        let path = Path::of(&binding, &comments)?;
        let operation = operation::operation(&binding, &path, &comments, &mut schemas)?;
        let service = binding.rpc.parent_service();
        if tags.iter().all(|tag| tag["name"] != service.name()) {
            tags.push(json!({"name": service.name(), "description": comments.service(service)}));
        }
        let method = binding.method.as_str().to_ascii_lowercase();
        let item = paths.entry(path.text.clone()).or_insert_with(|| json!({}));
        ensure!(item.get(&method).is_none(), "{method} {} is there twice", path.text);
        item[method] = operation;
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mission Control",
            "version": "v1",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A session token (`mc_ses_...`) or an API token (`mc_pat_...`).",
                },
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457). Switch on `reason`, show `detail`.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            },
            "schemas": schemas.into_map(),
        },
    }))
}

/// The problem's schema and what it refers to, under `components`.
fn add_problem(schemas: &mut Schemas<'_>, mut root: Value) {
    if let Some(object) = root.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
        let components = object.remove("components");
        if let Some(Value::Object(inner)) =
            components.and_then(|mut it| it.get_mut("schemas").map(Value::take))
        {
            for (name, schema) in inner {
                schemas.add(&name, schema);
            }
        }
    }
    schemas.add("Problem", root);
}

/// The document as it is committed: pretty, with a newline at its end.
pub fn text(document: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(document).expect("a JSON value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Value {
        document(mc_proto::descriptors()).expect("the contract can be described")
    }

    #[test]
    fn committed_document_is_fresh() {
        let committed: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
        assert!(
            committed == contract(),
            "gateway/openapi.json is stale: cargo run -p mc-gateway -- openapi > gateway/openapi.json"
        );
    }

    #[test]
    fn names_in_paths_become_parameters() {
        let document = contract();
        let publish = &document["paths"]["/v1/workspaces/{workspace}/agents/{agent}:publish"]["post"];
        assert_eq!(publish["operationId"], "publishAgent");
        let names: Vec<_> =
            publish["parameters"].as_array().expect("list").iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["workspace", "agent", "If-Match"]);
        assert_eq!(
            publish["requestBody"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/PublishAgentRequest"
        );
        assert!(
            document["components"]["schemas"]["PublishAgentRequest"]["properties"]["name"].is_null(),
            "the path gives it"
        );
    }

    #[test]
    fn behaviour_comments_and_defaults_are_there() {
        let document = contract();
        let agent = &document["components"]["schemas"]["Agent"];
        assert_eq!(agent["required"], json!(["displayName", "spec"]));
        assert_eq!(agent["properties"]["createTime"]["readOnly"], true);
        assert_eq!(
            agent["properties"]["displayName"]["description"],
            "Name shown to people, 1 to 80 characters."
        );
        assert_eq!(agent["properties"]["latestVersion"]["default"], 0);
        let patch = &document["components"]["schemas"]["AgentPatch"];
        assert!(patch["required"].is_null(), "a PATCH demands nothing");
        assert_eq!(patch["properties"]["spec"]["$ref"], "#/components/schemas/AgentSpecPatch");
        assert_eq!(
            document["components"]["schemas"]["CreateCredentialRequest"]["properties"]["secret"]["writeOnly"],
            true
        );
        assert_eq!(
            document["components"]["schemas"]["Run"]["properties"]["headSeq"]["type"], "string",
            "64 bits are a string"
        );
    }

    #[test]
    fn streams_downloads_and_public_calls_are_described_as_such() {
        let document = contract();
        let watch = &document["paths"]["/v1/workspaces/{workspace}/runs/{run}:watch"]["get"];
        assert!(watch["responses"]["200"]["content"]["text/event-stream"].is_object());
        assert!(watch["parameters"].as_array().expect("list").iter().any(|it| it["name"] == "Last-Event-ID"));
        let download = &document["paths"]["/v1/workspaces/{workspace}/artifacts/{artifact}:download"]["get"];
        assert!(download["responses"]["200"]["content"]["*/*"].is_object());
        assert_eq!(document["paths"]["/v1/auth:signIn"]["post"]["security"], json!([]));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, document: &Value) {
            match value {
                Value::Object(entries) => {
                    if let Some(Value::String(reference)) = entries.get("$ref") {
                        let target = reference.strip_prefix('#').expect("local");
                        assert!(document.pointer(target).is_some(), "{reference} leads nowhere");
                    }
                    entries.values().for_each(|value| walk(value, document));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(value, document)),
                _ => {}
            }
        }
        let document = contract();
        walk(&document, &document);
    }
}
