//! Mission Control's REST API as any client would use it.

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A signed-in client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// A client of the edge at `url`, with an API token.
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        }
    }

    /// Where the edge is: `http://127.0.0.1:8080`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The bearer it holds.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Reads: `get("v1/me")`.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Makes or does something, under an idempotency key so that a lost reply can be asked for again.
    pub(crate) async fn post(&self, path: &str, body: &Value, key: &str) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some((body, key))).await
    }

    /// Reads bytes with their media type.
    pub(crate) async fn download(&self, path: &str) -> anyhow::Result<(String, Vec<u8>)> {
        let reply = self.http.get(format!("{}/{path}", self.url)).bearer_auth(&self.token).send().await;
        let reply = reply.with_context(|| format!("GET {path}"))?;
        let status = reply.status();
        let media_type = reply
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let bytes = reply.bytes().await.with_context(|| format!("read {path}"))?;
        if !status.is_success() {
            bail!("GET {path}: {}", problem(status, &bytes));
        }
        Ok((media_type, bytes.into()))
    }

    async fn call(&self, method: Method, path: &str, body: Option<(&Value, &str)>) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}/{path}", self.url)).bearer_auth(&self.token);
        if let Some((body, key)) = body {
            request = request.json(body).header("idempotency-key", format!("\"{key}\""));
        }
        let reply = request.send().await.with_context(|| what.clone())?;
        let status = reply.status();
        let bytes = reply.bytes().await.with_context(|| format!("read the reply of {what}"))?;
        if !status.is_success() {
            bail!("{what}: {}", problem(status, &bytes));
        }
        serde_json::from_slice(&bytes).with_context(|| format!("read the reply of {what}"))
    }
}

/// A text at a JSON pointer of a reply.
pub(crate) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("the reply has no text at {pointer}: {value}"))
}

/// What problem+json (RFC 9457) says, for people.
fn problem(status: StatusCode, body: &[u8]) -> String {
    let Ok(problem) = serde_json::from_slice::<Value>(body) else {
        return format!("{status} {}", String::from_utf8_lossy(body).trim());
    };
    let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let mut said = format!("{status} {} {}", part("reason"), part("detail"));
    for violation in problem["violations"].as_array().into_iter().flatten() {
        said.push_str("\n  ");
        said.push_str(&violation.to_string());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_names_its_reason_and_fields() {
        let body = br#"{"reason":"INVALID_FIELD","detail":"cannot be taken","violations":[{"field":"agent.spec.model"}]}"#;
        let said = problem(StatusCode::BAD_REQUEST, body);
        assert!(
            said.contains("INVALID_FIELD cannot be taken") && said.contains("agent.spec.model"),
            "{said}"
        );
    }
}
