//! Binds query parameters to the fields of a request.

use mc_chassis::error::Violation;
use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind};

use super::routes::escapes_are_whole;
use super::scalar;
use super::shape::{field, join, shown, violation};
use crate::contract::binding::Body;

/// Binds every parameter, or names each that cannot be. `taken` are the fields that the path has bound.
pub fn bind(
    message: &mut DynamicMessage,
    query: &str,
    body: &Body,
    taken: &[&str],
) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let mut seen: Vec<String> = taken.iter().map(|path| (*path).to_owned()).collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if let Err(problem) = bind_one(message, pair, body, &mut seen) {
            violations.push(problem);
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn bind_one(
    message: &mut DynamicMessage,
    pair: &str,
    body: &Body,
    seen: &mut Vec<String>,
) -> Result<(), Violation> {
    let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
    let undecodable = || violation(key, "is not percent-encoded UTF-8");
    let key = decode(key).ok_or_else(undecodable)?;
    let text = decode(text).ok_or_else(undecodable)?;
    let unknown = || {
        let names: Vec<_> = key.split('.').map(shown).collect();
        violation(names.join("."), "there is no such parameter")
    };
    let fields = resolve(message, &key).ok_or_else(unknown)?;
    let path = fields.iter().fold(String::new(), |path, field| join(&path, field.name()));
    match body {
        Body::Whole => {
            return Err(violation(path, "belongs in the body: this call takes no query parameters"));
        }
        Body::Field(body) if fields[0] == *body => return Err(violation(path, "belongs in the body")),
        _ => {}
    }
    let (last, parents) = fields.split_last().expect("a resolved path has a field");
    let again = seen.contains(&path);
    if again && !last.is_list() {
        return Err(violation(path, "is given twice"));
    }

    let value = scalar::parse(last, &text).map_err(|problem| violation(&path, problem))?;
    let mut target = message;
    for parent in parents {
        target = target.get_field_mut(parent).as_message_mut().expect("resolved as a single message");
    }
    if last.is_list() {
        target.get_field_mut(last).as_list_mut().expect("a list").push(value);
    } else {
        if let Some(other) = other_of_oneof(target, last) {
            return Err(violation(path, format!("excludes {}, which is given as well", other.name())));
        }
        target.set_field(last, value);
    }
    if !again {
        seen.push(path);
    }
    Ok(())
}

/// The fields along a parameter's name, each in either spelling; none when the name leads nowhere.
fn resolve(message: &DynamicMessage, key: &str) -> Option<Vec<FieldDescriptor>> {
    use prost_reflect::ReflectMessage;
    let mut fields: Vec<FieldDescriptor> = Vec::new();
    let mut parent = message.descriptor();
    let mut names = key.split('.').peekable();
    while let Some(name) = names.next() {
        let found = field(&parent, name)?;
        if names.peek().is_some() {
            let Kind::Message(inner) = found.kind() else { return None };
            if found.is_list() || found.is_map() {
                return None;
            }
            parent = inner;
        }
        fields.push(found);
    }
    Some(fields)
}

/// The member of the field's oneof that is set already.
fn other_of_oneof(message: &DynamicMessage, field: &FieldDescriptor) -> Option<FieldDescriptor> {
    field.containing_oneof()?.fields().find(|other| other != field && message.has_field(other))
}

fn decode(text: &str) -> Option<String> {
    if !escapes_are_whole(text) {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use mc_proto::llm::v1::GenerateRequest;
    use mc_proto::tasks::v1::{ListRunsRequest, RunState, Task, UpdateTaskRequest};

    use super::*;

    fn bound<M: prost::Message + prost::Name + Default>(
        query: &str,
        taken: &[&str],
    ) -> Result<M, Vec<(String, String)>> {
        let descriptor = mc_proto::descriptors().get_message_by_name(&M::full_name()).expect("message");
        let mut message = DynamicMessage::new(descriptor);
        match bind(&mut message, query, &Body::None, taken) {
            Ok(()) => Ok(message.transcode_to().expect("same type")),
            Err(violations) => Err(violations.into_iter().map(|it| (it.field, it.description)).collect()),
        }
    }

    #[test]
    fn both_spellings_escapes_and_enums_are_read() {
        let request: ListRunsRequest =
            bound("pageSize=3&page_token=a%2Bb+c&state=RUN_STATE_QUEUED&&task=", &["parent"]).expect("bound");
        let expected = ListRunsRequest {
            page_size: 3,
            page_token: "a+b c".to_owned(),
            state: RunState::Queued as i32,
            ..ListRunsRequest::default()
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn nested_and_repeated_parameters_are_read() {
        let request: GenerateRequest =
            bound("attribution.run=r&attribution.agentVersion=v&parameters.maxOutputTokens=9", &[])
                .expect("bound");
        let attribution = request.attribution.expect("set");
        assert_eq!((attribution.run.as_str(), attribution.agent_version.as_str()), ("r", "v"));
        let task: Task = bound("acceptanceChecks=a&acceptance_checks=b", &[]).expect("bound");
        assert_eq!(task.acceptance_checks, ["a", "b"]);
        let update: UpdateTaskRequest = bound("updateMask=title,acceptanceChecks", &[]).expect("bound");
        assert_eq!(update.update_mask.expect("set").paths, ["title", "acceptance_checks"]);
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let problems = bound::<ListRunsRequest>(
            "pageSize=1&page_size=2&parent=w&nope=1&state.x=1&task.y=1&pageToken=%zz&$alt=json",
            &["parent"],
        )
        .expect_err("refused");
        let named: Vec<_> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(named, ["page_size", "parent", "nope", "state.x", "task.y", "pageToken", "$alt"]);
    }

    #[test]
    fn messages_and_lists_of_messages_are_no_parameters() {
        assert!(bound::<GenerateRequest>("messages=x", &[]).is_err());
        assert!(bound::<GenerateRequest>("messages.role=1", &[]).is_err());
        assert!(bound::<GenerateRequest>("attribution=x", &[]).is_err());
    }
}
