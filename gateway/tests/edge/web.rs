//! The web app over the wire: files, pages, what they may do, and what is refused.

use std::collections::HashMap;

use mc_gateway::Settings;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{BEARER, Rig};

const INDEX: &str = "<!doctype html><title>app</title>";
const SCRIPT: &str = "export const answer = 42;";

/// An edge with a build, beside a file that is none of its business.
struct Site {
    rig: Rig,
    folder: TempDir,
}

/// An answer, word for word.
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn reason(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        problem["reason"].as_str().expect("reason").to_owned()
    }
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let dist = folder.path().join("dist");
        std::fs::create_dir_all(dist.join("assets")).expect("folders");
        for (name, content) in [
            ("dist/index.html", INDEX),
            ("dist/favicon.svg", "<svg/>"),
            ("dist/.env", "SECRET=dist"),
            ("dist/assets/app-1a2b.js", SCRIPT),
            ("dist/assets/app-1a2b.js.br", "brotli"),
            ("dist/assets/app-1a2b.js.gz", "gzip"),
            ("dist/assets/app-1a2b.css", "body{}"),
            ("secret.txt", "SECRET=outside"),
        ] {
            std::fs::write(folder.path().join(name), content).expect("file");
        }
        let public_url = vec!["https://mc.example.com".parse().expect("origin")];
        let rig = Rig::with(Settings { web_dir: Some(dist), public_url, ..Settings::default() }).await;
        Self { rig, folder }
    }

    async fn get(&self, path: &str, headers: &str) -> Answer {
        ask(&self.rig, "GET", path, headers).await
    }
}

/// Sends a request as it is written: clients tidy paths up before they send them.
async fn ask(rig: &Rig, method: &str, path: &str, headers: &str) -> Answer {
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", rig.address) };
    let mut stream = TcpStream::connect(&rig.address).await.expect("connect");
    let request = format!("{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("send");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("answer");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("status");
    let mut headers: HashMap<String, String> = HashMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let all = headers.entry(name.to_lowercase()).or_default();
        *all = if all.is_empty() { value.to_owned() } else { format!("{all}, {value}") };
    }
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_pages_are_asked_about() {
    let site = Site::start().await;
    let script = site.get("/assets/app-1a2b.js", "").await;
    assert_eq!((script.status, script.body.as_slice()), (200, SCRIPT.as_bytes()));
    assert!(script.header("content-type").starts_with("text/javascript"), "{:?}", script.headers);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    let css = site.get("/assets/app-1a2b.css", "").await;
    assert!(css.header("content-type").starts_with("text/css"));
    let icon = site.get("/favicon.svg", "").await;
    assert_eq!((icon.header("content-type"), icon.header("cache-control")), ("image/svg+xml", "no-cache"));

    for page in ["/", "/index.html", "/runs/0192", "/sign-in", "/v10"] {
        let answer = site.get(page, "Accept: text/html\r\n").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, INDEX.as_bytes()), "{page}");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert_eq!(answer.header("cache-control"), "no-cache", "{page}");
        let tag = format!("If-None-Match: W/\"other\", {}\r\n", answer.header("etag"));
        let again = site.get(page, &tag).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{page}");
        assert_eq!(again.header("etag"), answer.header("etag"));
        assert_eq!(again.header("cache-control"), "no-cache");
    }
    let before = site.get("/", "").await.header("etag").to_owned();
    std::fs::write(site.folder.path().join("dist/index.html"), "<!doctype html><title>newer</title>")
        .expect("build");
    let after = site.get("/", &format!("If-None-Match: {before}\r\n")).await;
    assert_eq!((after.status, after.body.as_slice()), (200, &b"<!doctype html><title>newer</title>"[..]));
}

#[tokio::test]
async fn compressed_twins_parts_and_heads_are_served() {
    let site = Site::start().await;
    for (accept, encoding, body) in [
        ("gzip, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("br;q=0, gzip", "gzip", "gzip"),
        ("identity", "", SCRIPT),
    ] {
        let answer = site.get("/assets/app-1a2b.js", &format!("Accept-Encoding: {accept}\r\n")).await;
        assert_eq!((answer.header("content-encoding"), answer.body.as_slice()), (encoding, body.as_bytes()));
        assert!(
            answer.header("content-type").starts_with("text/javascript"),
            "of the script, not of its twin"
        );
        assert!(answer.header("vary").contains("accept-encoding"), "{:?}", answer.headers);
    }
    let part = site.get("/assets/app-1a2b.js", "Range: bytes=0-5\r\n").await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"export"[..]));
    assert_eq!(part.header("content-range"), format!("bytes 0-5/{}", SCRIPT.len()));
    let beyond = site.get("/assets/app-1a2b.js", "Range: bytes=900-\r\n").await;
    assert_eq!((beyond.status, beyond.header("cache-control")), (416, "no-store"));
    for path in ["/", "/assets/app-1a2b.js"] {
        let head = ask(&site.rig, "HEAD", path, "").await;
        let get = site.get(path, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-length", "content-type", "etag", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
            assert_ne!(head.header(name), "", "{path} {name}");
        }
    }
}

