//! Requests to a server that takes, drops or remembers what a test wants.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::domain::arguments::Arguments;
use crate::domain::tool::Tool;

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Does {
    Answers(&'static str, &'static str),
    /// Reads it and closes without a word.
    Drops,
}

/// A server that does one thing after the other, and keeps the heads of the requests.
struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn that(script: &'static [Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = heads.clone();
        // Of the test alone, and ended with it.
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(async move {
            for does in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                if let Does::Answers(status, body) = does {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { port, heads, task }
    }

    /// Method and path of each request.
    fn asked(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads.iter().map(|head| head.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    fn keys(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let key = |head: &String| {
            head.lines().find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned))
        };
        heads.iter().filter_map(key).collect()
    }

    /// Sends a request under these terms.
    async fn send(&self, effect_class: EffectClass, before: Before) -> Outcome {
        send_to(self.port, effect_class, before).await
    }
}

/// What is known of times before.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// A worker that is gone had begun it.
    Crash,
    /// A person has it tried again.
    Retry,
}

async fn send_to(port: u16, effect_class: EffectClass, before: Before) -> Outcome {
    mc_chassis::install_crypto();
    let egress = Egress::new("127.0.0.1".parse().unwrap()).unwrap();
    let requests = HttpRequests { pause: Duration::from_millis(1), ..HttpRequests::new(egress) };
    let grant = ToolGrant {
        allowed_hosts: vec!["127.0.0.1".into()],
        query_url: format!("http://127.0.0.1:{port}/orders/{{key}}"),
        ..ToolGrant::of("http_request")
    };
    let arguments = format!(r#"{{"method":"POST","url":"http://127.0.0.1:{port}/orders","body":"{{}}"}}"#);
    let Ok(Arguments::HttpRequest(request)) = Arguments::parse(Tool::HttpRequest, &arguments) else {
        panic!("{arguments}");
    };
    let terms = Terms {
        grant: &grant,
        effect_class,
        key: "the-key",
        query_first: before == Before::Crash && effect_class == EffectClass::Queryable,
        maybe_done: before != Before::Nothing,
    };
    requests.carry_out(&request, terms).await
}

/// A port on which nobody listens.
async fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn known(outcome: Outcome) -> ToolAnswer {
    match outcome {
        Outcome::Known(answer) => answer,
        Outcome::Unknown(why) => panic!("unknown: {why:?}"),
    }
}

fn unknown(outcome: Outcome) {
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
}

use Before::{Crash, Nothing, Retry};
use Does::{Answers, Drops};
use EffectClass::{AtMostOnce, Idempotent, Queryable};

#[tokio::test]
async fn every_request_carries_its_key_and_its_answer_is_the_result() {
    for class in [AtMostOnce, Idempotent, Queryable] {
        let server = Server::that(&[Answers("201 Created", "order 7")]).await;
        let answer = known(server.send(class, Nothing).await);
        assert!(!answer.is_error && answer.content.contains("201") && answer.content.contains("order 7"));
        assert_eq!((server.asked(), server.keys()), (vec!["POST /orders".into()], vec!["the-key".into()]));
    }
    let server = Server::that(&[Answers("409 Conflict", "sold out")]).await;
    let answer = known(server.send(AtMostOnce, Nothing).await);
    assert!(answer.is_error && answer.content.contains("sold out"), "{answer:?}");
}

#[tokio::test]
async fn a_lost_answer_is_followed_by_what_the_server_promises_allows() {
    let server = Server::that(&[Drops, Answers("200 OK", "")]).await;
    unknown(server.send(AtMostOnce, Nothing).await);
    assert_eq!(server.asked().len(), 1, "never a second time");

    let server = Server::that(&[Drops, Drops, Answers("200 OK", "done")]).await;
    assert!(!known(server.send(Idempotent, Nothing).await).is_error);
    assert_eq!(server.keys(), ["the-key", "the-key", "the-key"]);
    let server = Server::that(&[Drops, Drops, Drops]).await;
    unknown(server.send(Idempotent, Nothing).await);

    let server = Server::that(&[Drops, Answers("200 OK", "order 7")]).await;
    let answer = known(server.send(Queryable, Nothing).await);
    assert!(!answer.is_error && answer.content.contains("order 7"), "{answer:?}");
    assert_eq!(server.asked(), ["POST /orders", "GET /orders/the-key"]);
    let server = Server::that(&[Drops, Answers("404 Not Found", ""), Answers("200 OK", "late")]).await;
    assert!(known(server.send(Queryable, Nothing).await).content.contains("late"));
    assert_eq!(server.asked(), ["POST /orders", "GET /orders/the-key", "POST /orders"]);
    let server = Server::that(&[Drops, Answers("500 Internal Server Error", "")]).await;
    unknown(server.send(Queryable, Nothing).await);
}

#[tokio::test]
async fn after_a_crash_a_queryable_request_is_asked_about_before_anything_is_sent() {
    let server = Server::that(&[Answers("200 OK", "order 7")]).await;
    assert!(!known(server.send(Queryable, Crash).await).is_error);
    assert_eq!(server.asked(), ["GET /orders/the-key"], "it had taken effect: nothing is sent");
    let server = Server::that(&[Answers("404 Not Found", ""), Answers("200 OK", "now")]).await;
    assert!(!known(server.send(Queryable, Crash).await).is_error);
    assert_eq!(server.asked(), ["GET /orders/the-key", "POST /orders"]);
}

#[tokio::test]
async fn a_request_that_was_surely_not_sent_has_failed_unless_it_may_have_been_sent_before() {
    let port = nobody().await;
    for class in [AtMostOnce, Idempotent, Queryable] {
        let answer = known(send_to(port, class, Nothing).await);
        assert!(answer.is_error && answer.content.contains("was not sent"), "{answer:?}");
        unknown(send_to(port, class, Retry).await);
    }
    for class in [Idempotent, Queryable] {
        unknown(send_to(port, class, Crash).await);
    }
}

#[tokio::test]
async fn what_a_person_has_tried_again_is_sent_at_once() {
    for class in [AtMostOnce, Idempotent, Queryable] {
        let server = Server::that(&[Answers("200 OK", "again")]).await;
        assert!(known(server.send(class, Retry).await).content.contains("again"));
        assert_eq!(server.asked(), ["POST /orders"]);
    }
}
