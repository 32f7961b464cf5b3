//! The HTTP bindings of every RPC, read from `google.api.http` and checked once, at the start.

use anyhow::{Context, Result, bail, ensure};
use http::Method;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

use super::template::Template;

/// One way to call one RPC over HTTP.
#[derive(Debug, Clone)]
pub struct Binding {
    /// HTTP method.
    pub method: Method,
    /// Path, parsed.
    pub template: Template,
    /// Path, as the contract has it.
    pub path: String,
    /// Where the request's body goes.
    pub body: Body,
    /// The field of the reply that is the answer; the whole reply when absent.
    pub reply_field: Option<FieldDescriptor>,
    /// How the stream is resumed, for server streams that can be.
    pub cursor: Option<Cursor>,
    /// The RPC.
    pub rpc: MethodDescriptor,
    /// The permission it asks for; `public` asks for no caller at all.
    pub permission: String,
}

/// Where the request's body goes.
#[derive(Debug, Clone)]
pub enum Body {
    /// There is none.
    None,
    /// It is the request.
    Whole,
    /// It is one field of the request.
    Field(FieldDescriptor),
}

/// How a server stream is resumed.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// Field of the request that takes the cursor.
    pub request_field: FieldDescriptor,
    /// Paths of the fields in a reply that hold its cursor, the first that is there.
    pub reply_fields: Vec<Vec<FieldDescriptor>>,
}

impl Cursor {
    /// The cursor of a reply, if it has one.
    pub fn of(&self, reply: &DynamicMessage) -> Option<String> {
        self.reply_fields.iter().find_map(|path| cursor_at(reply, path))
    }
}