#[tokio::test]
async fn page_is_confined_to_its_origin() {
    let site = Site::start().await;
    for path in ["/", "/runs/7", "/assets/app-1a2b.js"] {
        let answer = site.get(path, "").await;
        let policy = answer.header("content-security-policy").to_owned();
        for part in [
            "default-src 'self';",
            "script-src 'self';",
            "img-src 'self' data: blob:;",
            "frame-ancestors 'none';",
            "base-uri 'none';",
            &format!("connect-src 'self' ws://{0} wss://{0}", site.rig.address),
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert!(!policy.contains("script-src 'self' ") && !policy.contains("unsafe-eval"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
        assert_ne!(answer.header("x-request-id"), "");
    }
}

#[tokio::test]
async fn nothing_outside_the_build_and_nothing_hidden_is_served() {
    let site = Site::start().await;
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "//secret.txt",
        "/%2fetc/passwd",
        "/.env",
        "/%2eenv",
        "/assets/%00.js",
        "/assets/",
        "/assets",
        "/assets/gone-9f.js",
        "/favicon.ico",
    ] {
        let answer = site.get(path, "").await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("root:"), "{path}");
        if answer.status == 200 {
            assert_eq!(answer.body, INDEX.as_bytes(), "{path} is a page of the app");
        } else {
            assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"), "{path}");
            assert_eq!(answer.reason(), "ROUTE_NOT_FOUND", "{path}");
        }
    }
    // Encoded once more it is a name like any other; what has an ending is not taken for a page.
    assert_eq!(site.get("/%252e%252e/secret.txt", "").await.status, 404);
    assert_eq!(site.get("/assets/gone-9f.js", "Accept: text/html\r\n").await.status, 404);
}

#[tokio::test]
async fn what_belongs_to_programs_stays_theirs() {
    let site = Site::start().await;
    for path in [
        "/v1",
        "/v1/nothing",
        "/%761/nothing",
        "/openai/v1/models",
        "/anthropic/v1/messages",
        "/a2a",
        "/mcp/x",
    ] {
        let answer = site.get(path, "Accept: text/html\r\n").await;
        assert_eq!((answer.status, answer.reason().as_str()), (404, "ROUTE_NOT_FOUND"), "{path}");
    }
    assert_eq!(site.get("/healthz", "").await.body, b"ok\n");
    assert!(site.get("/openapi.json", "").await.header("content-type").starts_with("application/json"));
    assert_eq!(
        site.get("/v1/workspaces/w/agents/a", &format!("Authorization: Bearer {BEARER}\r\n")).await.status,
        200
    );
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&site.rig, method, "/runs/7", "Content-Length: 0\r\n").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
        assert_eq!(answer.reason(), "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn app_is_at_known_hosts_alone_and_its_pages_may_call() {
    let site = Site::start().await;
    let port = site.rig.address.rsplit(':').next().expect("port").to_owned();
    for host in
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "[::1]:1".into(), "mc.example.com".into()]
    {
        assert_eq!(site.get("/", &format!("Host: {host}\r\n")).await.status, 200, "{host}");
        let scheme = if host.contains("example") { "https" } else { "http" };
        let headers =
            format!("Host: {host}\r\nOrigin: {scheme}://{host}\r\nAuthorization: Bearer {BEARER}\r\n");
        let answer = site.get("/v1/workspaces/w/agents/a", &headers).await;
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(answer.header("access-control-allow-origin"), format!("{scheme}://{host}"));
    }
    // A stranger's name that was made to resolve to this machine.
    for host in ["evil.example", "localhost.evil.example"] {
        let page = site.get("/", &format!("Host: {host}:{port}\r\n")).await;
        assert_eq!((page.status, page.reason().as_str()), (421, "HOST_NOT_ALLOWED"));
        let headers = format!(
            "Host: {host}:{port}\r\nOrigin: http://{host}:{port}\r\nAuthorization: Bearer {BEARER}\r\n"
        );
        let call = site.get("/v1/workspaces/w/agents/a", &headers).await;
        assert_eq!((call.status, call.reason().as_str()), (403, "ORIGIN_NOT_ALLOWED"));
        assert_eq!(call.header("access-control-allow-origin"), "");
    }
    let program = format!("Host: gateway:8080\r\nAuthorization: Bearer {BEARER}\r\n");
    assert_eq!(
        site.get("/v1/workspaces/w/agents/a", &program).await.status,
        200,
        "programs name the edge as they like"
    );
}

#[tokio::test]
async fn without_a_build_a_page_says_what_to_do() {
    let rig = Rig::start().await;
    for path in ["/", "/sign-in"] {
        let answer = ask(&rig, "GET", path, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
        let text = String::from_utf8(answer.body.clone()).expect("text");
        assert!(
            text.contains("MC_WEB_DIR") && text.contains("npm run build") && text.contains("/openapi.json")
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    assert_eq!(ask(&rig, "GET", "/runs/7", "Accept: text/html\r\n").await.reason(), "ROUTE_NOT_FOUND");

    let site = Site::start().await;
    std::fs::remove_file(site.folder.path().join("dist/index.html")).expect("a build begins");
    let answer = site.get("/runs/7", "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
}
