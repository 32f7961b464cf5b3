//! Approval rules: which calls of an agent people need not be asked about again, in a language small enough to be exact.
//!
//! A pattern is a list of conditions. A call fits when its arguments are one JSON object in which no name comes twice, when
//! all conditions hold, and when every argument is spoken of by one of them: what a rule does not mention, it does not
//! allow. Whatever is in doubt does not fit, and then people are asked as before.

mod address;
mod json;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{ApprovalRuleId, UserId};

/// Conditions of one rule.
pub const MAX_CONDITIONS: usize = 16;
/// Characters of a pointer.
pub const MAX_POINTER_CHARS: usize = 256;
/// Bytes of the JSON of what is compared with, in one condition.
pub const MAX_VALUE_BYTES: usize = 8_192;
/// Values of one `one_of`.
pub const MAX_VALUES: usize = 50;
/// Characters of a text's beginning.
pub const MAX_PREFIX_CHARS: usize = 1_000;

/// A rule as a worker reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id.
    pub rule: ApprovalRuleId,
    /// Who made it.
    pub creator: UserId,
    /// The tool it is about.
    pub tool: String,
    /// What the arguments must be.
    pub pattern: Pattern,
}

/// What the arguments of a call must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(Vec<Condition>);

/// What one argument must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// JSON Pointer (RFC 6901) into the arguments; empty for all of them.
    pub pointer: String,
    /// What is to be there.
    #[serde(flatten)]
    pub matching: Match,
}

/// What is to be at a pointer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "match", rename_all = "snake_case")]
pub enum Match {
    /// Just this.
    Equals {
        /// The value.
        value: Value,
    },
    /// One of these.
    OneOf {
        /// The values.
        values: Vec<Value>,
    },
    /// A text that begins with this and is no address.
    TextPrefix {
        /// Its beginning.
        prefix: String,
    },
    /// An address at or below this one, by the rules of [`check_address`].
    UrlPrefix {
        /// Scheme, host, port and path, as they were written.
        url: String,
    },
    /// Whatever it is, or nothing.
    Any,
}

/// What is wrong with a condition: its place, the field, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Place of the condition.
    pub at: usize,
    /// Name of the field within it; empty for the condition itself.
    pub field: &'static str,
    /// Why.
    pub why: String,
}

impl Pattern {
    /// A pattern of these conditions; at most [`MAX_CONDITIONS`] are the caller's to see to.
    pub fn new(conditions: Vec<Condition>) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        for (at, condition) in conditions.iter().enumerate() {
            let mut flaw = |field, why: String| flaws.push(Flaw { at, field, why });
            if let Err(why) = check_pointer(&condition.pointer) {
                flaw("pointer", why);
            } else if conditions[..at].iter().any(|before| before.pointer == condition.pointer) {
                flaw("pointer", "comes twice; one condition speaks of one argument".into());
            }
            if let Err((field, why)) = condition.matching.check() {
                flaw(field, why);
            }
        }
        if flaws.is_empty() { Ok(Self(conditions)) } else { Err(flaws) }
    }

    /// The pattern that just these arguments fit. The error says why no rule can hold them.
    pub fn of_arguments(arguments_json: &str) -> Result<Self, String> {
        if arguments_json.len() > MAX_VALUE_BYTES {
            return Err(format!(
                "the arguments have {} bytes, and a rule can hold {MAX_VALUE_BYTES}; make a rule by itself, with conditions",
                arguments_json.len()
            ));
        }
        let value = json::object(arguments_json)
            .ok_or("the arguments are not one JSON object in which every name comes once")?;
        Ok(Self(vec![Condition { pointer: String::new(), matching: Match::Equals { value } }]))
    }

    /// Its conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// Whether a call with these arguments fits.
    pub fn fits(&self, arguments_json: &str) -> bool {
        let Some(arguments) = json::object(arguments_json) else { return false };
        self.0.iter().all(|condition| condition.holds(&arguments))
            && self.speaks_of(&arguments, &mut String::new())
    }

    /// Whether everything at and below a place is spoken of. Arguments that are none need no word.
    fn speaks_of(&self, value: &Value, place: &mut String) -> bool {
        if self.0.iter().any(|condition| condition.pointer == *place) {
            return true;
        }
        let mut below = |name: &str, value| {
            let length = place.len();
            place.push('/');
            place.push_str(name);
            let spoken = self.speaks_of(value, place);
            place.truncate(length);
            spoken
        };
        match value {
            Value::Object(members) if !members.is_empty() => {
                members.iter().all(|(name, value)| below(&escaped(name), value))
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().all(|(at, value)| below(&at.to_string(), value))
            }
            Value::Object(_) => place.is_empty(),
            _ => false,
        }
    }
}

