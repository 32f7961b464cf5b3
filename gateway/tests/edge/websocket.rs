//! The WebSocket with a real client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use mc_chassis::Failure;
use mc_gateway::Settings;
use mc_gateway::ws::{Limits, frame};
use mc_proto::tasks::v1::{ModelCallCompleted, RunEvent, run_event, watch_run_response::Update};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::fake::{Script, delta, event};
use crate::rig::{BEARER, Rig, until};

const RUN: &str = "workspaces/w/runs/r";

pub(crate) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn open(rig: &Rig) -> Self {
        Self::try_open(rig, &format!("mc.v1, bearer.{BEARER}"), None).await.expect("opened")
    }

    /// The status of a refusal.
    async fn try_open(rig: &Rig, protocols: &str, origin: Option<&str>) -> Result<Self, u16> {
        let mut request = format!("ws://{}/v1/ws", rig.address).into_client_request().expect("request");
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocols.parse().expect("value"));
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().expect("value"));
        }
        match connect_async(request).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "mc.v1", "the bearer is not echoed");
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("connect: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("sent");
    }

    pub(crate) async fn subscribe(&mut self, topic: &str, cursor: Option<&str>) {
        let mut frame = json!({"type": "subscribe", "id": "s", "topic": topic});
        if let Some(cursor) = cursor {
            frame["cursor"] = cursor.into();
        }
        self.send(frame).await;
        assert_eq!(self.next().await, json!({"type": "ack", "id": "s"}));
    }

    /// The next frame. It must come within ten seconds.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message =
                tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("in time");
            match message.expect("open").expect("message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// Frames up to the one that satisfies `last`.
    pub(crate) async fn until(&mut self, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let done = last(&frame);
            frames.push(frame);
            if done {
                return frames;
            }
        }
    }

    /// The code that the socket is closed with.
    async fn closed(&mut self) -> u16 {
        let code = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("closed without a code: {other:?}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), code).await.expect("in time")
    }
}

pub(crate) fn seqs(frames: &[Value]) -> Vec<String> {
    let events = frames.iter().filter(|frame| frame["type"] == "event");
    events.map(|frame| frame["cursor"].as_str().expect("text").to_owned()).collect()
}

pub(crate) fn is(kind: &str) -> impl Fn(&Value) -> bool {
    move |frame| frame["type"] == kind
}

fn script(events: impl Iterator<Item = i64>, ended: bool) -> Script {
    Script { updates: events.map(event).collect(), ended }
}

#[tokio::test]
async fn run_is_followed_to_its_end_and_a_second_client_sees_the_same() {
    let rig = Rig::start().await;
    let journal = rig.fake.script(RUN);
    journal.send_replace(script(1..=2, false));
    let (mut one, mut two) = (Client::open(&rig).await, Client::open(&rig).await);
    for client in [&mut one, &mut two] {
        client.subscribe(RUN, None).await;
        assert_eq!(seqs(&client.until(is("caughtUp")).await), ["1", "2"]);
    }
    journal.send_replace(script(1..=4, true));
    for client in [&mut one, &mut two] {
        let frames = client.until(is("end")).await;
        assert_eq!(seqs(&frames), ["3", "4"]);
        assert_eq!(frames.last().expect("end"), &json!({"type": "end", "topic": RUN, "cursor": "4"}));
    }
    one.subscribe(RUN, Some("3")).await;
    assert_eq!(seqs(&one.until(is("end")).await), ["4"], "a topic that has ended can be asked for again");
}

#[tokio::test]
async fn break_behind_the_edge_is_healed_without_gap_or_repeat() {
    let rig = Rig::start().await;
    rig.fake.script(RUN).send_replace(script(1..=9, true));
    rig.fake.0.break_after.store(2, Ordering::SeqCst);
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, None).await;
    let frames = client.until(is("end")).await;
    assert_eq!(seqs(&frames), (1..=9).map(|seq| seq.to_string()).collect::<Vec<_>>());
    assert_eq!(
        *rig.fake.0.watches.lock().expect("lock"),
        [0, 2, 4, 6, 8],
        "each from where the one before broke"
    );
}

