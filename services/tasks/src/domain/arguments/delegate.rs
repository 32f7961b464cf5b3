//! The arguments of `delegate`: pieces of work, who does each, and what is waited for.

use serde_json::{Map, Value};

use super::fields::{Fields, name_of};
use super::{check_text, unprintable};
use crate::domain::event::ChildWait;
use crate::domain::family::MAX_LIVE_CHILDREN;

/// Longest title of a piece of work, in characters.
pub const MAX_TITLE_CHARS: usize = 200;
/// Longest brief, in bytes.
pub const MAX_BRIEF_BYTES: usize = 32 * 1024;
/// Most acceptance checks.
pub const MAX_CHECKS: usize = 20;
/// Longest acceptance check, in characters.
pub const MAX_CHECK_CHARS: usize = 500;

/// Work that is to be handed to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The pieces, 1 to [`MAX_LIVE_CHILDREN`].
    pub children: Vec<Piece>,
    /// What is waited for.
    pub wait: ChildWait,
    /// With [`ChildWait::Any`]: the others go on when one has succeeded.
    pub leave_others: bool,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Who does it, by the name in the grant.
    pub teammate: String,
    /// One line, not blank, at most [`MAX_TITLE_CHARS`].
    pub title: String,
    /// What is to be done; not blank, at most [`MAX_BRIEF_BYTES`].
    pub brief: String,
    /// What must be true of the result; at most [`MAX_CHECKS`] of at most [`MAX_CHECK_CHARS`].
    pub acceptance_checks: Vec<String>,
}

impl Fields {
    pub(super) fn delegation(&mut self) -> Result<Delegation, String> {
        let children = match self.take("children") {
            None => return Err("children: is missing".into()),
            Some(Value::Array(pieces)) if (1..=MAX_LIVE_CHILDREN).contains(&pieces.len()) => pieces,
            Some(Value::Array(pieces)) => {
                return Err(format!("children: must be 1 to {MAX_LIVE_CHILDREN}, not {}", pieces.len()));
            }
            Some(other) => return Err(format!("children: must be a list, not {}", name_of(&other))),
        };
        let children = children.into_iter().enumerate().map(|(place, value)| match value {
            Value::Object(map) => piece(map).map_err(|why| format!("children[{place}].{why}")),
            other => Err(format!("children[{place}]: must be an object, not {}", name_of(&other))),
        });
        let children = children.collect::<Result<_, _>>()?;
        let wait = match self.text("wait")?.as_deref() {
            None | Some("all") => ChildWait::All,
            Some("any") => ChildWait::Any,
            Some(other) => return Err(format!("wait: must be `all` or `any`, not `{}`", start_of(other))),
        };
        let leave_others = match (self.text("others")?.as_deref(), wait) {
            (Some(_), ChildWait::All) => {
                return Err("others: is for `any`; `all` waits for each of them".into());
            }
            (None | Some("cancel"), _) => false,
            (Some("leave"), _) => true,
            (Some(other), _) => {
                return Err(format!("others: must be `cancel` or `leave`, not `{}`", start_of(other)));
            }
        };
        Ok(Delegation { children, wait, leave_others })
    }
}

fn piece(map: Map<String, Value>) -> Result<Piece, String> {
    let mut fields = Fields::of(map);
    let teammate = fields.required_text("teammate")?;
    let title = fields.required_text("title")?;
    check_text("title", &title, MAX_TITLE_CHARS)?;
    if title.chars().any(char::is_control) {
        return Err("title: must be one line without control characters".into());
    }
    let brief = fields.required_text("brief")?;
    if brief.trim().is_empty() {
        return Err("brief: is empty; the teammate knows nothing but what it says".into());
    } else if brief.len() > MAX_BRIEF_BYTES {
        return Err(format!("brief: is {} bytes long, and {MAX_BRIEF_BYTES} is the most", brief.len()));
    } else if brief.chars().any(unprintable) {
        return Err("brief: must not hold control characters but line breaks and tabs".into());
    }
    let acceptance_checks = fields.texts("acceptance_checks", MAX_CHECKS, MAX_CHECK_CHARS)?;
    if let Some(place) = acceptance_checks.iter().position(|check| check.chars().any(unprintable)) {
        return Err(format!("acceptance_checks[{place}]: must not hold control characters"));
    }
    fields.none_left_of("a piece of work")?;
    Ok(Piece { teammate, title, brief, acceptance_checks })
}

fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::arguments::Arguments;
    use crate::domain::tool::Tool;

    fn read(text: &str) -> Result<Delegation, String> {
        match Arguments::parse(Tool::Delegate, text)? {
            Arguments::Delegate(delegation) => Ok(delegation),
            other => panic!("{other:?}"),
        }
    }

    const PIECE: &str = r#"{"teammate": "bob", "title": "Look", "brief": "Find it."}"#;

    fn with(extra: &str) -> Result<Delegation, String> {
        read(&format!(r#"{{"children": [{PIECE}]{extra}}}"#))
    }

    #[test]
    fn what_is_left_out_waits_for_all() {
        let one = with("").expect("a delegation");
        assert_eq!((one.wait, one.leave_others, one.children.len()), (ChildWait::All, false, 1));
        assert_eq!(one.children[0].teammate, "bob");
        let any = with(r#", "wait": "any""#).expect("any");
        assert_eq!((any.wait, any.leave_others), (ChildWait::Any, false), "the others are cancelled");
        let left = with(r#", "wait": "any", "others": "leave""#).expect("any");
        assert!(left.leave_others);
    }

    #[test]
    fn number_of_pieces_is_held_at_its_edges() {
        let many = |count: usize| read(&format!(r#"{{"children": [{}]}}"#, vec![PIECE; count].join(",")));
        assert_eq!(many(MAX_LIVE_CHILDREN).expect("eight").children.len(), 8);
        for (count, why) in [(0, "children: must be 1 to 8, not 0"), (9, "children: must be 1 to 8, not 9")] {
            assert_eq!(many(count), Err(why.into()));
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_its_place() {
        for (text, why) in [
            ("{}", "children: is missing"),
            (r#"{"children": {}}"#, "children: must be a list"),
            (r#"{"children": ["bob"]}"#, "children[0]: must be an object"),
            (r#"{"children": [{"title": "a", "brief": "b"}]}"#, "children[0].teammate: is missing"),
            (
                r#"{"children": [{"teammate": "bob", "title": " ", "brief": "b"}]}"#,
                "children[0].title: is empty",
            ),
            (
                r#"{"children": [{"teammate": "b", "title": "a\nb", "brief": "b"}]}"#,
                "children[0].title: must be one line",
            ),
            (
                r#"{"children": [{"teammate": "b", "title": "a", "brief": " "}]}"#,
                "children[0].brief: is empty",
            ),
            (
                r#"{"children": [{"teammate": "b", "title": "a", "brief": "\u0000"}]}"#,
                "children[0].brief: must not hold",
            ),
            (
                r#"{"children": [{"teammate": "b", "title": "a", "brief": "b", "acceptance_checks": ["", "b"]}]}"#,
                "children[0].acceptance_checks[0]: is empty",
            ),
            (
                r#"{"children": [{"teammate": "b", "title": "a", "brief": "b", "budget": 1}]}"#,
                "children[0].budget: a piece of work has no such field",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(why), "{error}");
        }
        for (extra, why) in [
            (r#", "wait": "one""#, "wait: must be `all` or `any`, not `one`"),
            (r#", "others": "leave""#, "others: is for `any`"),
            (r#", "wait": "any", "others": "kill""#, "others: must be `cancel` or `leave`"),
            (r#", "depth": 1"#, "depth: `delegate` has no such argument"),
        ] {
            let error = with(extra).expect_err(extra);
            assert!(error.starts_with(why), "{error}");
        }
    }

    #[test]
    fn texts_are_held_at_their_edges() {
        let piece = |title: usize, brief: usize, checks: usize, check: usize| {
            let checks = vec![format!("\"{}\"", "é".repeat(check)); checks].join(",");
            let (title, brief) = ("é".repeat(title), "b".repeat(brief));
            read(&format!(
                r#"{{"children": [{{"teammate": "b", "title": "{title}", "brief": "{brief}", "acceptance_checks": [{checks}]}}]}}"#
            ))
        };
        assert!(piece(MAX_TITLE_CHARS, MAX_BRIEF_BYTES, MAX_CHECKS, MAX_CHECK_CHARS).is_ok());
        assert!(piece(MAX_TITLE_CHARS + 1, 1, 0, 0).is_err());
        assert!(piece(1, MAX_BRIEF_BYTES + 1, 0, 0).is_err());
        assert!(piece(1, 1, MAX_CHECKS + 1, 1).is_err());
        assert!(piece(1, 1, 1, MAX_CHECK_CHARS + 1).is_err());
    }
}