impl Condition {
    fn holds(&self, arguments: &Value) -> bool {
        let found = arguments.pointer(&self.pointer);
        match (&self.matching, found) {
            (Match::Any, _) => true,
            (Match::Equals { value }, Some(found)) => value == found,
            (Match::OneOf { values }, Some(found)) => values.contains(found),
            (Match::TextPrefix { prefix }, Some(Value::String(text))) => {
                text.starts_with(prefix) && !address::is_address(text)
            }
            (Match::UrlPrefix { url }, Some(Value::String(text))) => address::is_below(url, text),
            (Match::TextPrefix { .. } | Match::UrlPrefix { .. }, Some(_)) | (_, None) => false,
        }
    }
}

impl Match {
    fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Equals { value } => check_size(&[value]).map_err(|why| ("equals_json", why)),
            Self::OneOf { values } => check_values(values).map_err(|why| ("one_of", why)),
            Self::TextPrefix { prefix } => {
                let length = prefix.chars().count();
                if !(1..=MAX_PREFIX_CHARS).contains(&length) {
                    let why = format!("must have 1 to {MAX_PREFIX_CHARS} characters; it has {length}");
                    return Err(("text_prefix", why));
                }
                if prefix.contains('\0') {
                    return Err(("text_prefix", "must not contain U+0000".into()));
                }
                Ok(())
            }
            Self::UrlPrefix { url } => address::check(url).map(drop).map_err(|why| ("url_prefix", why)),
            Self::Any => Ok(()),
        }
    }
}

/// Reads a JSON value that is compared with; a name must not come twice in it.
pub fn read_value(text: &str) -> Result<Value, String> {
    if text.len() > MAX_VALUE_BYTES {
        return Err(format!("has {} bytes, and {MAX_VALUE_BYTES} is the most", text.len()));
    }
    json::value(text)
        .map_err(|why| format!("must be one JSON value, for example \"POST\" in its quotes: {why}"))
}

fn check_values(values: &[Value]) -> Result<(), String> {
    if values.is_empty() || values.len() > MAX_VALUES {
        return Err(format!("must be 1 to {MAX_VALUES} values, not {}", values.len()));
    }
    if values.iter().enumerate().any(|(at, value)| values[..at].contains(value)) {
        return Err("holds a value twice".into());
    }
    check_size(&values.iter().collect::<Vec<_>>())
}

fn check_size(values: &[&Value]) -> Result<(), String> {
    let bytes: usize = values.iter().map(|value| value.to_string().len()).sum();
    if bytes > MAX_VALUE_BYTES {
        return Err(format!("has {bytes} bytes, and {MAX_VALUE_BYTES} is the most"));
    }
    Ok(())
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    let length = pointer.chars().count();
    if length > MAX_POINTER_CHARS {
        return Err(format!("has {length} characters, and {MAX_POINTER_CHARS} is the most"));
    }
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err("must be empty or begin with `/`, as in `/url` (RFC 6901)".into());
    }
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !escapes {
        return Err("holds `~` that is not followed by 0 or 1; write `~0` for `~` and `~1` for `/`".into());
    }
    if pointer.contains('\0') {
        return Err("must not contain U+0000".into());
    }
    Ok(())
}

/// A name as a pointer has it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Holds an address that others are compared with to what a rule can promise of it.
pub fn check_address(text: &str) -> Result<(), String> {
    address::check(text).map(drop)
}
