//! Every limit of the edge at its last good value and one beyond.

use std::time::Duration;

use mc_gateway::Settings;
use mc_gateway::http::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET_BYTES};
use mc_gateway::ws::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::rig::{BEARER, Rig, json as send, until};
use crate::websocket::Client;

const AGENT: &str = "/v1/workspaces/w/agents/a";
/// Whatever has to be cut is cut within this.
const CUT_WITHIN: Duration = Duration::from_secs(10);

/// A connection whose bytes the test writes itself.
struct Wire(TcpStream);

impl Wire {
    async fn open(rig: &Rig) -> Self {
        Self(TcpStream::connect(&rig.address).await.expect("connect"))
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
    }

    /// All that comes until the edge closes the connection.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(CUT_WITHIN, self.0.read_to_end(&mut bytes)).await.expect("the edge closes it");
        // A reset is an end too.
        let _ = read;
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The head of a request with this target and these headers besides those that it needs.
fn head(target: &str, headers: &[(String, String)]) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {BEARER}\r\nConnection: close\r\n{headers}\r\n"
    )
}

/// Status and problem of an answer.
fn parse(answer: &str) -> (u16, Value) {
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    if status >= 400 {
        assert!(head.contains("content-type: application/problem+json"), "{answer}");
    }
    (status, serde_json::from_str(body).unwrap_or_default())
}

async fn ask(rig: &Rig, head: &str) -> (u16, Value) {
    let mut wire = Wire::open(rig).await;
    wire.say(head).await;
    parse(&wire.rest().await)
}

#[tokio::test]
async fn target_at_the_limit_is_read_and_one_byte_more_is_414() {
    let rig = Rig::start().await;
    let target = |length: usize| format!("{AGENT}?{}", "x".repeat(length - AGENT.len() - 1));
    assert_eq!(target(MAX_TARGET_BYTES).len(), MAX_TARGET_BYTES);
    let (status, problem) = ask(&rig, &head(&target(MAX_TARGET_BYTES), &[])).await;
    assert_eq!((status, problem["reason"].as_str()), (400, Some("INVALID_FIELD")), "it is read: {problem}");
    let (status, problem) = ask(&rig, &head(&target(MAX_TARGET_BYTES + 1), &[])).await;
    assert_eq!((status, problem["reason"].as_str()), (414, Some("TARGET_TOO_LONG")));
    assert_eq!(problem["metadata"]["limit"], MAX_TARGET_BYTES.to_string());
}

#[tokio::test]
async fn headers_at_the_limits_are_read_and_one_more_is_431() {
    let rig = Rig::start().await;
    // Host, Authorization and Connection are three.
    let lines = |count: usize| -> Vec<_> {
        (3..count).map(|number| (format!("x-{number}"), String::from("1"))).collect()
    };
    assert_eq!(ask(&rig, &head(AGENT, &lines(MAX_HEADERS))).await.0, 200);
    let (status, problem) = ask(&rig, &head(AGENT, &lines(MAX_HEADERS + 1))).await;
    assert_eq!((status, problem["reason"].as_str()), (431, Some("HEADERS_TOO_LARGE")));

    let needed = "host".len()
        + "localhost".len()
        + "authorization".len()
        + "Bearer ".len()
        + BEARER.len()
        + "connection".len()
        + "close".len();
    let large = |bytes: usize| vec![(String::from("x"), "y".repeat(bytes - needed - 1))];
    assert_eq!(ask(&rig, &head(AGENT, &large(MAX_HEADER_BYTES))).await.0, 200);
    let (status, problem) = ask(&rig, &head(AGENT, &large(MAX_HEADER_BYTES + 1))).await;
    assert_eq!((status, problem["reason"].as_str()), (431, Some("HEADERS_TOO_LARGE")));
    assert_eq!(problem["metadata"]["limit"], MAX_HEADER_BYTES.to_string());

    // What no connection keeps in memory is refused by the library, in few words, and closed.
    let mut wire = Wire::open(&rig).await;
    // The edge may close before it has taken all of it.
    let _ = wire.0.write_all(head(AGENT, &large(81 * 1024)).as_bytes()).await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 431 "));
    assert_eq!(rig.get(AGENT).await.0, 200, "nobody else is harmed");
}

