//! The guard against real sockets on loopback, which it refuses unless told otherwise.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::*;
use crate::lifecycle::Lifecycle;

fn egress(policy: &str) -> Egress {
    crate::install_crypto();
    Egress::new(policy.parse().unwrap()).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a server has been asked: method, path, headers.
type Seen = Arc<Mutex<Vec<(Method, String, HeaderMap)>>>;

/// `/to/<status>/x?<url>` redirects, to itself without a URL; `/bytes/<n>` sends n bytes in pieces; `/hang` never ends.
async fn server(lifecycle: &Lifecycle) -> (SocketAddr, Seen) {
    async fn answer(State(seen): State<Seen>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
        seen.lock().unwrap().push((method, uri.path().to_owned(), headers));
        let path: Vec<&str> = uri.path().splitn(4, '/').skip(1).collect();
        match path[..] {
            ["to", status, _] => {
                let target = HeaderValue::from_str(uri.query().unwrap_or("/to/302/x")).unwrap();
                (StatusCode::from_u16(status.parse().unwrap()).unwrap(), [("location", target)])
                    .into_response()
            }
            ["bytes", count] => {
                let pieces = (0..count.parse::<usize>().unwrap() / 100)
                    .map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100]));
                Body::from_stream(futures::stream::iter(pieces)).into_response()
            }
            ["hang"] => Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())
                .into_response(),
            _ => "arrived".into_response(),
        }
    }
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(seen.clone());
    lifecycle.spawn_background("server", async move { axum::serve(listener, app).await });
    (address, seen)
}

#[tokio::test]
async fn an_address_is_refused_in_whatever_spelling() {
    let guard = egress("");
    for spelling in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0xa9fea9fe",
        "10.1.2.3",
        "192.168.1.1",
    ] {
        let target = url(&format!("http://{spelling}:8080/"));
        assert!(
            matches!(guard.check(&target).await, Err(Refused::Address { .. })),
            "{spelling}: {:?}",
            guard.check(&target).await
        );
        let sent = guard.client().get(target).send().await.unwrap_err();
        assert_eq!(refusal(&sent), Some(&Refused::Url), "{spelling}: {sent:?}");
    }
}

