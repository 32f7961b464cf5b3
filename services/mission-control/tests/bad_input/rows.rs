//! The rows that people write: per RPC a good request, and what is wrong in ways that no descriptor knows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

const FILES: [(&str, &str); 4] = [
    ("identity.json", include_str!("rows/identity.json")),
    ("registry.json", include_str!("rows/registry.json")),
    ("tasks.json", include_str!("rows/tasks.json")),
    ("llm.json", include_str!("rows/llm.json")),
];

/// What is known about one RPC besides its descriptor.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rows {
    /// A body that is accepted.
    pub(crate) good: Option<Value>,
    /// A query that is accepted.
    pub(crate) query: BTreeMap<String, String>,
    /// True where a success uses its resource up, so that each success needs one of its own.
    pub(crate) consumes: bool,
    /// The verb that brings a resource of its own to where the call succeeds: `pause` before it can be resumed. `fail` is
    /// none of people's, and is what a worker would do to a run.
    pub(crate) after: Option<String>,
    /// What makes `good` another request, as a merge patch (RFC 7396); needed where there is a `request_id`.
    pub(crate) other: Option<Value>,
    /// Fields that need no row of their own, each with the reason.
    pub(crate) free: BTreeMap<String, String>,
    /// What is answered in place of 400 to an attempt that all fields get, by `{attempt}:{field}`.
    pub(crate) answers: BTreeMap<String, Expected>,
    /// Attempts of this RPC alone.
    #[serde(rename = "rows")]
    pub(crate) own: Vec<Row>,
}

/// One attempt of one RPC.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// What is tried.
    #[serde(rename = "try")]
    pub(crate) name: String,
    /// Merge patch (RFC 7396) to the good body.
    #[serde(default)]
    pub(crate) with: Option<Value>,
    /// Query parameters, on top of the good ones.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    /// What stands in place of the last segment of the name in the path.
    #[serde(default)]
    pub(crate) last: Option<String>,
    #[serde(flatten)]
    pub(crate) expected: Expected,
}

/// What is to come back.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Expected {
    #[serde(default = "bad_request")]
    pub(crate) status: u16,
    #[serde(default = "invalid_field")]
    pub(crate) reason: String,
    /// The field that is named; none where there is none to name.
    #[serde(default)]
    pub(crate) field: Option<String>,
}

fn bad_request() -> u16 {
    400
}

fn invalid_field() -> String {
    "INVALID_FIELD".to_owned()
}

/// All rows by `{Service}/{Method}`.
pub(crate) fn read() -> BTreeMap<String, Rows> {
    let mut all = BTreeMap::new();
    for (file, text) in FILES {
        let rows: BTreeMap<String, Rows> =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("rows/{file}: {error}"));
        for (rpc, rows) in rows {
            assert!(all.insert(rpc.clone(), rows).is_none(), "rows/{file}: {rpc} has rows elsewhere");
        }
    }
    all
}

/// Changes `target` by a merge patch (RFC 7396).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let object = target.as_object_mut().expect("made one above");
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Writes out what rows say in short: `${x*201}` is 201 times `x`, `{"times": 3, "of": "h${n}"}` three strings,
/// `${name}` whatever `known` has for it.
pub(crate) fn write_out(value: &Value, known: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(write_out_text(text, known)),
        Value::Array(items) => items.iter().map(|item| write_out(item, known)).collect(),
        Value::Object(object) => match (object.get("times").and_then(Value::as_u64), object.get("of")) {
            (Some(times), Some(of)) => (0..times)
                .map(|n| {
                    let mut known = known.clone();
                    known.insert("n".to_owned(), n.to_string());
                    write_out(of, &known)
                })
                .collect(),
            _ => object.iter().map(|(key, value)| (key.clone(), write_out(value, known))).collect(),
        },
        other => other.clone(),
    }
}

/// As [`write_out`], for text.
pub(crate) fn write_out_text(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').unwrap_or_else(|| panic!("{text}: no closing brace"));
        written.push_str(before);
        match name.rsplit_once('*') {
            Some((what, times)) => written.push_str(&what.repeat(times.parse().expect("a number of times"))),
            None => written.push_str(known.get(name).unwrap_or_else(|| panic!("{text}: who is {name}?"))),
        }
        rest = behind;
    }
    written + rest
}
