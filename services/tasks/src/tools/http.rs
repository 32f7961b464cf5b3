//! What the tools that speak HTTP have in common: whom they may ask, and how they read an answer.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use url::Url;

use super::bound::{MAX_OUTPUT_BYTES, piece};
use crate::domain::brief::ToolGrant;

/// A few bytes beyond what the model reads: enough to know that there is more.
const MAX_READ_BYTES: usize = MAX_OUTPUT_BYTES + 4;

/// Whether the grant lets the agent reach the host; the error is for the agent.
pub(super) fn check_host(url: &Url, grant: &ToolGrant) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    if grant.allows_host(host) {
        return Ok(());
    }
    Err(format!("You may not reach `{host}` ({url}). You may reach: {}.", grant.allowed_hosts.join(", ")))
}

/// An answer as the model reads it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `type/subtype`.
    pub(super) kind: String,
    /// The beginning of the body, with a remark where it was cut; none if it is no text.
    pub(super) text: Option<String>,
}

/// Reads the beginning of an answer. An error means that the answer was cut on its way.
pub(super) async fn read(mut response: Response) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let media_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("text/plain")
        .to_ascii_lowercase();
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    if !is_text(&kind) {
        return Ok(Answer { status, kind, text: None });
    }
    let mut body = Vec::new();
    while body.len() < MAX_READ_BYTES {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk[..chunk.len().min(MAX_READ_BYTES - body.len())]),
            None => break,
        }
    }
    let text = decoded(&media_type, &body);
    let piece = piece(&text, 0);
    let remark = if piece.is_last() { "" } else { "\n[cut here; only the beginning is given]" };
    Ok(Answer { status, kind, text: Some(format!("{}{remark}", piece.text)) })
}

/// `HTTP 404 Not Found`.
pub(super) fn line(status: StatusCode) -> String {
    format!("HTTP {} {}", status.as_u16(), status.canonical_reason().unwrap_or("")).trim_end().to_owned()
}

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind,
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/yaml"
                | "application/x-yaml"
                | "application/toml"
                | "application/x-ndjson"
        )
}

/// Text of the two encodings that the web still uses; in any other, what is no UTF-8 shows as such.
fn decoded(media_type: &str, body: &[u8]) -> String {
    let charset = media_type.split_once("charset=").map_or("", |(_, rest)| rest);
    let charset = charset.split(';').next().unwrap_or_default().trim().trim_matches('"');
    match charset {
        "iso-8859-1" | "latin1" => body.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The innermost cause is what a person can act on; the outer ones say only that a request failed.
pub(crate) fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
