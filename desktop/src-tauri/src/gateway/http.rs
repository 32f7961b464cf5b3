//! Calls to one gateway over HTTP: bounded in time and size, never redirected, never to another host.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, redirect};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use url::Url;

use super::Address;
use crate::error::{Error, Problem};
use crate::secret::Secret;

/// A connection that takes longer counts as unreachable.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A call that takes longer is given up.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// An answer that is longer is given up: the largest artifact (4 MiB) fits with room to spare.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// One call.
#[derive(Debug)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Path and query under `/v1/`.
    pub path: String,
    /// JSON body.
    pub body: Option<Box<RawValue>>,
    /// Makes a repeated call answer as the first one did.
    pub idempotency_key: Option<String>,
    /// Etag that must still be current, as it came.
    pub if_match: Option<String>,
}

impl Call {
    /// A call without more.
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), body: None, idempotency_key: None, if_match: None }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// As it came: what `if_match` takes.
    pub etag: Option<String>,
    /// Type of the body.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Turns answers that are not 2xx into the problem that they tell.
    pub fn succeeded(self, gateway: &Address) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(problem(gateway, self.status, &self.body))
        }
    }
}

/// Why there is no upgraded connection.
#[derive(Debug)]
pub enum NoUpgrade {
    /// The bearer is not accepted.
    Unauthenticated,
    /// The gateway is there, and says no.
    Refused(Error),
    /// It is not there.
    Unreachable(Error),
}

/// The clients of one gateway.
#[derive(Debug, Clone)]
pub struct Http {
    address: Address,
    calls: Client,
    /// Upgrades are a matter of HTTP/1.1.
    upgrades: Client,
}

impl Http {
    /// Clients for `address`; nothing is sent yet.
    pub fn new(address: Address) -> Result<Self, Error> {
        let failed =
            |error: reqwest::Error| Error::System(format!("TLS cannot be set up: {}", chain(&error)));
        let calls = client(&address).timeout(ANSWER_WITHIN).build().map_err(failed)?;
        let upgrades = client(&address).http1_only().build().map_err(failed)?;
        Ok(Self { address, calls, upgrades })
    }

    /// Where the calls go.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a call and reads its answer.
    pub async fn send(&self, url: Url, call: &Call, bearer: Option<&Secret>) -> Result<Answer, Error> {
        let mut request = self.calls.request(call.method.clone(), url);
        if let Some(bearer) = bearer {
            request = authorize(request, bearer)?;
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("idempotency-key", text_of_header("idempotencyKey", key)?);
        }
        if let Some(etag) = &call.if_match {
            request = request.header(IF_MATCH, text_of_header("ifMatch", etag)?);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.get().to_owned());
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// Opens `path` as a WebSocket of `protocol` and hands over the raw connection.
    pub async fn upgrade(
        &self,
        path: &str,
        protocol: &'static str,
        bearer: &Secret,
    ) -> Result<reqwest::Upgraded, NoUpgrade> {
        let key = generate_key();
        let url = self.address.resolve(path).map_err(NoUpgrade::Refused)?;
        let request = self.upgrades.get(url).headers(HeaderMap::from_iter([
            (reqwest::header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (reqwest::header::UPGRADE, HeaderValue::from_static("websocket")),
            (reqwest::header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
            (reqwest::header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
        ]));
        let request = request.header(reqwest::header::SEC_WEBSOCKET_KEY, key.as_str());
        let request = authorize(request, bearer).map_err(NoUpgrade::Refused)?;
        let response = match tokio::time::timeout(ANSWER_WITHIN, request.send()).await {
            Ok(response) => response.map_err(|error| NoUpgrade::Unreachable(self.unreachable(&error)))?,
            Err(_) => return Err(NoUpgrade::Unreachable(self.unreachable_because("no answer in time"))),
        };
        match response.status().as_u16() {
            101 => {}
            401 => return Err(NoUpgrade::Unauthenticated),
            status => {
                let body = self.read(response).await.map(|answer| answer.body).unwrap_or_default();
                let error = problem(&self.address, status, &body);
                return Err(if status >= 500 || status == 429 {
                    NoUpgrade::Unreachable(error)
                } else {
                    NoUpgrade::Refused(error)
                });
            }
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let agreed = header("sec-websocket-accept") == Some(derive_accept_key(key.as_bytes()).as_str())
            && header("sec-websocket-protocol") == Some(protocol);
        if !agreed {
            return Err(NoUpgrade::Refused(self.not_a_gateway("its WebSocket handshake is wrong")));
        }
        response.upgrade().await.map_err(|error| NoUpgrade::Unreachable(self.unreachable(&error)))
    }

    async fn read(&self, response: Response) -> Result<Answer, Error> {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = header(ETAG).map(str::to_owned);
        let content_type = header(CONTENT_TYPE).unwrap_or_default().to_owned();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| self.unreachable(&error))?;
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.not_a_gateway("its answer is longer than 16 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, etag, content_type, body })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        self.unreachable_because(&chain(error))
    }

    fn unreachable_because(&self, cause: &str) -> Error {
        Error::Unreachable { address: self.address.to_string(), cause: cause.to_owned() }
    }

    fn not_a_gateway(&self, cause: &str) -> Error {
        Error::NotAGateway { address: self.address.to_string(), cause: cause.to_owned() }
    }
}

fn client(address: &Address) -> ClientBuilder {
    let builder = Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        // A bearer goes to the gateway and nowhere else.
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("mission-control-desktop/", env!("CARGO_PKG_VERSION")));
    if address.is_local() { builder.no_proxy() } else { builder }
}

fn authorize(request: RequestBuilder, bearer: &Secret) -> Result<RequestBuilder, Error> {
    let mut value = text_of_header("token", &format!("Bearer {}", bearer.expose()))?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

fn text_of_header(field: &'static str, text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::invalid(field, "must be plain ASCII text"))
}

/// Reads the problem in an answer that is not 2xx.
fn problem(gateway: &Address, status: u16, body: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if problem.status == status => Error::Refused(problem),
        _ => {
            let cause = format!("status {status} without saying why");
            Error::NotAGateway { address: gateway.to_string(), cause }
        }
    }
}

/// The innermost cause, which is the one that says something: "Connection refused".
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() }
}
