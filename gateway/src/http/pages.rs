//! Which pages may call the edge: those of the allow-list, and those that the edge itself serves.
//!
//! A page that the edge serves comes from the host that its request names. That alone proves nothing: a page of
//! `evil.example` whose name now resolves to this machine (DNS rebinding) has equal Origin and Host too. So the host
//! must be one that no stranger's DNS can point here: an address, a name of this machine, or the public one.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Response, Uri, header};
use mc_chassis::Failure;
use tonic::Code;

use super::{Edge, Origin, Origins, RequestContext};
use crate::problem::reason;

/// Pages that may call.
#[derive(Debug, Clone)]
pub struct Pages {
    listed: Origins,
    public: Vec<Origin>,
}

impl Pages {
    /// Pages of the origins in `listed`, of the addresses in `public`, and of this machine.
    pub fn new(listed: Origins, public: Vec<Origin>) -> Self {
        Self { listed, public }
    }

    /// True if a request to `host` that says this `Origin` may pass. Without an origin it comes from no page.
    pub fn may_call(&self, origin: Option<&HeaderValue>, host: Option<&Authority>) -> bool {
        let Some(origin) = origin else { return true };
        let is_public = || self.public.iter().any(|public| public.as_str().as_bytes() == origin.as_bytes());
        let is_own = || host.is_some_and(|host| is_local(host) && is_of(origin, host));
        self.listed.allow(Some(origin)) || is_public() || is_own()
    }

    /// True if the edge is known by this host: an address, a name of this machine, or that of a public URL.
    pub fn are_at(&self, host: &Authority) -> bool {
        let is = |public: &Origin| {
            public
                .as_str()
                .split_once("://")
                .is_some_and(|(_, known)| known.eq_ignore_ascii_case(host.as_str()))
        };
        is_local(host) || self.public.iter().any(is)
    }
}

/// The host that a request is for: of its URI (HTTP/2, proxies), else of its header.
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    let whole = |host: &Authority| host.as_str() == host.host() || host.port().is_some();
    uri.authority().cloned().or_else(named).filter(|host| !host.as_str().contains('@') && whole(host))
}

/// An address cannot be rebound; `localhost` and what ends in it is this machine (RFC 6761).
fn is_local(host: &Authority) -> bool {
    let name = host.host().to_ascii_lowercase();
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    bare.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

fn is_of(origin: &HeaderValue, host: &Authority) -> bool {
    let text = origin.to_str().unwrap_or_default();
    let of = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    of.is_some_and(|of| of.eq_ignore_ascii_case(host.as_str()))
}

/// Refuses what a page asks for that may not, before anything is done.
pub(super) async fn guard(
    State(edge): State<Arc<Edge>>,
    Extension(context): Extension<RequestContext>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let host = host(request.uri(), request.headers());
    if edge.pages.may_call(request.headers().get(header::ORIGIN), host.as_ref()) {
        return next.run(request).await;
    }
    let text = "pages of this origin may not call; the operator can add it to MC_GATEWAY_ORIGINS, or to MC_PUBLIC_URL if \
                it is this edge's own";
    context.problem(&Failure::new(Code::PermissionDenied, reason::ORIGIN_NOT_ALLOWED, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        let public = vec!["https://mc.example.com".parse().expect("origin")];
        Pages::new(Origins::default(), public)
    }

    fn may(origin: &str, host: &str) -> bool {
        let origin = HeaderValue::from_str(origin).expect("value");
        pages().may_call(Some(&origin), host.parse().ok().as_ref())
    }

    #[test]
    fn page_of_this_machine_may_call_where_it_came_from() {
        for host in [
            "127.0.0.1:8080",
            "localhost:8080",
            "[::1]:8080",
            "mc.localhost",
            "192.168.1.5:80",
            "LOCALHOST:1",
        ] {
            assert!(may(&format!("http://{host}"), host), "{host}");
            assert!(may(&format!("https://{host}"), host), "{host}");
        }
        assert!(!may("http://localhost:3000", "localhost:8080"), "another server of this machine");
        assert!(!may("http://127.0.0.1:8080", "localhost:8080"), "another origin, as browsers see it");
        assert!(!may("ftp://localhost", "localhost"));
        assert!(pages().may_call(None, None), "no page");
    }

    #[test]
    fn name_that_was_rebound_to_this_machine_may_not() {
        for host in ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost"]
        {
            assert!(!may(&format!("http://{host}"), host), "{host}");
            assert!(!pages().are_at(&host.parse().expect("host")), "{host}");
        }
        assert!(!may("null", "localhost"));
    }

    #[test]
    fn public_url_is_an_origin_and_a_host() {
        assert!(may("https://mc.example.com", "mc.example.com"));
        assert!(may("https://mc.example.com", "gateway:8080"), "behind a proxy that names the edge");
        assert!(!may("http://mc.example.com", "mc.example.com"), "not the scheme that was said");
        assert!(pages().are_at(&"MC.example.com".parse().expect("host")));
        assert!(!pages().are_at(&"mc.example.com:8443".parse().expect("host")));
    }

    #[test]
    fn host_is_that_of_the_uri_before_that_of_the_header() {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost:1"))]);
        let of = |uri: &'static str, headers: &HeaderMap| host(&Uri::from_static(uri), headers);
        assert_eq!(of("/x", &headers).expect("host").as_str(), "localhost:1");
        assert_eq!(of("http://evil.example/x", &headers).expect("host").as_str(), "evil.example");
        assert_eq!(of("/x", &HeaderMap::new()), None);
        for odd in
            ["localhost@evil.example", "localhost:80;script-src *", "localhost:80;x", "localhost:99999", ""]
        {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(odd))]);
            assert_eq!(of("/x", &headers), None, "{odd}");
        }
    }
}
