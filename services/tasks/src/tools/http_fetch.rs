//! `http_fetch`: one GET of a text resource, only to hosts that the agent was granted, redirects included.

use std::time::Duration;

use mc_chassis::egress::Egress;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode};
use url::Url;

use super::ToolAnswer;
use super::bound::{MAX_OUTPUT_BYTES, piece};
use crate::domain::arguments::check_url;
use crate::domain::brief::ToolGrant;

/// Time for the whole of a fetch, redirects included.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;
/// A few bytes beyond what the model reads: enough to know that there is more.
const MAX_READ_BYTES: usize = MAX_OUTPUT_BYTES + 4;

/// Fetches text from the outside.
#[derive(Debug, Clone)]
pub struct HttpFetch {
    egress: Egress,
    time_limit: Duration,
}

impl HttpFetch {
    /// Fetches only what the deployment's policy lets out; each agent's granted hosts narrow that further.
    pub fn new(egress: Egress) -> Self {
        Self { egress, time_limit: TIME_LIMIT }
    }

    /// Fetches a page; whatever goes wrong on the way is an answer too.
    pub async fn fetch(&self, url: &Url, grant: &ToolGrant) -> ToolAnswer {
        match tokio::time::timeout(self.time_limit, self.follow(url, grant)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => ToolAnswer::failed(why),
            Err(_) => ToolAnswer::failed(format!("No whole answer within {} s.", self.time_limit.as_secs())),
        }
    }

    async fn follow(&self, url: &Url, grant: &ToolGrant) -> Result<ToolAnswer, String> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            check_host(&url, grant)?;
            self.egress.check(&url).await.map_err(|refused| format!("{refused}."))?;
            let request = self
                .egress
                .client()
                .get(url.clone())
                .header(ACCEPT, "text/*, application/json;q=0.9, */*;q=0.1");
            let response = request.send().await.map_err(|error| told(&error))?;
            match redirect(&response)? {
                Some(target) => url = target,
                None => return read(url, response).await,
            }
        }
        Err(format!("Redirected more than {MAX_REDIRECTS} times; the last address was {url}."))
    }
}

fn check_host(url: &Url, grant: &ToolGrant) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    if grant.allows_host(host) {
        return Ok(());
    }
    Err(format!("You may not reach `{host}` ({url}). You may reach: {}.", grant.allowed_hosts.join(", ")))
}

/// Where a redirect leads; none if it is no redirect.
fn redirect(response: &Response) -> Result<Option<Url>, String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let target = location
        .to_str()
        .ok()
        .and_then(|location| response.url().join(location).ok())
        .ok_or("The server redirects to something that is no address.")?;
    if response.url().scheme() == "https" && target.scheme() == "http" {
        return Err(format!("The server redirects from https to {target}, which is not followed."));
    }
    check_url(target.as_str())
        .map(Some)
        .map_err(|why| format!("The server redirects to a bad address: {why}."))
}

async fn read(url: Url, mut response: Response) -> Result<ToolAnswer, String> {
    let status = response.status();
    let media_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("text/plain")
        .to_ascii_lowercase();
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    if !is_text(kind) {
        return Err(format!("{}, {kind}, {url}: this is no text, so it was not read.", line(status)));
    }
    let mut body = Vec::new();
    while body.len() < MAX_READ_BYTES {
        match response.chunk().await.map_err(|error| told(&error))? {
            Some(chunk) => body.extend_from_slice(&chunk[..chunk.len().min(MAX_READ_BYTES - body.len())]),
            None => break,
        }
    }
    let text = decoded(&media_type, &body);
    let piece = piece(&text, 0);
    let remark = if piece.is_last() { "" } else { "\n[cut here; only the beginning is given]" };
    let content = format!("{}, {kind}, {url}\n\n{}{remark}", line(status), piece.text);
    Ok(if status.is_success() { ToolAnswer::said(content) } else { ToolAnswer::failed(content) })
}

fn line(status: StatusCode) -> String {
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
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("The fetch failed: {cause}.")
}

#[cfg(test)]
#[path = "http_fetch_tests.rs"]
mod tests;
