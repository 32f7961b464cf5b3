//! Any server that speaks `OpenAI`'s chat completions over HTTP: llama.cpp, Ollama, vLLM, OpenRouter and others.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use mc_chassis::clock::SharedClock;
use mc_chassis::egress;
use reqwest::Response;
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::{Call, Chunks, Key, Provider};
use crate::domain::accumulate::Chunk;
use crate::domain::fault::{Fault, Kind};
use crate::wire::openai::request::{self, LimitField};
use crate::wire::openai::{fault, stream};

/// Bytes of an error's body that are read.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Bytes of a list of models, or of an answer that was not streamed, that are read.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How long the end of a stream may lag behind its end mark. Waiting for it lets the connection be used again.
const END_PATIENCE: Duration = Duration::from_millis(50);

/// How long a provider may be silent. Connecting has a deadline of its own, on the client; the whole generation has one
/// above all of these.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the request to the head of the reply. Long, because big models read long prompts in silence.
    pub first_byte: Duration,
    /// Between two reads of the stream; comments that keep it alive count.
    pub idle: Duration,
    /// From the request for a list of models to its end.
    pub list: Duration,
}

/// One server.
#[derive(Debug)]
pub struct OpenAiCompatible {
    /// Root of its API.
    pub base_url: Url,
    /// A client that reaches only what the egress policy allows.
    pub client: reqwest::Client,
    /// How long it may be silent.
    pub deadlines: Deadlines,
    /// For `Retry-After` dates.
    pub clock: SharedClock,
}

#[async_trait]
impl Provider for OpenAiCompatible {
    async fn open(&self, call: &Call, key: Option<&Key>) -> Result<Chunks, Fault> {
        let limit = LimitField::for_host(self.base_url.host_str().unwrap_or_default());
        let body = request::encode(&call.ask, limit)
            .map_err(|error| Fault::new(Kind::Refused, error.to_string()))?;
        let request = self
            .client
            .post(self.url("chat/completions"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body);
        let response = self.send(request, key, self.deadlines.first_byte).await?;
        let reading = Reading {
            response,
            decoder: stream::Decoder::default(),
            chunks: Vec::new(),
            deadlines: self.deadlines,
        };
        if reading.is_json() {
            return reading.whole().await;
        }
        Ok(reading.stream())
    }

    async fn models(&self, key: Option<&Key>) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            id: String,
        }
        let listed = async {
            let response = self.send(self.client.get(self.url("models")), key, self.deadlines.list).await?;
            read_body(response, MAX_BODY_BYTES).await
        };
        let body = timeout(self.deadlines.list, listed).await.map_err(|_| silent(self.deadlines.list))??;
        let list: List = serde_json::from_slice(&body)
            .map_err(|_| Fault::new(Kind::Unavailable, "the provider's answer is no list of models"))?;
        Ok(list.data.into_iter().map(|entry| entry.id).collect())
    }
}

impl OpenAiCompatible {
    fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        let root = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{root}/{path}"));
        url
    }

    /// Sends a request and returns a reply of 200; everything else is a fault without the key in it.
    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        key: Option<&Key>,
        patience: Duration,
    ) -> Result<Response, Fault> {
        let secret = key.map_or("", |key| key.as_str());
        let request =
            if secret.is_empty() { request } else { request.header(AUTHORIZATION, bearer(secret)?) };
        let exchange = async {
            let response = request.send().await.map_err(unreachable)?;
            let status = response.status().as_u16();
            if status == 200 {
                return Ok(response);
            }
            let retry_after = response.headers().get(RETRY_AFTER).cloned();
            let body = read_body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
            let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
            Err(fault::from_reply(status, &body, retry_after, self.clock.now()).without(secret))
        };
        timeout(patience, exchange).await.map_err(|_| silent(patience))?
    }
}

/// A stream that is being read. Dropping it drops the connection.
struct Reading {
    response: Response,
    decoder: stream::Decoder,
    chunks: Vec<Chunk>,
    deadlines: Deadlines,
}

impl Reading {
    fn is_json(&self) -> bool {
        let kind = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("application/json"))
    }

    /// The answer of a server that does not stream.
    async fn whole(self) -> Result<Chunks, Fault> {
        let idle = self.deadlines.first_byte;
        let body =
            timeout(idle, read_body(self.response, MAX_BODY_BYTES)).await.map_err(|_| silent(idle))??;
        let mut chunks = Vec::new();
        stream::decode_whole(&body, &mut chunks)?;
        Ok(Box::pin(futures::stream::iter(chunks.into_iter().map(Ok))))
    }

    fn stream(self) -> Chunks {
        let batches = futures::stream::unfold(Some(self), |reading| async {
            let mut reading = reading?;
            let more = reading.read().await;
            let mut batch: Vec<Result<Chunk, Fault>> = reading.chunks.drain(..).map(Ok).collect();
            let reading = match more {
                Ok(true) => Some(reading),
                Ok(false) => {
                    let mut last = Vec::new();
                    reading.decoder.finish(&mut last);
                    batch.extend(last.into_iter().map(Ok));
                    None
                }
                Err(fault) => {
                    batch.push(Err(fault));
                    None
                }
            };
            Some((futures::stream::iter(batch), reading))
        });
        Box::pin(futures::StreamExt::flatten(batches))
    }

    /// Reads once; false at the end.
    async fn read(&mut self) -> Result<bool, Fault> {
        let idle = self.deadlines.idle;
        let read = timeout(idle, self.response.chunk()).await.map_err(|_| silent(idle))?;
        let Some(bytes) = read.map_err(broken)? else { return Ok(false) };
        self.decoder.push(&bytes, &mut self.chunks)?;
        if self.chunks.contains(&Chunk::Done) {
            // Whether the end comes in time or not, the answer is whole.
            let _ = timeout(END_PATIENCE, self.response.chunk()).await;
            return Ok(false);
        }
        Ok(true)
    }
}

async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(broken)? {
        if body.len() + bytes.len() > limit {
            return Err(Fault::new(
                Kind::Unavailable,
                format!("the provider's answer is larger than {limit} bytes"),
            ));
        }
        body.extend_from_slice(Bytes::as_ref(&bytes));
    }
    Ok(body)
}

fn bearer(secret: &str) -> Result<HeaderValue, Fault> {
    let text = zeroize::Zeroizing::new(format!("Bearer {secret}"));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Fault::new(Kind::AuthFailed, "the key has characters that no HTTP header can carry"))?;
    // Keeps it out of logs and out of HTTP/2's header table.
    value.set_sensitive(true);
    Ok(value)
}

fn silent(patience: Duration) -> Fault {
    Fault::new(Kind::Unavailable, format!("the provider was silent for {} ms", patience.as_millis()))
}

fn broken(error: reqwest::Error) -> Fault {
    Fault::new(
        Kind::Unavailable,
        format!("the connection to the provider broke: {}", causes(&error.without_url())),
    )
}

fn unreachable(error: reqwest::Error) -> Fault {
    if let Some(refused) = egress::refusal(&error) {
        return Fault::new(Kind::Refused, format!("the provider may not be reached: {refused}"));
    }
    Fault::new(Kind::Unavailable, format!("the provider cannot be reached: {}", causes(&error.without_url())))
}

/// An error and what is behind it, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
