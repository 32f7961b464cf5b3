//! Resource names (AIP-122): `workspaces/{uuid}/agents/{uuid}` taken apart, with failures that name the field.

use uuid::Uuid;

use crate::Failure;

/// Takes the `N` UUIDs out of a name that follows `pattern`, for example `workspaces/*/agents/*`.
///
/// Only the canonical spelling of a UUID (lower case, hyphens) is accepted, so that a resource has one name.
pub fn parse<const N: usize>(field: &str, pattern: &str, name: &str) -> Result<[Uuid; N], Failure> {
    let segments = segments::<N>(field, pattern, name)?;
    let mut ids = [Uuid::nil(); N];
    for (id, segment) in ids.iter_mut().zip(segments) {
        *id = canonical(segment).ok_or_else(|| mismatch(field, pattern, name))?;
    }
    Ok(ids)
}

/// Takes the `N` wildcard segments out of a name that follows `pattern`, whatever they hold.
pub fn segments<'a, const N: usize>(
    field: &str,
    pattern: &str,
    name: &'a str,
) -> Result<[&'a str; N], Failure> {
    if name.is_empty() {
        return Err(Failure::invalid(field, format!("is required and has the form {}", shape(pattern))));
    }
    let wrong = || mismatch(field, pattern, name);
    let mut found = [""; N];
    let mut slots = found.iter_mut();
    let mut parts = name.split('/');
    for expected in pattern.split('/') {
        let part = parts.next().ok_or_else(wrong)?;
        match expected {
            "*" if !part.is_empty() => *slots.next().expect("the pattern has N wildcards") = part,
            literal if literal == part => {}
            _ => return Err(wrong()),
        }
    }
    if parts.next().is_some() {
        return Err(wrong());
    }
    debug_assert!(slots.next().is_none(), "the pattern has N wildcards");
    Ok(found)
}

/// Reads a UUID in its canonical spelling.
pub fn canonical(text: &str) -> Option<Uuid> {
    let id = text.parse::<Uuid>().ok()?;
    (id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

/// `workspaces/{workspace}`.
pub fn workspace(id: Uuid) -> String {
    format!("workspaces/{id}")
}

/// `users/{user}`.
pub fn user(id: Uuid) -> String {
    format!("users/{id}")
}

fn mismatch(field: &str, pattern: &str, name: &str) -> Failure {
    Failure::invalid(field, format!("has the form {}, not {name:?}", shape(pattern)))
}

/// A pattern as people read it: `workspaces/{workspace}/agents/{agent}`.
fn shape(pattern: &str) -> String {
    let mut shape = Vec::new();
    for part in pattern.split('/') {
        match (part, shape.last()) {
            ("*", Some(collection)) => {
                let singular: &String = collection;
                shape.push(format!("{{{}}}", singular.strip_suffix('s').unwrap_or(singular)));
            }
            _ => shape.push(part.to_owned()),
        }
    }
    shape.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0193a5f0-0000-7000-8000-00000000000a";

    #[test]
    fn ids_come_out_in_order() {
        let [workspace, agent] =
            parse::<2>("name", "workspaces/*/agents/*", &format!("workspaces/{ID}/agents/{ID}"))
                .expect("parse");
        assert_eq!((workspace.to_string(), agent.to_string()), (ID.to_owned(), ID.to_owned()));
    }

    #[test]
    fn every_deviation_is_refused_by_field() {
        for name in [
            String::new(),
            "workspaces".to_owned(),
            format!("workspaces/{ID}"),
            format!("workspaces/{ID}/agents/"),
            format!("workspaces/{ID}/agents/{ID}/"),
            format!("workspaces/{ID}/tasks/{ID}"),
            format!("/workspaces/{ID}/agents/{ID}"),
            format!("workspaces/{ID}/agents/{}", ID.to_uppercase()),
            format!("workspaces/{ID}/agents/{}", ID.replace('-', "")),
        ] {
            let failure = parse::<2>("agent.name", "workspaces/*/agents/*", &name).expect_err(&name);
            assert_eq!(failure.violations()[0].field, "agent.name");
            assert!(failure.message().contains("workspaces/{workspace}/agents/{agent}"), "{failure}");
        }
    }
}
