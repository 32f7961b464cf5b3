//! From an HTTP request to a call and from its outcome to an HTTP response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, EXPECT, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mc_chassis::Failure;
use tonic::Code;

use super::{Edge, RequestContext, pieces, sse};
use crate::problem::reason;
use crate::transcode::call::{Call, Outcome};
use crate::transcode::reply::Reply;

/// The largest body that is taken.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How much of a body that is too large is still read, and for how long, so that its client sees the answer.
const DISCARD_BYTES: usize = 16 * 1024 * 1024;
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);

/// How long a body may take to arrive.
pub const BODY_PATIENCE: Duration = Duration::from_mins(1);

/// Carries out the RPC that stands at the request's method and path.
///
/// # Errors
/// There is none, the request cannot be read as its request, or it fails.
pub(super) async fn answer(
    edge: &Arc<Edge>,
    context: &RequestContext,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    // What HEAD promises is what GET would say, without its body.
    let head = parts.method == Method::HEAD;
    let mut call = Call {
        method: if head { Method::GET } else { parts.method },
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: Bytes::new(),
        idempotency_key: header(&parts.headers, "idempotency-key")?,
        if_match: header(&parts.headers, "if-match")?,
        last_event_id: header(&parts.headers, "last-event-id")?.filter(|id| !id.is_empty()),
        origin: context.origin(&parts.headers),
    };
    if head && edge.transcoder.is_streaming(&call) {
        let failure =
            Failure::new(Code::Unimplemented, reason::METHOD_NOT_ALLOWED, "a stream has no HEAD; use GET");
        return Err(failure.with("allow", "GET"));
    }
    call.body = read_body(&parts.headers, body, edge.settings.body_patience).await?;
    let response = match edge.transcoder.call(&call).await? {
        Outcome::Stream(stream) => sse::respond(edge, context.clone(), *stream),
        Outcome::Reply(Reply::Message { json, etag }) => {
            message(json, etag.as_deref(), &call.method, &parts.headers)
        }
        Outcome::Reply(Reply::Content { media_type, data }) => content(&media_type, data.into()),
        Outcome::Content(stream) => {
            content(&stream.media_type.clone(), pieces::body(*stream, edge.settings.recheck))
        }
    };
    Ok(if head { without_body(response) } else { response })
}

/// A header that must be text if it is there.
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::invalid(name, "is given twice"));
    }
    let text = value.to_str().map_err(|_| Failure::invalid(name, "must be visible ASCII"))?;
    Ok(Some(text.to_owned()))
}

async fn read_body(headers: &HeaderMap, body: Body, patience: Duration) -> Result<Bytes, Failure> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        // A client that asks before it sends takes the answer without sending.
        if !headers.contains_key(EXPECT) {
            discard(body).await;
        }
        return Err(too_large());
    }
    let mut body = body;
    let whole = tokio::time::timeout(patience, Limited::new(&mut body, MAX_BODY_BYTES).collect());
    let bytes = match whole.await.map_err(|_| trickled(patience))? {
        Ok(body) => body.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            discard(body).await;
            return Err(too_large());
        }
        Err(_) => return Err(Failure::invalid("body", "ended before it was whole")),
    };
    if !bytes.is_empty() && !is_json(headers.get(CONTENT_TYPE)) {
        return Err(Failure::new(
            Code::InvalidArgument,
            reason::UNSUPPORTED_MEDIA_TYPE,
            "send the body as UTF-8 with Content-Type: application/json",
        ));
    }
    Ok(bytes)
}

/// Reads on, within bounds, past what nobody wants: over HTTP/1 a client that is still sending when the connection closes
/// never reads the answer (RFC 9112, section 9.6).
async fn discard(mut body: Body) {
    let mut room = DISCARD_BYTES;
    let drain = async {
        while let Some(Ok(frame)) = body.frame().await {
            match room.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(left) => room = left,
                None => return,
            }
        }
    };
    // Whoever is still sending after this will not see why it was refused.
    let _ = tokio::time::timeout(DISCARD_PATIENCE, drain).await;
}

fn trickled(patience: Duration) -> Failure {
    let text = format!("the body did not arrive within {} s", patience.as_secs_f32().ceil());
    Failure::new(Code::DeadlineExceeded, reason::BODY_TIMEOUT, text)
}

fn too_large() -> Failure {
    let text = format!("the body is larger than {MAX_BODY_BYTES} bytes");
    Failure::new(Code::InvalidArgument, reason::BODY_TOO_LARGE, text)
        .with("limit_bytes", MAX_BODY_BYTES.to_string())
}

/// `application/json`, or a type that ends in `+json`; a charset, if any, must be UTF-8.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    json && parts
        .all(|part| part.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8"))
}

fn message(json: Bytes, etag: Option<&str>, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let tag = etag.and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok());
    let known = method == Method::GET
        && tag.is_some()
        && headers.get(IF_NONE_MATCH).is_some_and(|wanted| {
            wanted.to_str().is_ok_and(|text| {
                text.split(',').any(|one| {
                    one.trim().trim_start_matches("W/").trim_matches('"') == etag.unwrap_or_default()
                })
            })
        });
    let mut response = Response::new(if known { Body::empty() } else { Body::from(json) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Bytes that somebody else wrote: offered for saving, never shown or run as a page of the edge.
fn content(media_type: &str, data: Body) -> Response<Body> {
    let mut response = Response::new(data);
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = HeaderValue::from_str(media_type).ok().filter(|value| !value.is_empty()).unwrap_or(octets);
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

fn without_body(response: Response<Body>) -> Response<Body> {
    use http_body::Body as _;
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

/// OPTIONS that is no preflight: which methods a path takes. The layer for CORS takes any OPTIONS for one.
pub(super) fn options(edge: &Edge, request: &Request) -> Option<Response<Body>> {
    if request.method() != Method::OPTIONS || request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut methods = edge.transcoder.methods(request.uri().path());
    if methods.is_empty() {
        return None;
    }
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.push("OPTIONS".to_owned());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_taken() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/merge-patch+json",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(Some(&HeaderValue::from_static(good))), "{good}");
        }
        for bad in ["text/plain", "application/jsonp", "application/json; charset=latin1", "text/x+json", ""]
        {
            assert!(!is_json(Some(&HeaderValue::from_static(bad))), "{bad}");
        }
        assert!(!is_json(None));
    }
}