#[tokio::test]
async fn head_that_is_too_large_is_refused_over_http2_too() {
    let rig = Rig::start().await;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().expect("client");
    let request = || http.get(format!("http://{}{AGENT}", rig.address)).bearer_auth(BEARER);
    assert_eq!(send(request().header("x", "y".repeat(31 * 1024))).await.0, 200);
    let (status, problem) = send(request().header("x", "y".repeat(MAX_HEADER_BYTES))).await;
    assert_eq!((status, problem["reason"].as_str()), (431, Some("HEADERS_TOO_LARGE")));
}

#[tokio::test]
async fn who_sends_nothing_or_a_head_byte_by_byte_is_cut() {
    let head_patience = Duration::from_millis(300);
    let rig = Rig::with(Settings { head_patience, ..Settings::default() }).await;
    // Nothing; what could be the beginning of either HTTP; a head without an end; HTTP/2 without a request.
    for said in ["", "P", "PRI * HTTP/2.0\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n", PREFACE] {
        let mut wire = Wire::open(&rig).await;
        let begun = Instant::now();
        wire.say(said).await;
        wire.rest().await;
        assert!(begun.elapsed() >= head_patience, "{said:?} had its time");
    }
    let mut wire = Wire::open(&rig).await;
    let head = head("/healthz", &[]);
    let (most, last) = head.split_at(head.len() - 1);
    wire.say(most).await;
    wire.say(last).await;
    assert_eq!(parse(&wire.rest().await).0, 200, "in time");
}

/// What a client of HTTP/2 begins with (RFC 9113, section 3.4), and empty settings.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn body_that_trickles_is_408() {
    let body_patience = Duration::from_millis(300);
    let rig = Rig::with(Settings { body_patience, ..Settings::default() }).await;
    for length in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut wire = Wire::open(&rig).await;
        wire.say(&format!(
            "POST /v1/workspaces/w/agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {BEARER}\r\n\
             Connection: close\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        ))
        .await;
        let (status, problem) = parse(&wire.rest().await);
        assert_eq!((status, problem["reason"].as_str()), (408, Some("BODY_TIMEOUT")), "{length}");
    }
}

#[tokio::test]
async fn one_call_too_many_is_503_with_the_time_to_come_back() {
    let call_deadline = Duration::from_secs(2);
    let rig = Rig::with(Settings { requests: 1, call_deadline, ..Settings::default() }).await;
    assert_eq!(rig.get(AGENT).await.0, 200, "one at a time");
    // Nobody behind the edge answers it.
    let hangs = rig.request("GET", "/v1/me").send();
    let beside = async {
        until("the call is in progress", || rig.fake.last_seen().0 == "GetMe").await;
        let response = rig.request("GET", AGENT).send().await.expect("answered");
        let again = response.headers().get("retry-after").cloned();
        (response.status().as_u16(), again, response.json::<Value>().await.expect("JSON"))
    };
    let (hung, (status, again, problem)) = tokio::join!(hangs, beside);
    assert_eq!(hung.expect("answered").status(), 504);
    assert_eq!((status, problem["reason"].as_str()), (503, Some("OVERLOADED")));
    assert_eq!(again.expect("retry-after"), "1");
    assert_eq!(rig.request("GET", "/healthz").send().await.expect("answered").status(), 200);
    assert_eq!(rig.get(AGENT).await.0, 200, "there is room again");
}

#[tokio::test]
async fn commands_at_a_time_have_a_limit() {
    let limits = Limits { commands: 2, ..Limits::default() };
    let call_deadline = Duration::from_secs(1);
    let rig = Rig::with(Settings { ws: limits, call_deadline, ..Settings::default() }).await;
    let mut client = Client::open(&rig).await;
    // Nobody behind the edge answers these.
    for id in ["1", "2", "3"] {
        client.send(json!({"type": "command", "id": id, "method": "GET", "path": "/v1/me"})).await;
    }
    let frame = client.next().await;
    assert_eq!((&frame["id"], &frame["problem"]["reason"]), (&json!("3"), &json!("TOO_MANY")));
    assert_eq!(frame["problem"]["metadata"]["limit"], "2");
    for _ in 0..2 {
        assert_eq!(client.next().await["problem"]["reason"], "DEADLINE_EXCEEDED");
    }
    client
        .send(json!({"type": "command", "id": "4", "method": "GET", "path": "/v1/workspaces/w/agents/a"}))
        .await;
    assert_eq!(client.next().await["type"], "ack", "there is room again");
}
