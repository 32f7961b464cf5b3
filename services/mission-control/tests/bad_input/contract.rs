//! Every public RPC as the descriptors tell of it: where it stands, who may call it, and which fields a client writes.

use mc_chassis::auth::{Role, role_grants};
use mc_gateway::contract::behavior::Behavior;
use mc_gateway::contract::binding::{self, Binding, Body};
use mc_gateway::contract::template::Segment;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

/// Messages inside messages are followed this far.
const DEPTH: usize = 6;

/// One way to call one public RPC.
pub(crate) struct Rpc {
    /// `{Service}/{Method}`.
    pub(crate) name: String,
    pub(crate) binding: Binding,
    pub(crate) access: Access,
    /// Fields that clients write, those in the path apart.
    pub(crate) fields: Vec<Field>,
}

/// Who may call an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Public,
    /// Whoever is signed in.
    Authenticated,
    /// This role and those above it.
    From(Role),
}

/// A field that a client may write.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// From the request down, the last one being the field itself.
    pub(crate) path: Vec<FieldDescriptor>,
    /// True in the body, false in the query.
    pub(crate) in_body: bool,
}

pub(crate) const ROLES: [Role; 4] = [Role::Viewer, Role::Operator, Role::Admin, Role::Owner];

/// Every public RPC of the contract, by name.
pub(crate) fn public_rpcs() -> Vec<Rpc> {
    let bindings = binding::read(mc_proto::descriptors()).expect("the contract is sound");
    let mut rpcs: Vec<Rpc> = bindings
        .into_iter()
        .map(|binding| Rpc {
            name: format!("{}/{}", binding.rpc.parent_service().name(), binding.rpc.name()),
            access: access(&binding.permission),
            fields: written(&binding),
            binding,
        })
        .collect();
    rpcs.sort_by(|a, b| a.name.cmp(&b.name));
    rpcs
}

fn access(permission: &str) -> Access {
    match permission {
        "public" => Access::Public,
        "authenticated" => Access::Authenticated,
        permission => {
            let lowest = ROLES.into_iter().find(|role| role_grants(*role, permission));
            Access::From(lowest.unwrap_or_else(|| panic!("{permission} is public and no role holds it")))
        }
    }
}

impl Rpc {
    /// The path with `id` for every id, given the collection that it is in.
    pub(crate) fn path(&self, mut id: impl FnMut(&str) -> String) -> String {
        let template = &self.binding.template;
        let mut path = String::new();
        let mut collection = "";
        for segment in &template.segments {
            path.push('/');
            match segment {
                Segment::Literal(text) => {
                    path.push_str(text);
                    collection = text;
                }
                _ => path.push_str(&id(collection)),
            }
        }
        match &template.verb {
            Some(verb) => format!("{path}:{verb}"),
            None => path,
        }
    }

    /// The collections that the path names an id of, the workspace first.
    pub(crate) fn collections(&self) -> Vec<String> {
        let mut collections = Vec::new();
        self.path(|collection| {
            collections.push(collection.to_owned());
            String::new()
        });
        collections
    }

    /// The field that the path binds, with its path in the request.
    pub(crate) fn named_by(&self) -> Option<&str> {
        self.binding.template.variables.first().map(|variable| variable.field.as_str())
    }

    pub(crate) fn takes_a_body(&self) -> bool {
        !matches!(self.binding.body, Body::None)
    }

    /// The field by its path of proto names.
    pub(crate) fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name() == path)
    }

    /// The field whose etag makes the call conditional: the request's own, or that of the resource which it changes.
    pub(crate) fn etag(&self) -> Option<&Field> {
        let depth = if self.binding.method == http::Method::PATCH { 2 } else { 1 };
        self.fields.iter().find(|field| field.last().name() == "etag" && field.path.len() == depth)
    }
}

impl Field {
    /// Path in the request, in proto names: `agent.spec.tools[0].tool`.
    pub(crate) fn name(&self) -> String {
        let mut name = String::new();
        for (place, field) in self.path.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            let index = if field.is_list() && place + 1 < self.path.len() { "[0]" } else { "" };
            name = format!("{name}{dot}{}{index}", field.name());
        }
        name
    }

    pub(crate) fn last(&self) -> &FieldDescriptor {
        self.path.last().expect("a field has a path")
    }

    /// True for text, and for lists of text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.last().kind(), Kind::String) && !self.last().is_map()
    }

    /// `body` with `value` here. `body` is what the binding's body is: the whole request, or one field of it.
    pub(crate) fn put(&self, rpc: &Rpc, body: &mut Value, value: Value) {
        let skipped = usize::from(matches!(rpc.binding.body, Body::Field(_)));
        let (last, parents) = self.path[skipped..].split_last().expect("the body's own field is no leaf");
        let mut place = body;
        for parent in parents {
            make_way(parent, place);
            let inner = &mut place[parent.json_name()];
            if parent.is_list() {
                if !inner.is_array() {
                    *inner = json!([{}]);
                }
                place = &mut inner[0];
            } else {
                if !inner.is_object() {
                    *inner = json!({});
                }
                place = inner;
            }
        }
        make_way(last, place);
        place[last.json_name()] = value;
    }

    /// A value that the field's type has no room for.
    pub(crate) fn misfit(&self) -> Value {
        let field = self.last();
        if field.is_list() || field.is_map() {
            return json!(7);
        }
        match field.kind() {
            Kind::Message(message) if message.full_name().starts_with("google.protobuf.") => json!("soon"),
            Kind::String | Kind::Bytes | Kind::Message(_) => json!(7),
            Kind::Bool => json!("yes"),
            Kind::Enum(_) => json!("NO_SUCH_VALUE"),
            _ => json!("1.5x"),
        }
    }
}

/// Takes out whatever excludes `field`.
fn make_way(field: &FieldDescriptor, place: &mut Value) {
    let others = field.containing_oneof().into_iter().flat_map(|oneof| oneof.fields().collect::<Vec<_>>());
    for other in others.filter(|other| other != field) {
        if let Some(object) = place.as_object_mut() {
            object.remove(other.json_name());
        }
    }
}

/// Every field that a client may write: of the body and of the query, at any depth.
fn written(binding: &Binding) -> Vec<Field> {
    let bound: Vec<&str> =
        binding.template.variables.iter().map(|variable| variable.field.as_str()).collect();
    let mut fields = Vec::new();
    for field in binding.rpc.input().fields() {
        let in_body = match &binding.body {
            Body::None => false,
            Body::Whole => true,
            Body::Field(body) => *body == field,
        };
        let is_body = matches!(&binding.body, Body::Field(body) if *body == field);
        follow(vec![field], in_body, is_body, &mut fields);
    }
    fields.retain(|field| !bound.contains(&field.name().as_str()));
    fields
}

fn follow(path: Vec<FieldDescriptor>, in_body: bool, is_body: bool, fields: &mut Vec<Field>) {
    let field = path.last().expect("a field has a path").clone();
    let behavior = Behavior::of(&field);
    if behavior.output_only || (behavior.identifier && path.len() > 1) || path.len() > DEPTH {
        return;
    }
    let inner = inner(&field);
    // What is in the query is text: a message there has no value of its own.
    if !is_body && (in_body || inner.is_none()) {
        fields.push(Field { path: path.clone(), in_body });
    }
    for child in inner.into_iter().flat_map(|inner| inner.fields().collect::<Vec<_>>()) {
        let mut path = path.clone();
        path.push(child);
        follow(path, in_body, false, fields);
    }
}

fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let message = field.kind().as_message().cloned()?;
    (!field.is_map() && message.package_name() != "google.protobuf").then_some(message)
}
