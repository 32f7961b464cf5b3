//! The arguments of the built-in tools, read from what a model wrote; what is wrong is said by name, for the model.

mod delegate;
mod fields;
mod wait;

use url::Url;

use super::tool::Tool;
pub use delegate::{Delegation, MAX_BRIEF_BYTES, MAX_CHECK_CHARS, MAX_CHECKS, MAX_TITLE_CHARS, Piece};
use fields::Fields;
pub use wait::{MAX_WAIT_REASON_CHARS, MAX_WAIT_SECONDS, Wait, WaitSpan};

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
/// Longest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Longest question to a person, in characters.
pub const MAX_QUESTION_CHARS: usize = 2_000;
/// Most answers to choose from.
pub const MAX_CHOICES: usize = 10;
/// Longest answer to choose from, in characters.
pub const MAX_CHOICE_CHARS: usize = 200;
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
    /// Of [`Tool::HttpRequest`].
    HttpRequest(HttpRequest),
    /// Of [`Tool::AskHuman`].
    AskHuman(Question),
    /// Of [`Tool::Wait`].
    Wait(Wait),
    /// Of [`Tool::Delegate`].
    Delegate(Delegation),
    /// Of [`Tool::Finish`].
    Finish(Finish),
}

/// A request that changes something elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is to be done.
    pub method: Method,
    /// An http or https address with a host, without credentials.
    pub url: Url,
    /// What is sent; at most [`MAX_BODY_BYTES`].
    pub body: Option<String>,
    /// `type/subtype` of the body, possibly with parameters; none without a body.
    pub content_type: Option<String>,
}

/// The methods that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question; not blank, at most [`MAX_QUESTION_CHARS`].
    pub question: String,
    /// Answers to choose from, all different; free text when empty.
    pub choices: Vec<String>,
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
            Tool::HttpRequest => Self::HttpRequest(fields.http_request()?),
            Tool::AskHuman => Self::AskHuman(fields.question()?),
            Tool::Wait => Self::Wait(fields.wait()?),
            Tool::Delegate => Self::Delegate(fields.delegation()?),
            Tool::Finish => Self::Finish(fields.finish()?),
        };
        fields.none_left(tool)?;
        Ok(arguments)
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

/// A control character that is neither a line break nor a tab.
fn unprintable(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
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

/// Like a media type, and parameters may follow it.
fn check_content_type(text: &str) -> Result<(), String> {
    let kind = text.split(';').next().unwrap_or_default().trim_end();
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.len() > MAX_MEDIA_TYPE_BYTES || !printable || check_media_type(kind).is_err() {
        return Err("content_type: must be `type/subtype`, for example `application/json`".into());
    }
    Ok(())
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