#[tokio::test]
async fn only_http_without_credentials_in_the_url() {
    let guard = egress("127.0.0.1");
    for (text, refused) in [
        ("ftp://example.com/", Refused::Scheme("ftp".to_owned())),
        ("file:///etc/passwd", Refused::Scheme("file".to_owned())),
        ("gopher://127.0.0.1:6379/_FLUSHALL", Refused::Scheme("gopher".to_owned())),
        ("http://user@127.0.0.1/", Refused::Userinfo),
        ("http://:password@127.0.0.1/", Refused::Userinfo),
        ("http://127.0.0.1:0/", Refused::Host),
    ] {
        assert_eq!(guard.check(&url(text)).await, Err(refused), "{text}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_its_addresses() {
    let guard = egress("");
    let refused = guard.check(&url("http://localhost:11434/")).await.unwrap_err();
    assert!(matches!(&refused, Refused::Address { host, .. } if host == "localhost"), "{refused:?}");
    assert!(
        refused.to_string().ends_with("the operator can allow it with MC_EGRESS_ALLOW=localhost"),
        "{refused}"
    );
    let sent = guard.client().get("http://localhost:11434/").send().await.unwrap_err();
    assert_eq!(refusal(&sent), Some(&refused));
    assert_eq!(
        guard.check(&url("http://name.invalid/")).await,
        Err(Refused::Unresolved("name.invalid".to_owned()))
    );
}

#[tokio::test]
async fn what_the_operator_lists_is_reached_on_the_ports_listed() {
    let lifecycle = Lifecycle::new();
    let (address, _) = server(&lifecycle).await;
    let port = address.port();
    for (policy, target, reached) in [
        ("127.0.0.1", format!("http://127.0.0.1:{port}/"), true),
        ("127.0.0.0/8", format!("http://localhost:{port}/"), true),
        ("localhost", format!("http://localhost:{port}/"), true),
        ("localhost", format!("http://127.0.0.1:{port}/"), false),
        (&format!("localhost:{port}"), format!("http://LOCALHOST:{port}/"), true),
        ("localhost:1", format!("http://localhost:{port}/"), false),
        (&format!("localhost:1,localhost:{port}"), format!("http://localhost:{port}/"), true),
        (&format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}/"), true),
        (&format!("127.0.0.1:{port}"), format!("http://localhost:{port}/"), false),
        ("127.0.0.1:1", format!("http://127.0.0.1:{port}/"), false),
        ("*.internal", format!("http://localhost:{port}/"), false),
    ] {
        let guard = egress(policy);
        let (target, name) = (url(&target), target.clone());
        assert_eq!(guard.check(&target).await.is_ok(), reached, "{policy} for {name}");
        assert_eq!(guard.client().get(target).send().await.is_ok(), reached, "{policy} for {name}");
    }
}

/// A name on the list stands for a service; the metadata of the cloud is none.
#[test]
fn a_listed_name_does_not_open_link_local_addresses() {
    let policy: EgressPolicy = "metadata.google.internal".parse().unwrap();
    let metadata = "169.254.169.254".parse().unwrap();
    assert!(!policy.allows_resolved("metadata.google.internal", metadata, address::Kind::LinkLocal));
    assert!(policy.allows_resolved("metadata.google.internal", [10, 0, 0, 1].into(), address::Kind::Private));
    let policy: EgressPolicy = "169.254.169.254".parse().unwrap();
    assert!(policy.allows_resolved("metadata.google.internal", metadata, address::Kind::LinkLocal));
}

async fn get(guard: &Egress, target: &str, limits: Limits) -> Result<Fetched, FetchError> {
    guard.fetch(reqwest::Request::new(Method::GET, url(target)), limits).await
}

#[tokio::test]
async fn every_hop_is_judged_and_counted() {
    let lifecycle = Lifecycle::new();
    let (address, seen) = server(&lifecycle).await;
    let guard = egress(&address.to_string());
    let (inner, _) = server(&lifecycle).await;

    let fetched =
        get(&guard, &format!("http://{address}/to/302/x?/landed"), Limits::default()).await.unwrap();
    assert_eq!((fetched.url.path(), &fetched.body[..]), ("/landed", &b"arrived"[..]));
    let refused = get(&guard, &format!("http://{address}/to/302/x?http://{inner}/"), Limits::default()).await;
    assert!(matches!(refused, Err(FetchError::Refused(Refused::Address { .. }))), "{refused:?}");
    let refused =
        get(&guard, &format!("http://{address}/to/302/x?file:///etc/passwd"), Limits::default()).await;
    assert!(matches!(refused, Err(FetchError::Refused(Refused::Scheme(_)))), "{refused:?}");

    seen.lock().unwrap().clear();
    let limits = Limits { redirects: 3, ..Limits::default() };
    let looped = get(&guard, &format!("http://{address}/to/302/x"), limits).await;
    assert!(matches!(looped, Err(FetchError::Redirect(_))));
    assert_eq!(seen.lock().unwrap().len(), 4, "the first request and three redirects");
    let unfollowed = guard.client().get(format!("http://{address}/to/302/x?/landed")).send().await.unwrap();
    assert_eq!(unfollowed.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let lifecycle = Lifecycle::new();
    let ((here, _), (there, seen)) = (server(&lifecycle).await, server(&lifecycle).await);
    let guard = egress("127.0.0.1");
    let request = |target: String| {
        guard
            .client()
            .post(target)
            .header("authorization", "Bearer x")
            .header("x-api-key", "x")
            .header("cookie", "x")
            .header("accept", "text/html")
            .body("body")
    };
    let to = |status: u16| request(format!("http://{here}/to/{status}/x?http://{there}/")).build().unwrap();
    guard.fetch(to(303), Limits::default()).await.unwrap();
    let (method, _, headers) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((method, headers["accept"].to_str().unwrap()), (Method::GET, "text/html"));
    for secret in ["authorization", "x-api-key", "cookie", "content-type", "referer"] {
        assert!(!headers.contains_key(secret), "{secret}");
    }
    assert!(matches!(guard.fetch(to(307), Limits::default()).await, Err(FetchError::Redirect(_))));
    assert!(seen.lock().unwrap().is_empty(), "no body went to another origin");
    let same = request(format!("http://{there}/to/308/x?/landed")).build().unwrap();
    guard.fetch(same, Limits::default()).await.unwrap();
    let (method, _, headers) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((method, headers["x-api-key"].to_str().unwrap()), (Method::POST, "x"));
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let lifecycle = Lifecycle::new();
    let (address, _) = server(&lifecycle).await;
    let guard = egress("127.0.0.1");
    let limits = Limits { body_max: 1_000, timeout: Duration::from_secs(20), redirects: 0 };
    assert_eq!(get(&guard, &format!("http://{address}/bytes/1000"), limits).await.unwrap().body.len(), 1_000);
    let large = get(&guard, &format!("http://{address}/bytes/1100"), limits).await;
    assert!(matches!(large, Err(FetchError::TooLarge(1_000))), "{large:?}");
    let limits = Limits { timeout: Duration::from_millis(100), ..limits };
    let hung = get(&guard, &format!("http://{address}/hang"), limits).await;
    assert!(matches!(hung, Err(FetchError::Timeout(_))), "{hung:?}");
}
