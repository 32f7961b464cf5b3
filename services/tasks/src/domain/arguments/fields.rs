//! Reading arguments one by one out of what a model wrote.

use serde_json::{Map, Value};

use super::{
    Finish, HttpRequest, MAX_BODY_BYTES, MAX_CHOICE_CHARS, MAX_CHOICES, MAX_EVIDENCE, MAX_EVIDENCE_CHARS,
    MAX_QUESTION_CHARS, MAX_SUMMARY_CHARS, Method, Question, check_content_type, check_path, check_text,
    check_url,
};
use crate::domain::tool::Tool;

/// The arguments that have not been read yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // Several models send nothing at all where they mean no arguments.
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(format!("the arguments must be one JSON object, not {}", name_of(&other))),
            Err(error) => {
                let start: String = text.chars().take(100).collect();
                Err(format!("the arguments are not valid JSON ({error}); they begin with `{start}`"))
            }
        }
    }

    pub(super) fn of(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// An argument that may be left out; `null` counts as left out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{name}: must be a string, not {}", name_of(&other))),
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("{name}: is missing"))
    }

    pub(super) fn path(&mut self) -> Result<String, String> {
        let path = self.required_text("path")?;
        check_path(&path).map_err(|why| format!("path: {why}"))?;
        Ok(path)
    }

    pub(super) fn offset(&mut self) -> Result<usize, String> {
        match self.take("offset") {
            None => Ok(0),
            Some(value) => value
                .as_u64()
                .and_then(|offset| usize::try_from(offset).ok())
                .ok_or_else(|| format!("offset: must be a whole number from 0, not {value}")),
        }
    }

    /// A list of texts that are not blank; empty when left out.
    pub(super) fn texts(&mut self, name: &str, most: usize, max_chars: usize) -> Result<Vec<String>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() > most => {
                Err(format!("{name}: has {} entries, and {most} is the most", items.len()))
            }
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(place, item)| match item {
                    Value::String(text) => {
                        check_text(&format!("{name}[{place}]"), &text, max_chars).map(|()| text)
                    }
                    other => Err(format!("{name}[{place}]: must be a string, not {}", name_of(&other))),
                })
                .collect(),
            Some(other) => Err(format!("{name}: must be a list of strings, not {}", name_of(&other))),
        }
    }

    pub(super) fn question(&mut self) -> Result<Question, String> {
        let question = self.required_text("question")?;
        check_text("question", &question, MAX_QUESTION_CHARS)?;
        let choices = self.texts("choices", MAX_CHOICES, MAX_CHOICE_CHARS)?;
        // Whoever answers has to be able to say it again.
        if let Some(place) = choices.iter().position(|choice| choice.chars().any(char::is_control)) {
            return Err(format!("choices[{place}]: must not hold control characters"));
        }
        let repeated = choices.iter().enumerate().find(|(place, choice)| choices[..*place].contains(choice));
        if let Some((place, choice)) = repeated {
            return Err(format!("choices[{place}]: `{choice}` is there already"));
        }
        Ok(Question { question, choices })
    }

    pub(super) fn http_request(&mut self) -> Result<HttpRequest, String> {
        let method = match self.required_text("method")?.as_str() {
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            other => {
                let other: String = other.chars().take(20).collect();
                return Err(format!("method: must be POST, PUT, PATCH or DELETE, not `{other}`"));
            }
        };
        let url = check_url(&self.required_text("url")?)?;
        let body = self.text("body")?;
        if let Some(body) = body.as_ref().filter(|body| body.len() > MAX_BODY_BYTES) {
            return Err(format!("body: is {} bytes long, and {MAX_BODY_BYTES} is the most", body.len()));
        }
        let content_type = match (self.text("content_type")?, &body) {
            (Some(_), None) => return Err("content_type: is given without a body".into()),
            (Some(given), Some(_)) => check_content_type(&given).map(|()| Some(given))?,
            (None, None) => None,
            (None, Some(body)) => {
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
                Some(if is_json { "application/json" } else { "text/plain; charset=utf-8" }.to_owned())
            }
        };
        Ok(HttpRequest { method, url, body, content_type })
    }

    pub(super) fn finish(&mut self) -> Result<Finish, String> {
        let summary = self.required_text("summary")?;
        check_text("summary", &summary, MAX_SUMMARY_CHARS)?;
        let evidence = self.texts("evidence", MAX_EVIDENCE, MAX_EVIDENCE_CHARS)?;
        let done = match self.text("outcome")?.as_deref() {
            None | Some("done") => true,
            Some("impossible") => false,
            Some(other) => return Err(format!("outcome: must be `done` or `impossible`, not `{other}`")),
        };
        Ok(Finish { summary, evidence, done })
    }

    /// An argument that the tool does not have is refused: passing it over would do something else than was asked.
    pub(super) fn none_left(&self, tool: Tool) -> Result<(), String> {
        match self.0.keys().min() {
            None => Ok(()),
            Some(name) => Err(format!("{name}: `{}` has no such argument", tool.name())),
        }
    }

    /// The same of an object within the arguments.
    pub(super) fn none_left_of(&self, what: &str) -> Result<(), String> {
        match self.0.keys().min() {
            None => Ok(()),
            Some(name) => Err(format!("{name}: {what} has no such field")),
        }
    }
}

pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