#[tokio::test]
async fn client_that_comes_back_resumes_at_its_cursor() {
    let rig = Rig::start().await;
    rig.fake.script(RUN).send_replace(script(1..=3, false));
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, None).await;
    let seen = client.until(|frame| frame["cursor"] == "2").await;
    drop(client);
    let cursor = seen.last().expect("event")["cursor"].as_str().expect("text").to_owned();
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, Some(&cursor)).await;
    assert_eq!(seqs(&client.until(is("caughtUp")).await), ["3"]);
}

#[tokio::test]
async fn live_text_is_partial_then_deltas_and_a_new_attempt_resets() {
    let rig = Rig::start().await;
    let completed = ModelCallCompleted { step: 1, attempt: 2, ..ModelCallCompleted::default() };
    let completed = RunEvent {
        seq: 1,
        kind: Some(run_event::Kind::ModelCallCompleted(completed)),
        ..RunEvent::default()
    };
    let updates = vec![
        delta(1, 1, 0, "Hel"),
        delta(1, 1, 3, "lo"),
        delta(1, 2, 0, "Good "),
        delta(1, 2, 0, "Good day"),
        Update::Event(completed),
        delta(1, 2, 8, "late"),
    ];
    rig.fake.script(RUN).send_replace(Script { updates, ended: true });
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, None).await;
    let frames = client.until(is("end")).await;
    let told: Vec<_> =
        frames.iter().map(|frame| (frame["type"].as_str().expect("type"), frame["text"].as_str())).collect();
    let expected = [
        ("partial", Some("Hel")),
        ("delta", Some("lo")),
        ("reset", None),
        ("partial", Some("Good ")),
        ("delta", Some("day")),
        ("event", None),
        ("end", None),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn wrong_frames_get_an_error_and_the_connection_lives() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig).await;
    for text in
        ["hello", "{}", "[]", r#"{"type":"shout"}"#, r#"{"type":"subscribe","id":"1","topic":"t","x":1}"#]
    {
        client.0.send(Message::text(text)).await.expect("sent");
        let frame = client.next().await;
        assert_eq!(
            (frame["type"].as_str(), frame["problem"]["reason"].as_str()),
            (Some("error"), Some("MALFORMED_FRAME")),
            "{text}"
        );
    }
    client.0.send(Message::binary(vec![1, 2])).await.expect("sent");
    assert_eq!(client.next().await["problem"]["reason"], "MALFORMED_FRAME");
    for (topic, reason) in [("workspaces/w/tasks/t", "INVALID_FIELD"), ("runs/r", "INVALID_FIELD")] {
        client.send(json!({"type": "subscribe", "id": "7", "topic": topic})).await;
        let frame = client.next().await;
        assert_eq!((frame["id"].as_str(), frame["problem"]["reason"].as_str()), (Some("7"), Some(reason)));
    }
    client.send(json!({"type": "subscribe", "id": "8", "topic": RUN, "cursor": "soon"})).await;
    assert_eq!(client.next().await["problem"]["violations"][0]["field"], "cursor");
    client.send(json!({"type": "ping", "id": "9"})).await;
    assert_eq!(client.next().await, json!({"type": "pong", "id": "9"}));
}

