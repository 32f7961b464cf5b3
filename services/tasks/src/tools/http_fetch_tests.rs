//! The fetch against a server that says whatever a test wants.

use std::future::pending;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::tools::bound::MAX_OUTPUT_BYTES;

fn grant(hosts: &[&str]) -> ToolGrant {
    ToolGrant {
        allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..ToolGrant::of("http_fetch")
    }
}

fn fetcher() -> HttpFetch {
    mc_chassis::install_crypto();
    HttpFetch::new(Egress::new("127.0.0.1".parse().unwrap()).unwrap())
}

/// Fetches `path` from a server that answers each request by `answer(path)`; `{port}` in an answer is its port.
async fn fetch_with(fetcher: HttpFetch, path: &str, answer: impl Fn(&str) -> Vec<u8>) -> ToolAnswer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with("GET "), "{head}");
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let bytes = answer(&path);
            // The client may have heard enough and be gone.
            let _ = stream.write_all(&bytes).await;
            if bytes.is_empty() {
                pending::<()>().await;
            }
        }
    };
    let url = Url::parse(&format!("http://127.0.0.1:{port}{path}")).unwrap();
    let grant = grant(&["127.0.0.1"]);
    let answer = tokio::select! {
        () = serve => unreachable!("the server never ends"),
        answer = fetcher.fetch(&url, &grant) => answer,
    };
    ToolAnswer { content: answer.content.replace(&port.to_string(), "PORT"), ..answer }
}

async fn fetch(path: &str, answer: impl Fn(&str) -> Vec<u8>) -> ToolAnswer {
    fetch_with(fetcher(), path, answer).await
}

fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_page_comes_with_its_status_type_and_address() {
    let answer =
        fetch("/a?b=c", |_| http("200 OK", "content-type: text/html; charset=utf-8\r\n", "<p>h\u{e9}")).await;
    assert_eq!(answer, ToolAnswer::said("HTTP 200 OK, text/html, http://127.0.0.1:PORT/a?b=c\n\n<p>h\u{e9}"));
}

#[tokio::test]
async fn an_error_status_is_an_error_with_its_page() {
    let answer = fetch("/", |_| http("404 Not Found", "", "gone")).await;
    assert_eq!(answer, ToolAnswer::failed("HTTP 404 Not Found, text/plain, http://127.0.0.1:PORT/\n\ngone"));
}

#[tokio::test]
async fn what_is_no_text_is_not_read() {
    let answer = fetch("/", |_| http("200 OK", "content-type: image/png\r\n", [0xff; 10])).await;
    assert_eq!(
        answer,
        ToolAnswer::failed(
            "HTTP 200 OK, image/png, http://127.0.0.1:PORT/: this is no text, so it was not read."
        )
    );
}

#[tokio::test]
async fn a_page_of_the_limit_is_whole_and_a_longer_one_is_cut() {
    let page = |bytes: usize| fetch("/", move |_| http("200 OK", "", "x".repeat(bytes)));
    assert!(page(MAX_OUTPUT_BYTES).await.content.ends_with("xx"));
    for bytes in [MAX_OUTPUT_BYTES + 1, 10 * MAX_OUTPUT_BYTES] {
        let content = page(bytes).await.content;
        assert!(content.ends_with("xx\n[cut here; only the beginning is given]"));
        assert_eq!(content.matches('x').count() - "text/plain".matches('x').count(), MAX_OUTPUT_BYTES);
    }
}

#[tokio::test]
async fn latin_1_is_read_and_other_bytes_show_as_unknown() {
    let latin =
        fetch("/", |_| http("200 OK", "content-type: text/plain; charset=\"ISO-8859-1\"\r\n", [b'h', 0xe9]))
            .await;
    assert!(latin.content.ends_with("h\u{e9}"));
    let broken = fetch("/", |_| http("200 OK", "content-type: text/plain\r\n", [b'h', 0xe9])).await;
    assert!(broken.content.ends_with("h\u{fffd}"));
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_granted_hosts_only() {
    let answer = fetch("/a", |path| match path {
        "/a" => http("302 Found", "location: b?c=d\r\n", ""),
        _ => http("200 OK", "", path),
    })
    .await;
    assert_eq!(answer, ToolAnswer::said("HTTP 200 OK, text/plain, http://127.0.0.1:PORT/b?c=d\n\n/b?c=d"));

    for (location, why) in [
        (
            "http://localhost/x",
            "You may not reach `localhost` (http://localhost/x). You may reach: 127.0.0.1.",
        ),
        (
            "//169.254.169.254/",
            "You may not reach `169.254.169.254` (http://169.254.169.254/). You may reach: 127.0.0.1.",
        ),
        (
            "file:///etc/passwd",
            "The server redirects to a bad address: url: must begin with http:// or https://, not file:.",
        ),
        (
            "http://u:p@127.0.0.1/",
            "The server redirects to a bad address: url: must not hold a user name or password.",
        ),
        ("http://", "The server redirects to something that is no address."),
    ] {
        let answer = fetch("/", |_| http("301 Moved", &format!("location: {location}\r\n"), "")).await;
        assert_eq!(answer, ToolAnswer::failed(why));
    }
}

#[tokio::test]
async fn the_sixth_redirect_is_the_last_straw() {
    let chain = |redirects: usize| {
        fetch("/0", move |path| {
            let place: usize = path[1..].parse().unwrap();
            if place < redirects {
                http("307 Go on", &format!("location: /{}\r\n", place + 1), "")
            } else {
                http("200 OK", "", "there")
            }
        })
    };
    assert!(chain(MAX_REDIRECTS).await.content.ends_with("there"));
    assert_eq!(
        chain(MAX_REDIRECTS + 1).await,
        ToolAnswer::failed("Redirected more than 5 times; the last address was http://127.0.0.1:PORT/6.")
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_after_the_time_limit() {
    let fetcher = HttpFetch { time_limit: Duration::from_millis(50), ..fetcher() };
    let answer = fetch_with(fetcher, "/", |_| Vec::new()).await;
    assert_eq!(answer, ToolAnswer::failed("No whole answer within 0 s."));
}

#[tokio::test]
async fn a_cut_answer_is_an_error_and_not_a_short_page() {
    let answer =
        fetch("/", |_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nhalf".to_vec())
            .await;
    assert!(answer.is_error && answer.content.starts_with("The fetch failed: "), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_the_cause() {
    let url = Url::parse("http://127.0.0.1:1/").unwrap();
    let answer = fetcher().fetch(&url, &grant(&["127.0.0.1"])).await;
    assert!(answer.is_error && answer.content.contains("refused"), "{answer:?}");
}

#[tokio::test]
async fn a_host_without_leave_is_never_asked() {
    let url = Url::parse("http://127.0.0.1:1/").unwrap();
    let answer = fetcher().fetch(&url, &grant(&["example.com"])).await;
    assert_eq!(
        answer,
        ToolAnswer::failed(
            "You may not reach `127.0.0.1` (http://127.0.0.1:1/). You may reach: example.com."
        )
    );
}

#[tokio::test]
async fn a_granted_host_that_the_deployment_does_not_let_out_is_not_reached() {
    mc_chassis::install_crypto();
    let fetcher = HttpFetch::new(Egress::new("127.0.0.2".parse().unwrap()).unwrap());
    let grant = grant(&["127.0.0.1", "localhost", "[::1]", "169.254.169.254"]);
    for url in ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://169.254.169.254/"] {
        let answer = fetcher.fetch(&Url::parse(url).unwrap(), &grant).await;
        assert!(answer.is_error && answer.content.contains("is refused"), "{url}: {answer:?}");
    }
}
