//! The arguments of the built-in tools, read from what a model wrote; what is wrong is said by name, for the model.

use serde_json::{Map, Value};
use url::Url;

use super::tool::Tool;

/// Longest artifact, in bytes.
pub const MAX_ARTIFACT_BYTES: usize = 4 * 1024 * 1024;
/// Longest artifact path, in characters.
pub const MAX_PATH_CHARS: usize = 255;
/// Longest address to fetch, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;
/// Longest summary, in characters.
pub const MAX_SUMMARY_CHARS: usize = 4_000;
/// Most pieces of evidence.
pub const MAX_EVIDENCE: usize = 50;
/// Longest piece of evidence, in characters.
pub const MAX_EVIDENCE_CHARS: usize = 2_000;
const MAX_MEDIA_TYPE_BYTES: usize = 127;

/// What a call asks for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// Of [`Tool::WriteArtifact`].
    WriteArtifact {
        /// A path that [`check_path`] passes.
        path: String,
        /// The whole text.
        content: String,
        /// `type/subtype`.
        media_type: String,
    },
    /// Of [`Tool::ReadArtifact`].
    ReadArtifact {
        /// A path that [`check_path`] passes.
        path: String,
        /// Byte to start at.
        offset: usize,
    },
    /// Of [`Tool::HttpFetch`].
    HttpFetch {
        /// An http or https address with a host, without credentials.
        url: Url,
    },
    /// Of [`Tool::Finish`].
    Finish(Finish),
}

/// What an agent says when it ends its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// What it did; not blank.
    pub summary: String,
    /// What shows it; no entry is blank.
    pub evidence: Vec<String>,
    /// False when it says that the task cannot be done.
    pub done: bool,
}

impl Arguments {
    /// Reads what a model wrote for `tool`; the error tells the model what to mend.
    pub fn parse(tool: Tool, text: &str) -> Result<Self, String> {
        let mut fields = Fields::parse(text)?;
        let arguments = match tool {
            Tool::WriteArtifact => {
                let path = fields.path()?;
                let content = fields.required_text("content")?;
                if content.len() > MAX_ARTIFACT_BYTES {
                    return Err(format!(
                        "content: is {} bytes long, and {MAX_ARTIFACT_BYTES} is the most; split it into files",
                        content.len()
                    ));
                }
                let media_type = match fields.text("media_type")? {
                    Some(given) => check_media_type(&given).map(|()| given)?,
                    None => media_type_of(&path).to_owned(),
                };
                Self::WriteArtifact { path, content, media_type }
            }
            Tool::ReadArtifact => Self::ReadArtifact { path: fields.path()?, offset: fields.offset()? },
            Tool::HttpFetch => Self::HttpFetch { url: check_url(&fields.required_text("url")?)? },
            Tool::Finish => Self::Finish(fields.finish()?),
        };
        fields.none_left(tool)?;
        Ok(arguments)
    }
}

/// The arguments that have not been read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn parse(text: &str) -> Result<Self, String> {
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

    /// An argument that may be left out; `null` counts as left out.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{name}: must be a string, not {}", name_of(&other))),
        }
    }

    fn required_text(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("{name}: is missing"))
    }

    fn path(&mut self) -> Result<String, String> {
        let path = self.required_text("path")?;
        check_path(&path).map_err(|why| format!("path: {why}"))?;
        Ok(path)
    }

    fn offset(&mut self) -> Result<usize, String> {
        match self.take("offset") {
            None => Ok(0),
            Some(value) => value
                .as_u64()
                .and_then(|offset| usize::try_from(offset).ok())
                .ok_or_else(|| format!("offset: must be a whole number from 0, not {value}")),
        }
    }

    fn finish(&mut self) -> Result<Finish, String> {
        let summary = self.required_text("summary")?;
        check_text("summary", &summary, MAX_SUMMARY_CHARS)?;
        let evidence = match self.take("evidence") {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() > MAX_EVIDENCE => {
                return Err(format!("evidence: has {} entries, and {MAX_EVIDENCE} is the most", items.len()));
            }
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(place, item)| match item {
                    Value::String(text) => {
                        check_text(&format!("evidence[{place}]"), &text, MAX_EVIDENCE_CHARS).map(|()| text)
                    }
                    other => Err(format!("evidence[{place}]: must be a string, not {}", name_of(&other))),
                })
                .collect::<Result<_, _>>()?,
            Some(other) => {
                return Err(format!("evidence: must be a list of strings, not {}", name_of(&other)));
            }
        };
        let done = match self.text("outcome")?.as_deref() {
            None | Some("done") => true,
            Some("impossible") => false,
            Some(other) => return Err(format!("outcome: must be `done` or `impossible`, not `{other}`")),
        };
        Ok(Finish { summary, evidence, done })
    }

    /// An argument that the tool does not have is refused: passing it over would do something else than was asked.
    fn none_left(&self, tool: Tool) -> Result<(), String> {
        match self.0.keys().min() {
            None => Ok(()),
            Some(name) => Err(format!("{name}: `{}` has no such argument", tool.name())),
        }
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn check_text(name: &str, text: &str, max_chars: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err(format!("{name}: is empty"))
    } else if chars > max_chars {
        Err(format!("{name}: is {chars} characters long, and {max_chars} is the most"))
    } else {
        Ok(())
    }
}

/// Checks a path of an artifact: relative, `/` between names, and safe to save under on any system.
pub fn check_path(path: &str) -> Result<(), String> {
    let chars = path.chars().count();
    if path.is_empty() {
        Err("is empty".into())
    } else if chars > MAX_PATH_CHARS {
        Err(format!("is {chars} characters long, and {MAX_PATH_CHARS} is the most"))
    } else if path.chars().any(char::is_control) {
        Err("holds a control character".into())
    } else if path.contains(['\\', ':']) {
        Err("must not hold `\\` or `:`; use `/` between folders".into())
    } else if path.starts_with('/') {
        Err("must be relative: leave out the leading `/`".into())
    } else if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        Err("must not hold an empty name, `.` or `..`".into())
    } else {
        Ok(())
    }
}

/// Checks an address to fetch: http or https, with a host and without credentials.
pub(crate) fn check_url(text: &str) -> Result<Url, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("url: is {} bytes long, and {MAX_URL_BYTES} is the most", text.len()));
    }
    let url = Url::parse(text).map_err(|error| format!("url: is no absolute address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("url: must begin with http:// or https://, not {}:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("url: must not hold a user name or password".into());
    }
    Ok(url)
}

fn check_media_type(text: &str) -> Result<(), String> {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, subtype)) if text.len() <= MAX_MEDIA_TYPE_BYTES && token(kind) && token(subtype) => {
            Ok(())
        }
        _ => Err("media_type: must be `type/subtype`, for example `text/markdown`".into()),
    }
}

fn media_type_of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "svg" => "image/svg+xml",
        _ => "text/plain",
    }
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
