//! The examples of WEBSOCKET.md are what the edge says: each is played here, and must stand in the manual word for word.

use futures::{SinkExt, StreamExt};
use mc_chassis::Failure;
use mc_proto::tasks::v1::{
    ModelCallCompleted, RunEvent, RunSucceeded, run_event, watch_run_response::Update,
};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tonic::Code;

use crate::fake::{Script, delta, event};
use crate::rig::{BEARER, Rig};

const MANUAL: &str = include_str!("../../WEBSOCKET.md");
const RUN: &str = "workspaces/w/runs/r";

/// Plays what a client sends, each with the number of frames that it is answered by, and writes both down.
async fn play(rig: &Rig, session: &[(&str, usize)]) -> String {
    let mut request = format!("ws://{}/v1/ws", rig.address).into_client_request().expect("request");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", format!("mc.v1, bearer.{BEARER}").parse().expect("value"));
    headers.insert("x-request-id", "0198-example".parse().expect("value"));
    let (mut socket, _) = connect_async(request).await.expect("connect");
    let mut transcript = String::new();
    for (sent, answers) in session {
        transcript.extend(["> ", sent, "\n"]);
        socket.send(Message::text(*sent)).await.expect("sent");
        for _ in 0..*answers {
            let message = socket.next().await.expect("open").expect("message");
            transcript.extend(["< ", message.to_text().expect("text"), "\n"]);
        }
    }
    transcript
}

fn assert_in_manual(transcript: &str) {
    assert!(
        MANUAL.contains(transcript),
        "gateway/WEBSOCKET.md lacks this example; put it there:\n{transcript}"
    );
}

fn record(seq: i64, kind: run_event::Kind) -> Update {
    Update::Event(RunEvent { seq, kind: Some(kind), ..RunEvent::default() })
}

#[tokio::test]
async fn following_a_run_is_as_the_manual_says() {
    let rig = Rig::start().await;
    let completed = ModelCallCompleted { step: 1, attempt: 2, ..ModelCallCompleted::default() };
    let succeeded = RunSucceeded { summary: "Said hello.".to_owned(), evidence: vec![] };
    let updates = vec![
        event(17),
        event(18),
        delta(1, 1, 0, "Hel"),
        delta(1, 1, 3, "lo"),
        delta(1, 2, 0, "Hello!"),
        record(19, run_event::Kind::ModelCallCompleted(completed)),
        record(20, run_event::Kind::Succeeded(succeeded)),
    ];
    rig.fake.script(RUN).send_replace(Script { updates, ended: true });
    let subscribe = r#"{"type":"subscribe","id":"1","topic":"workspaces/w/runs/r","cursor":"17"}"#;
    assert_in_manual(&play(&rig, &[(subscribe, 9)]).await);
}

#[tokio::test]
async fn following_a_workspace_is_as_the_manual_says() {
    let rig = Rig::start().await;
    rig.fake.activity("workspaces/w").send_replace(vec![40, 41]);
    let unsubscribe = r#"{"type":"unsubscribe","id":"2","topic":"workspaces/w"}"#;
    let session = [
        (r#"{"type":"subscribe","id":"1","topic":"workspaces/w"}"#, 2),
        (unsubscribe, 1),
        (r#"{"type":"subscribe","id":"3","topic":"workspaces/w","cursor":"40"}"#, 3),
    ];
    assert_in_manual(&play(&rig, &session).await);

    let rig = Rig::start().await;
    let gone =
        "what changed after seq 2 is no longer kept; read what you show again, and watch without after_seq";
    let gone = Failure::new(Code::OutOfRange, "CURSOR_EXPIRED", gone).with("oldest_seq", "17");
    rig.fake.fail_next(gone);
    let subscribe = r#"{"type":"subscribe","id":"1","topic":"workspaces/w","cursor":"2"}"#;
    assert_in_manual(&play(&rig, &[(subscribe, 2)]).await);
}

#[tokio::test]
async fn commands_pings_and_errors_are_as_the_manual_says() {
    let rig = Rig::start().await;
    let session = [
        (r#"{"type":"ping","id":"2"}"#, 1),
        (r#"{"type":"unsubscribe","id":"3","topic":"workspaces/w/runs/r"}"#, 1),
        (
            r#"{"type":"command","id":"4","method":"PATCH","path":"/v1/workspaces/w/agents/a","body":{"role":"Engineer"},"ifMatch":"e1"}"#,
            1,
        ),
        (
            r#"{"type":"command","id":"5","method":"PATCH","path":"/v1/workspaces/w/agents/a","body":{"role":"Engineer"},"ifMatch":"e0"}"#,
            1,
        ),
        (r#"{"type":"subscribe","id":"6","topic":"workspaces/w/tasks/t"}"#, 1),
        (r#"{"type":"shout"}"#, 1),
    ];
    assert_in_manual(&play(&rig, &session).await);
}