/// The cursor at a path. Where the message around it is there, so is the number: 0 is a place like any other.
fn cursor_at(reply: &DynamicMessage, path: &[FieldDescriptor]) -> Option<String> {
    let (last, path) = path.split_last()?;
    let mut message = std::borrow::Cow::Borrowed(reply);
    for field in path {
        if !message.has_field(field) {
            return None;
        }
        message = std::borrow::Cow::Owned(message.get_field(field).as_message()?.clone());
    }
    match message.get_field(last).as_ref() {
        Value::I64(seq) => Some(seq.to_string()),
        Value::U64(seq) => Some(seq.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// Every binding of every RPC, `additional_bindings` included. An annotation that cannot be served is an error.
pub fn read(pool: &DescriptorPool) -> Result<Vec<Binding>> {
    let mut bindings = Vec::new();
    for service in pool.services() {
        for rpc in service.methods() {
            let Some(rule) = extension(pool, &rpc, "google.api.http") else { continue };
            let name = rpc.full_name().to_owned();
            read_rule(pool, &rpc, &rule, &mut bindings)
                .with_context(|| format!("read google.api.http of {name}"))?;
        }
    }
    Ok(bindings)
}

/// A message-typed method option, if it is set.
fn extension(pool: &DescriptorPool, rpc: &MethodDescriptor, name: &str) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name(name)?;
    let options = rpc.options();
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_message().cloned()
}

fn read_rule(
    pool: &DescriptorPool,
    rpc: &MethodDescriptor,
    rule: &DynamicMessage,
    bindings: &mut Vec<Binding>,
) -> Result<()> {
    ensure!(!rpc.is_client_streaming(), "a client stream has no HTTP form; remove the annotation");
    let (method, path) = pattern(rule)?;
    let template = Template::parse(&path)?;
    let input = rpc.input();
    for variable in &template.variables {
        let field = resolve(&input, &variable.field)?.pop().context("empty field path")?;
        let scalar = !field.is_list() && !field.is_map() && !matches!(field.kind(), Kind::Message(_));
        ensure!(scalar, "path variable {} is not a single scalar", variable.field);
    }
    let body = match text(rule, "body").as_str() {
        "" => Body::None,
        "*" => Body::Whole,
        name => Body::Field(
            input.get_field_by_name(name).with_context(|| format!("body names no field: {name}"))?,
        ),
    };
    let reply_field = match text(rule, "response_body").as_str() {
        "" => None,
        name => Some(
            rpc.output()
                .get_field_by_name(name)
                .with_context(|| format!("response_body names no field: {name}"))?,
        ),
    };
    let permission = match pool.get_extension_by_name("missioncontrol.permission") {
        Some(option) => rpc.options().get_extension(&option).as_str().unwrap_or_default().to_owned(),
        None => String::new(),
    };
    let cursor =
        extension(pool, rpc, "missioncontrol.cursor").map(|option| cursor(rpc, &option)).transpose()?;
    bindings.push(Binding {
        method,
        template,
        path,
        body,
        reply_field,
        cursor,
        rpc: rpc.clone(),
        permission,
    });

    if let Some(Value::List(more)) =
        rule.get_field_by_name("additional_bindings").map(std::borrow::Cow::into_owned)
    {
        for rule in more.iter().filter_map(Value::as_message) {
            read_rule(pool, rpc, rule, bindings)?;
        }
    }
    Ok(())
}

fn cursor(rpc: &MethodDescriptor, option: &DynamicMessage) -> Result<Cursor> {
    let request_field = text(option, "request_field");
    let field = rpc.input().get_field_by_name(&request_field);
    Ok(Cursor {
        request_field: field
            .with_context(|| format!("cursor names no field of the request: {request_field}"))?,
        reply_fields: texts(option, "reply_field")
            .iter()
            .map(|path| resolve(&rpc.output(), path))
            .collect::<Result<_>>()?,
    })
}

fn pattern(rule: &DynamicMessage) -> Result<(Method, String)> {
    for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
        let path = text(rule, &method.as_str().to_ascii_lowercase());
        if !path.is_empty() {
            return Ok((method, path));
        }
    }
    let custom = rule.get_field_by_name("custom").and_then(|custom| custom.as_message().cloned());
    let Some(custom) = custom else { bail!("no pattern") };
    let kind = text(&custom, "kind");
    ensure!(kind != "*", "`custom` with kind `*` (every method) is not served: name the method");
    Ok((Method::from_bytes(kind.as_bytes()).context("custom kind")?, text(&custom, "path")))
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn texts(message: &DynamicMessage, field: &str) -> Vec<String> {
    let value = message.get_field_by_name(field);
    let values = value.as_ref().and_then(|value| value.as_list()).unwrap_or_default();
    values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

/// The fields along a path of proto names: `agent.name`.
pub fn resolve(message: &MessageDescriptor, path: &str) -> Result<Vec<FieldDescriptor>> {
    let mut fields = Vec::new();
    let mut message = Some(message.clone());
    for name in path.split('.') {
        let parent =
            message.take().with_context(|| format!("{path}: {name} is inside a field that is no message"))?;
        let field = parent
            .get_field_by_name(name)
            .with_context(|| format!("{} has no field {name}", parent.full_name()))?;
        if !field.is_list() && !field.is_map() {
            message = field.kind().as_message().cloned();
        }
        fields.push(field);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(rpc: &str) -> Binding {
        let bindings = read(mc_proto::descriptors()).expect("the contract is sound");
        bindings.into_iter().find(|binding| binding.rpc.name() == rpc).expect("bound")
    }

    #[test]
    fn rules_of_the_contract_are_read() {
        let update = binding("UpdateAgent");
        assert_eq!(
            (update.method.as_str(), update.template.variables[0].field.as_str()),
            ("PATCH", "agent.name")
        );
        assert!(matches!(update.body, Body::Field(field) if field.name() == "agent"));
        assert!(matches!(binding("StartTask").body, Body::Whole));
        assert!(matches!(binding("GetRun").body, Body::None));
        assert_eq!(binding("SignIn").permission, "public");
    }

    #[test]
    fn rpc_without_annotation_is_not_bound() {
        let bindings = read(mc_proto::descriptors()).expect("the contract is sound");
        for hidden in ["ExchangeToken", "ResolveCredential", "Generate"] {
            assert!(bindings.iter().all(|binding| binding.rpc.name() != hidden), "{hidden} is reachable");
        }
    }

    #[test]
    fn cursor_of_a_watch_is_the_seq_of_its_event() {
        use mc_proto::tasks::v1::{CaughtUp, RunEvent, WatchRunResponse, watch_run_response::Update};
        let watch = binding("WatchRun");
        let cursor = watch.cursor.as_ref().expect("declared");
        assert_eq!(cursor.request_field.name(), "after_seq");
        let reply = |update| {
            let mut reply = DynamicMessage::new(watch.rpc.output());
            reply.transcode_from(&WatchRunResponse { update: Some(update) }).expect("same type");
            cursor.of(&reply)
        };
        assert_eq!(reply(Update::Event(RunEvent { seq: 7, ..RunEvent::default() })).as_deref(), Some("7"));
        assert_eq!(reply(Update::CaughtUp(CaughtUp { seq: 7 })), None);
    }

    #[test]
    fn cursor_of_a_workspace_is_there_before_its_first_event() {
        use mc_proto::tasks::v1::watch_workspace_response::Update;
        use mc_proto::tasks::v1::{WatchWorkspaceResponse, WorkspaceCaughtUp, WorkspaceEvent};
        let watch = binding("WatchWorkspace");
        let cursor = watch.cursor.as_ref().expect("declared");
        let of = |update| {
            let mut reply = DynamicMessage::new(watch.rpc.output());
            reply.transcode_from(&WatchWorkspaceResponse { update }).expect("same type");
            cursor.of(&reply)
        };
        let event = WorkspaceEvent { seq: 7, ..WorkspaceEvent::default() };
        assert_eq!(of(Some(Update::Event(event))).as_deref(), Some("7"));
        assert_eq!(of(Some(Update::CaughtUp(WorkspaceCaughtUp { seq: 0 }))).as_deref(), Some("0"));
        assert_eq!(of(None), None);
    }
}
