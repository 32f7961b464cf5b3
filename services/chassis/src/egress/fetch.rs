//! One request with everything bounded: hops, time, size; each hop judged, credentials kept to the origin they were meant for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use url::Url;

use super::{Egress, Refused};

/// Bounds of one fetch.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For everything: all hops and the body.
    pub timeout: Duration,
    /// Bytes of body at most.
    pub body_max: usize,
    /// Redirects at most.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), body_max: 4 << 20, redirects: 5 }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: Url,
    /// The status, which may be an error of the server's.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The policy refuses a hop.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The request failed.
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    /// It took too long.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The body is too long.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// A redirect cannot be followed.
    #[error("a redirect is not followed: {0}")]
    Redirect(String),
}

/// Headers that go along to another origin; everything else might be a credential.
const HARMLESS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT, header::CONTENT_TYPE];

impl Egress {
    /// Makes a request and follows its redirects, within limits. The request's own URL is judged like every other.
    pub async fn fetch(&self, request: reqwest::Request, limits: Limits) -> Result<Fetched, FetchError> {
        tokio::time::timeout(limits.timeout, Box::pin(self.follow(request, limits)))
            .await
            .unwrap_or(Err(FetchError::Timeout(limits.timeout)))
    }

    async fn follow(&self, mut request: reqwest::Request, limits: Limits) -> Result<Fetched, FetchError> {
        for hop in 0.. {
            self.check(request.url()).await?;
            let url = request.url().clone();
            let next = request.try_clone();
            let response = self.client().execute(request).await.map_err(failed)?;
            let Some(target) = redirect(&url, &response)? else {
                let (status, headers) = (response.status(), response.headers().clone());
                return Ok(Fetched {
                    url,
                    status,
                    headers,
                    body: read_body(response, limits.body_max).await?,
                });
            };
            if hop == limits.redirects {
                return Err(FetchError::Redirect(format!("{} is the most", limits.redirects)));
            }
            let next =
                next.ok_or_else(|| FetchError::Redirect("the request's body is a stream".to_owned()))?;
            request = redirected(next, response.status(), target)?;
        }
        unreachable!("the loop returns")
    }
}

/// Where a response sends to; none if it is no redirect.
fn redirect(from: &Url, response: &reqwest::Response) -> Result<Option<Url>, FetchError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(header::LOCATION) else { return Ok(None) };
    let target = location.to_str().ok().and_then(|location| from.join(location).ok());
    let target = target.ok_or_else(|| FetchError::Redirect("its location is no URL".to_owned()))?;
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(FetchError::Redirect("it leads from https to http".to_owned()));
    }
    Ok(Some(target))
}

/// The request of the next hop (RFC 9110, section 15.4).
fn redirected(
    mut request: reqwest::Request,
    status: StatusCode,
    target: Url,
) -> Result<reqwest::Request, FetchError> {
    let same_origin = request.url().origin() == target.origin();
    let becomes_get = match status {
        StatusCode::SEE_OTHER => request.method() != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method() == Method::POST,
        _ => false,
    };
    if becomes_get {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None;
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            request.headers_mut().remove(name);
        }
    }
    if !same_origin {
        if request.body().is_some() {
            return Err(FetchError::Redirect("it would send the body to another origin".to_owned()));
        }
        let headers = std::mem::take(request.headers_mut());
        let kept = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        request.headers_mut().extend(kept.filter(|(name, _)| HARMLESS.contains(name)));
    }
    *request.url_mut() = target;
    Ok(request)
}

/// Reads a body of at most `max` bytes.
pub async fn read_body(mut response: reqwest::Response, max: usize) -> Result<Bytes, FetchError> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(FetchError::TooLarge(max));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > max {
            return Err(FetchError::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn failed(error: reqwest::Error) -> FetchError {
    match refusal(&error) {
        Some(refused) => refused.clone().into(),
        // The URL may hold a secret in its query.
        None => FetchError::Request(error.without_url()),
    }
}

/// The refusal behind an error of [`Egress::client`], if the policy is what has failed the request.
pub fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return Some(refused);
        }
        cause = inner.source();
    }
    None
}
