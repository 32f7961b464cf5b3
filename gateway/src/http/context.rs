//! What every request passes through: its id, its trace, its line in the log, and the headers that no answer lacks.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use mc_chassis::Failure;
use tracing::Instrument;

use super::client::{self, Peer};
use super::{Edge, answer, head};
use crate::auth::bearer;
use crate::problem::Problem;
use crate::transcode::call::Origin;

/// Header with the id under which a request is found in every log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request before anything is done with it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id: the client's if it is 1 to 128 visible ASCII characters, else a new one.
    pub request_id: String,
    /// The client's network address, if the request came over a network.
    pub client: Option<IpAddr>,
}

impl RequestContext {
    /// Who calls. The bearer is looked for in `Authorization`; where there are two of those nobody is to guess which
    /// counts, and none does.
    pub fn origin(&self, headers: &HeaderMap) -> Origin {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_single = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_none();
        Origin {
            bearer: text("authorization").filter(|_| is_single).and_then(bearer).map(str::to_owned),
            request_id: self.request_id.clone(),
            client: self.client,
            traceparent: text("traceparent").filter(|value| is_traceparent(value)).map(str::to_owned),
        }
    }

    /// A failure as the answer to this request.
    pub fn problem(&self, failure: &Failure) -> Response<Body> {
        Problem::new(failure, &self.request_id).into_response()
    }
}

/// Wraps every request.
pub(super) async fn around(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let hops = edge.settings.trusted_hops;
    let context = RequestContext {
        request_id: request_id(&edge, request.headers()),
        client: peer.map(|Peer(peer)| client::address(peer, request.headers(), hops)),
    };
    let method = request.method().clone();
    let path = head::short_path(request.uri()).to_owned();
    let span = tracing::info_span!(
        "http request",
        otel.kind = "server",
        http.request.method = %method,
        url.path = path,
        request_id = context.request_id,
        http.response.status_code = tracing::field::Empty,
    );
    mc_chassis::telemetry::adopt(&span, request.headers());
    request.extensions_mut().insert(context.clone());
    let begun = edge.ambient.clock.instant();
    let mut response = match (head::check(&request), answer::options(&edge, &request)) {
        (Err(failure), _) => context.problem(&failure),
        (Ok(()), Some(response)) => response,
        (Ok(()), None) => next.run(request).instrument(span.clone()).await,
    };
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let elapsed_us = begun.elapsed().as_micros() as u64;
    if path != "/healthz" && path != "/readyz" {
        span.in_scope(|| tracing::info!(%method, path, status, elapsed_us, "answered"));
    }
    finish(response.headers_mut(), &context.request_id);
    response
}

fn request_id(edge: &Edge, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let fit = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    given.filter(fit).map_or_else(|| edge.ambient.ids.uuid().to_string(), str::to_owned)
}

/// `{version}-{32 hex}-{16 hex}-{2 hex}`, not all zero (W3C Trace Context).
pub(crate) fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    matches!(parts[..], [version, trace, parent, flags] if hex(version, 2) && version != "ff" && hex(trace, 32)
        && hex(parent, 16) && hex(flags, 2) && trace.bytes().any(|byte| byte != b'0') && parent.bytes().any(|byte| byte != b'0'))
}

/// Headers that no answer lacks. What an answer says itself stays.
fn finish(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Answers for a handler that panics; the panic itself is for the log.
pub(super) async fn contain_panics(
    Extension(context): Extension<RequestContext>,
    request: Request,
    next: Next,
) -> Response<Body> {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(panic = text.unwrap_or("a panic without text"), "a request handler has panicked");
            context.problem(&Failure::internal())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_taken_only_when_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