#[tokio::test]
async fn command_is_a_rest_call() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig).await;
    let path = "/v1/workspaces/w/agents";
    client.send(json!({"type": "command", "id": "c", "method": "POST", "path": path, "body": {"displayName": "Ada"}, "idempotencyKey": "k"})).await;
    let frame = client.next().await;
    assert_eq!(
        (&frame["type"], &frame["status"], &frame["etag"]),
        (&json!("ack"), &json!(200), &json!("e1"))
    );
    assert_eq!(frame["body"]["agent"]["displayName"], "Ada");
    let (_, metadata, message) = rig.fake.last_seen();
    assert!(message.contains("request_id: \"k\""), "{message}");
    assert_eq!(metadata.get("authorization").expect("set"), &format!("Bearer caller.{BEARER}.workspaces.w"));

    for (method, path, reason) in [
        ("GET", "/v1/workspaces/w/nothing", "ROUTE_NOT_FOUND"),
        ("PUT", "/v1/workspaces/w/agents/a", "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/workspaces/w/agents?nope=1", "INVALID_FIELD"),
        ("GET", "/v1/workspaces/w/runs/r:watch", "NOT_A_COMMAND"),
        ("GET", "/v1/workspaces/w/artifacts/a:download", "NOT_A_COMMAND"),
        ("G T", "/v1/me", "INVALID_FIELD"),
    ] {
        client.send(json!({"type": "command", "id": path, "method": method, "path": path})).await;
        let frame = client.next().await;
        assert_eq!(
            (frame["id"].as_str(), frame["problem"]["reason"].as_str()),
            (Some(path), Some(reason)),
            "{frame}"
        );
    }
}

#[tokio::test]
async fn subscriptions_end_on_request_and_have_a_limit() {
    let limits = Limits { subscriptions: 2, ..Limits::default() };
    let rig = Rig::with(Settings { ws: limits, ..Settings::default() }).await;
    let mut client = Client::open(&rig).await;
    for run in ["workspaces/w/runs/a", "workspaces/w/runs/b"] {
        client.subscribe(run, None).await;
        assert_eq!(client.next().await["type"], "caughtUp");
    }
    for (topic, reason) in
        [("workspaces/w/runs/a", "ALREADY_SUBSCRIBED"), ("workspaces/w/runs/c", "TOO_MANY")]
    {
        client.send(json!({"type": "subscribe", "id": "1", "topic": topic})).await;
        assert_eq!(client.next().await["problem"]["reason"], reason);
    }
    client.send(json!({"type": "unsubscribe", "id": "2", "topic": "workspaces/w/runs/a"})).await;
    assert_eq!(client.next().await, json!({"type": "ack", "id": "2"}));
    rig.fake.script("workspaces/w/runs/a").send_replace(script(1..=1, false));
    client.subscribe("workspaces/w/runs/c", None).await;
    assert_eq!(client.next().await["topic"], "workspaces/w/runs/c", "the ended topic is silent");
}

#[tokio::test]
async fn refused_topic_ends_with_its_problem() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig).await;
    rig.fake.fail_next(Failure::not_found(RUN));
    client.subscribe(RUN, None).await;
    let frame = client.next().await;
    assert_eq!(
        (&frame["topic"], &frame["ended"], &frame["problem"]["status"]),
        (&json!(RUN), &json!(true), &json!(404))
    );
    client.subscribe("workspaces/other/runs/r", None).await;
    assert_eq!(
        client.next().await["problem"]["reason"],
        "NOT_FOUND",
        "another workspace does not even reach the service"
    );
}

#[tokio::test]
async fn only_known_callers_from_known_pages_connect() {
    let rig = Rig::start().await;
    let good = format!("mc.v1, bearer.{BEARER}");
    assert_eq!(Client::try_open(&rig, "mc.v1", None).await.err(), Some(401));
    assert_eq!(Client::try_open(&rig, "mc.v1, bearer.nonsense", None).await.err(), Some(401));
    assert_eq!(Client::try_open(&rig, &format!("bearer.{BEARER}"), None).await.err(), Some(400));
    assert_eq!(Client::try_open(&rig, &good, Some("https://evil.example")).await.err(), Some(403));
    assert!(Client::try_open(&rig, &good, Some("tauri://localhost")).await.is_ok());
    let own = format!("http://{}", rig.address);
    assert!(Client::try_open(&rig, &good, Some(&own)).await.is_ok(), "a page that the edge served");
    assert_eq!(Client::try_open(&rig, &good, Some("http://localhost:1")).await.err(), Some(403));
    assert_eq!(rig.get("/v1/ws").await.0, 400, "not a WebSocket");
}

