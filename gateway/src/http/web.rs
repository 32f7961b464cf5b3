//! The web app: the files of a build at `/`, so that a browser finds the app and what it calls at one origin.
//!
//! Every path that belongs to no API and names no file is a page of the app, which routes by itself.

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use http::header::{self, HeaderName};
use http::uri::Authority;
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use mc_chassis::Failure;
use percent_encoding::percent_decode_str;
use tonic::Code;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::pages::{self, Pages};
use crate::problem::reason;

/// The file that every page of the app is.
pub(crate) const INDEX: &str = "index.html";
/// Where a build puts files whose names change with their content.
const ASSETS: &str = "/assets/";
/// First parts of paths that never are pages: calls, and what will be served to programs.
const RESERVED: [&str; 8] = ["v1", "openapi.json", "healthz", "readyz", "openai", "anthropic", "a2a", "mcp"];
/// Where the one-time link leads; told apart so that it says what is missing when there is no build.
const SIGN_IN: &str = "/sign-in";

const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, and asked about each time.
const ASK: &str = "no-cache";

/// Script and data of this origin alone. Styles may be inline: components set them on elements while they run.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'; connect-src 'self'";
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), display-capture=()";

/// What stands at `/` when there is no build.
const NO_BUILD: &str = include_str!("no_build.html");

/// The build, if the edge was given one.
#[derive(Debug)]
pub(super) struct Web {
    files: Option<ServeDir>,
}

impl Web {
    /// Serves the files of `folder`, which may be built anew at any time.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        let serve = |folder| {
            ServeDir::new(folder)
                .append_index_html_on_directories(false)
                .redirect_to_trailing_slash(false)
                .precompressed_br()
                .precompressed_gzip()
        };
        Self { files: folder.map(serve) }
    }

    /// True if the path is the app's to answer.
    pub(super) fn owns(&self, path: &str) -> bool {
        match self.files {
            Some(_) => is_page_or_file(path),
            None => path == "/" || path == SIGN_IN,
        }
    }

    /// Answers for a path that it owns.
    ///
    /// # Errors
    /// The host is not known, the method is not for files, or there is no such file.
    pub(super) async fn answer(&self, request: Request, known: &Pages) -> Result<Response<Body>, Failure> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let text = "pages and files are read: use GET or HEAD";
            let failure = Failure::new(Code::Unimplemented, reason::METHOD_NOT_ALLOWED, text);
            return Err(failure.with("allow", "GET, HEAD"));
        }
        let host = pages::host(request.uri(), request.headers()).filter(|host| known.are_at(host));
        let host = host.ok_or_else(unknown_host)?;
        let Some(files) = &self.files else { return Ok(no_build(StatusCode::OK)) };
        let mut response = find(files, request).await?;
        dress(&mut response, &host);
        Ok(response)
    }
}

/// No segment may be hidden (`.env`, `..`) or hold what some system takes for a separator. Escapes are undone first.
fn is_page_or_file(path: &str) -> bool {
    let Ok(path) = percent_decode_str(path).decode_utf8() else { return false };
    let fit = |segment: &str| !segment.starts_with('.') && !segment.contains(['\\', '\0']);
    let reserved = path.split('/').nth(1).is_some_and(|first| RESERVED.contains(&first));
    !reserved && path.split('/').all(fit)
}

/// The file at the path; else, where a page could be, the app.
async fn find(files: &ServeDir, request: Request) -> Result<Response<Body>, Failure> {
    let path = request.uri().path().to_owned();
    let is_root = path == "/";
    let mut app = Request::new(Body::empty());
    *app.method_mut() = request.method().clone();
    *app.uri_mut() = Uri::from_static("/index.html");
    app.headers_mut().clone_from(request.headers());
    let may_be_page = may_be_page(&path, request.headers().get(header::ACCEPT));
    if !is_root {
        let mut response = serve(files, request).await;
        if response.status() != StatusCode::NOT_FOUND {
            let kept = if path.starts_with(ASSETS) { FOREVER } else { ASK };
            cache(&mut response, kept);
            return Ok(response);
        }
        if !may_be_page {
            let text = "the web build has no such file; after an update, load the page again";
            return Err(Failure::new(Code::NotFound, reason::ROUTE_NOT_FOUND, text));
        }
    }
    let mut response = serve(files, app).await;
    if response.status() == StatusCode::NOT_FOUND {
        // A build empties its folder before it fills it.
        return Ok(no_build(StatusCode::SERVICE_UNAVAILABLE));
    }
    cache(&mut response, ASK);
    Ok(response)
}

/// A name with an ending is a file's, unless a browser is on its way to it as a page.
fn may_be_page(path: &str, accept: Option<&HeaderValue>) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let navigates =
        accept.and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    !path.starts_with(ASSETS) && (navigates || !last.contains('.'))
}

async fn serve(files: &ServeDir, request: Request) -> Response<Body> {
    match files.clone().oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// Only what is right may be kept.
fn cache(response: &mut Response<Body>, kept: &'static str) {
    let right = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let kept = if right { kept } else { "no-store" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
}

/// Headers that confine what the page can do. Older browsers do not take `'self'` for WebSockets, so these are named.
fn dress(response: &mut Response<Body>, host: &Authority) {
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        return;
    }
    let policy = HeaderValue::from_str(&format!("{POLICY} ws://{host} wss://{host}"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static(POLICY)));
    for (name, value) in [
        ("permissions-policy", PERMISSIONS),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn no_build(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(NO_BUILD));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

fn unknown_host() -> Failure {
    let text = "the web app is not at this host: use an address or localhost, or have the operator set MC_PUBLIC_URL";
    Failure::new(Code::FailedPrecondition, reason::HOST_NOT_ALLOWED, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_programs_and_hidden_files_are_no_pages() {
        for page in ["/", "/sign-in", "/runs/7", "/v10/x", "/assets/app-1.js", "/a%20b", "/v1x", "/é"] {
            assert!(is_page_or_file(page), "{page}");
        }
        for other in [
            "/v1",
            "/v1/me",
            "/%76%31/me",
            "/openapi.json",
            "/healthz",
            "/readyz",
            "/openai/v1/models",
            "/anthropic/v1/messages",
            "/a2a",
            "/mcp",
            "/.env",
            "/.well-known/agent-card.json",
            "/../secret",
            "/..%2fsecret",
            "/%2e%2e/secret",
            "/assets/..%5c..%5csecret",
            "/assets/%2e%2e%2f%2e%2e%2fsecret",
            "/x%00.js",
            "/%ff",
        ] {
            assert!(!is_page_or_file(other), "{other}");
        }
    }

    #[test]
    fn missing_file_is_not_the_app() {
        let html = HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8");
        let any = HeaderValue::from_static("*/*");
        assert!(may_be_page("/runs/7", Some(&any)) && may_be_page("/runs/7", None));
        assert!(may_be_page("/artifacts/report.md", Some(&html)), "a page about a file");
        assert!(!may_be_page("/favicon.ico", Some(&any)));
        assert!(!may_be_page("/assets/gone-1.js", Some(&html)) && !may_be_page("/assets/gone", Some(&html)));
    }
}
