//! Origins that the operator lists, and what CORS tells the pages that may call.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::pages::{self, Pages};

/// The desktop's webview: macOS and Linux, Windows, and Windows with `useHttpsScheme`.
pub const TAURI_ORIGINS: [&str; 3] =
    ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

/// Origins that may call the edge from a page. A request without an origin comes from no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

/// One origin as browsers send it: `https://app.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// Not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin: write scheme://host or scheme://host:port, without a path")]
pub struct NotAnOrigin(String);

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let wrong = || NotAnOrigin(text.to_owned());
        let url = url::Url::parse(text).map_err(|_| wrong())?;
        let bare =
            url.path().trim_end_matches('/').is_empty() && url.query().is_none() && url.fragment().is_none();
        let user = !url.username().is_empty() || url.password().is_some();
        let host = url.host_str().filter(|_| bare && !user && !text.ends_with('/')).ok_or_else(wrong)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{}://{host}{port}", url.scheme())))
    }
}

impl Origin {
    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Origins {
    fn default() -> Self {
        Self(TAURI_ORIGINS.iter().map(|origin| Origin((*origin).to_owned())).collect())
    }
}

impl FromStr for Origins {
    type Err = NotAnOrigin;

    /// Origins with commas between; none at all is a list too, for an edge that no page may call.
    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<_> = self.0.iter().map(|origin| origin.0.as_str()).collect();
        f.write_str(&origins.join(","))
    }
}

impl FromIterator<Origin> for Origins {
    fn from_iter<T: IntoIterator<Item = Origin>>(origins: T) -> Self {
        Self(origins.into_iter().collect())
    }
}

impl Origins {
    /// True if a request that says this `Origin` may pass.
    pub fn allow(&self, origin: Option<&HeaderValue>) -> bool {
        origin.is_none_or(|origin| self.0.iter().any(|allowed| allowed.0.as_bytes() == origin.as_bytes()))
    }
}

/// CORS as these pages are allowed it. Credentials are not: callers are told by a bearer, never by a cookie.
pub(super) fn layer(pages: Pages) -> CorsLayer {
    let may_call = move |origin: &HeaderValue, request: &Parts| {
        pages.may_call(Some(origin), pages::host(&request.uri, &request.headers).as_ref())
    };
    let own = |name| HeaderName::from_static(name);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may_call))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            own("idempotency-key"),
            own("last-event-id"),
            own("x-request-id"),
            own("traceparent"),
            own("tracestate"),
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            header::CONTENT_DISPOSITION,
            own("x-request-id"),
        ])
        .max_age(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_and_anything_else_is_refused() {
        for good in ["https://app.example.com", "http://localhost:1420", "tauri://localhost"] {
            assert_eq!(good.parse::<Origin>().expect(good).to_string(), good);
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://a.example/",
            "https://a.example/x",
            "https://u@a.example",
            "https://a?b",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn list_is_read_back_as_it_is_written() {
        let origins = Origins::default();
        assert_eq!(origins.to_string().parse::<Origins>().expect("list"), origins);
        assert_eq!("".parse::<Origins>().expect("none").0, []);
        assert!("tauri://localhost,*".parse::<Origins>().is_err());
    }

    #[test]
    fn only_listed_origins_pass_and_none_is_no_page() {
        let origins = Origins::default();
        assert!(origins.allow(None));
        assert!(origins.allow(Some(&HeaderValue::from_static("tauri://localhost"))));
        for other in ["https://evil.example", "null", "tauri://localhost.evil.example", "TAURI://LOCALHOST"] {
            assert!(!origins.allow(Some(&HeaderValue::from_static(other))), "{other}");
        }
    }
}
