//! How large the head of a request may be. What is far beyond it is refused by the HTTP library, without a problem.

use axum::extract::Request;
use http::Uri;
use mc_chassis::Failure;
use tonic::Code;

use crate::problem::reason;

/// The longest path and query together, in bytes: no name comes near it, and a client that sends too long a one is told which.
pub const MAX_TARGET_BYTES: usize = 32 * 1024;

/// The most header lines that are taken.
pub const MAX_HEADERS: usize = 64;

/// The most bytes that names and values of all headers may have.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// What is read of a head at most, over HTTP/1 and HTTP/2 alike: room for all of the above, and a bound for the memory of a
/// connection.
pub(super) const READ_BYTES: u32 = 80 * 1024;

/// Refuses a head that is too large.
pub(super) fn check(request: &Request) -> Result<(), Failure> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        return Err(too_large(
            reason::TARGET_TOO_LONG,
            "path and query are longer",
            MAX_TARGET_BYTES,
            "bytes",
        ));
    }
    let headers = request.headers();
    if headers.len() > MAX_HEADERS {
        return Err(too_large(reason::HEADERS_TOO_LARGE, "there are more headers", MAX_HEADERS, "lines"));
    }
    // Over HTTP/2 the host is part of the target's authority; over HTTP/1 it is a header. It counts in both.
    let host = request.uri().authority().map_or(0, |authority| authority.as_str().len());
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes + host > MAX_HEADER_BYTES {
        return Err(too_large(
            reason::HEADERS_TOO_LARGE,
            "the headers are larger",
            MAX_HEADER_BYTES,
            "bytes",
        ));
    }
    Ok(())
}

/// The path for the log, without what makes it too long.
pub(super) fn short_path(uri: &Uri) -> &str {
    let path = uri.path();
    // A path is ASCII.
    path.get(..MAX_TARGET_BYTES.min(path.len())).unwrap_or_default()
}

fn too_large(reason: &'static str, what: &str, limit: usize, unit: &str) -> Failure {
    Failure::new(Code::InvalidArgument, reason, format!("{what} than {limit} {unit}"))
        .with("limit", limit.to_string())
}
