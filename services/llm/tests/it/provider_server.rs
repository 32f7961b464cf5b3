//! A provider by hand: a TCP server that plays wire bytes as real ones send them, whole, in pieces, cut, slow, or not at
//! all, and notices when its caller hangs up.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mc_chassis::Lifecycle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One thing to do with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends a head of this status with these further headers; a chunked body follows.
    Head(u16, &'static str),
    /// Sends a piece of the body.
    Body(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Ends the body as it should end.
    End,
    /// Hangs up in the middle of everything.
    Cut,
    /// Says nothing more and waits until the caller hangs up.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method and path.
    pub(crate) line: String,
    /// All headers, lower case.
    pub(crate) headers: String,
    pub(crate) body: serde_json::Value,
}

/// The server.
#[derive(Clone)]
pub(crate) struct ProviderServer {
    address: SocketAddr,
    scripts: Arc<Mutex<VecDeque<Vec<Act>>>>,
    received: Arc<Mutex<Vec<Received>>>,
    hung_up: watch::Sender<usize>,
}

impl ProviderServer {
    pub(crate) async fn start(lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            scripts: Arc::default(),
            received: Arc::default(),
            hung_up: watch::Sender::new(0),
        };
        let (accepting, tasks) = (server.clone(), lifecycle.clone());
        lifecycle.spawn_background("provider", async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("no delay");
                let server = accepting.clone();
                tasks.spawn_background("provider connection", async move { server.converse(stream).await });
            }
        });
        server
    }

    /// The root of its API.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What to do with the next request.
    pub(crate) fn then(&self, acts: Vec<Act>) -> &Self {
        self.scripts.lock().expect("unpoisoned").push_back(acts);
        self
    }

    /// Streams these bytes for the next request.
    pub(crate) fn then_stream(&self, body: impl AsRef<[u8]>) -> &Self {
        self.then(vec![stream_head(), Act::Body(body.as_ref().to_vec()), Act::End])
    }

    /// Answers the next request with a status and a JSON body.
    pub(crate) fn then_json(&self, status: u16, headers: &'static str, body: &str) -> &Self {
        self.then(vec![Act::Head(status, headers), Act::Body(body.as_bytes().to_vec()), Act::End])
    }

    /// Forgets what was meant for a request that did not come.
    pub(crate) fn forget_one(&self) {
        self.scripts.lock().expect("unpoisoned").pop_front();
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("unpoisoned").clone()
    }

    /// Waits until callers have hung up this often on a reply that was not over.
    pub(crate) async fn hung_up(&self, times: usize) {
        let mut hung_up = self.hung_up.subscribe();
        let waited =
            tokio::time::timeout(Duration::from_secs(10), hung_up.wait_for(|count| *count >= times)).await;
        waited.expect("the caller hangs up").expect("the server lives");
    }

    async fn converse(&self, mut stream: TcpStream) {
        while let Some(received) = receive(&mut stream).await {
            self.received.lock().expect("unpoisoned").push(received);
            let acts = self.scripts.lock().expect("unpoisoned").pop_front();
            for act in acts.unwrap_or_else(|| vec![Act::Head(500, "x-unscripted: 1\r\n"), Act::End]) {
                if !self.act(&mut stream, act).await {
                    return;
                }
            }
        }
    }

    /// Does one thing; false when the connection is over.
    async fn act(&self, stream: &mut TcpStream, act: Act) -> bool {
        let bytes = match act {
            Act::Head(status, headers) => {
                format!("HTTP/1.1 {status} As Told\r\ntransfer-encoding: chunked\r\n{headers}\r\n")
                    .into_bytes()
            }
            Act::Body(bytes) if bytes.is_empty() => return true,
            Act::Body(bytes) => {
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend(bytes);
                chunk.extend(b"\r\n");
                chunk
            }
            Act::Wait(time) => return !self.hangs_up_within(stream, time).await,
            Act::End => b"0\r\n\r\n".to_vec(),
            Act::Cut => return false,
            Act::Hang => return !self.hangs_up_within(stream, Duration::from_mins(1)).await,
        };
        stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok()
    }

    async fn hangs_up_within(&self, stream: &mut TcpStream, time: Duration) -> bool {
        let mut byte = [0];
        // Nothing is sent while a reply is on its way, so whatever can be read is the end.
        if tokio::time::timeout(time, stream.read(&mut byte)).await.is_err() {
            return false;
        }
        self.hung_up.send_modify(|count| *count += 1);
        true
    }
}

/// The head of a stream of events.
pub(crate) fn stream_head() -> Act {
    Act::Head(200, "content-type: text/event-stream\r\n")
}

/// One event of a stream.
pub(crate) fn event(json: &str) -> Vec<u8> {
    format!("data: {json}\n\n").into_bytes()
}

/// An event with some text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let delta = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    event(&delta.to_string())
}

/// A whole good stream that says this.
pub(crate) fn saying(words: &str) -> Vec<u8> {
    let mut stream = text(words);
    stream.extend(event(r#"{"model":"real-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#));
    stream.extend(event(
        r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}"#,
    ));
    stream.extend(b"data: [DONE]\n\n");
    stream
}

async fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let (line, headers) = head.split_once("\r\n")?;
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let length: usize = length.unwrap_or(0);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[head_end..]).unwrap_or(serde_json::Value::Null);
    Some(Received { line: line.trim_end_matches(" HTTP/1.1").to_owned(), headers, body })
}