#[tokio::test]
async fn slow_client_is_disconnected_and_resumes() {
    let limits = Limits { queue: 4, write_stall: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::with(Settings { ws: limits, ..Settings::default() }).await;
    let text = "x".repeat(64 * 1024);
    let note = |seq| {
        let note = mc_proto::tasks::v1::EngineNote { step: 1, reason: "NOTE".to_owned(), text: text.clone() };
        Update::Event(RunEvent { seq, kind: Some(run_event::Kind::EngineNote(note)), ..RunEvent::default() })
    };
    rig.fake.script(RUN).send_replace(Script { updates: (1..=400).map(note).collect(), ended: true });
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, None).await;
    // It does not read until the edge has given up on it; what was on its way is then still there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut last = String::new();
    let code = loop {
        match tokio::time::timeout(Duration::from_secs(10), client.0.next()).await.expect("in time") {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                last = frame["cursor"].as_str().unwrap_or(&last).to_owned();
            }
            Some(Ok(Message::Close(Some(close)))) => break u16::from(close.code),
            Some(Ok(_)) => {}
            other => panic!("closed without a code: {other:?}"),
        }
    };
    assert_eq!(code, frame::CLOSE_SLOW);
    let seen: i64 = last.parse().expect("a cursor");
    assert!((1..400).contains(&seen), "disconnected after {seen}");
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, Some(&last)).await;
    let rest = client.until(is("end")).await;
    assert_eq!(seqs(&rest), (seen + 1..=400).map(|seq| seq.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn frame_at_the_limit_is_read_and_one_above_closes() {
    let limits = Limits { frame_bytes: 1_000, ..Limits::default() };
    let rig = Rig::with(Settings { ws: limits, ..Settings::default() }).await;
    let mut client = Client::open(&rig).await;
    let ping = |length: usize| format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(length - 23));
    assert_eq!(ping(1_000).len(), 1_000);
    client.0.send(Message::text(ping(1_000))).await.expect("sent");
    assert_eq!(client.next().await["type"], "pong");
    client.0.send(Message::text(ping(1_001))).await.expect("sent");
    assert_eq!(client.closed().await, frame::CLOSE_TOO_BIG);
}

#[tokio::test]
async fn idle_client_is_disconnected_and_a_ponging_one_is_not() {
    let limits = Limits { idle: Duration::from_millis(300), ..Limits::default() };
    let silent = Settings { ws: limits, ..Settings::default() };
    let rig = Rig::with(silent.clone()).await;
    assert_eq!(Client::open(&rig).await.closed().await, frame::CLOSE_IDLE);
    let rig = Rig::with(Settings { heartbeat: Duration::from_millis(50), ..silent }).await;
    let mut client = Client::open(&rig).await;
    // Reading answers the edge's pings.
    let pings = async { while let Some(Ok(Message::Ping(_))) = client.0.next().await {} };
    assert!(tokio::time::timeout(Duration::from_millis(900), pings).await.is_err(), "it is still open");
}

#[tokio::test]
async fn revoked_bearer_closes_the_socket_within_the_bound() {
    let rig = Rig::with(Settings { recheck: Duration::from_millis(20), ..Settings::default() }).await;
    let mut client = Client::open(&rig).await;
    rig.fake.0.revoked.store(true, Ordering::SeqCst);
    rig.clock.advance(mc_gateway::auth::STREAM_RECHECK);
    assert_eq!(client.closed().await, frame::CLOSE_UNAUTHENTICATED);
}

#[tokio::test]
async fn restart_tells_clients_to_come_back() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig).await;
    client.subscribe(RUN, None).await;
    assert_eq!(client.next().await["type"], "caughtUp");
    until("the watch is open", || !rig.fake.0.watches.lock().expect("lock").is_empty()).await;
    let (code, shutdown) = tokio::join!(client.closed(), rig.lifecycle.shutdown(Duration::from_secs(8)));
    assert_eq!(code, frame::CLOSE_RESTART);
    assert!(shutdown.is_clean(), "{shutdown:?}");
}
