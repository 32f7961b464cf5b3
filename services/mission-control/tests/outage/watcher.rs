//! A client that follows runs over one WebSocket for as long as the test goes on.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use mc_chassis::Lifecycle;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::system::System;

/// Everything that came, in order.
pub(crate) struct Watcher {
    frames: Arc<Mutex<Vec<Value>>>,
    send: mpsc::UnboundedSender<Value>,
    task: tokio::task::JoinHandle<()>,
}

impl Watcher {
    pub(crate) async fn connect(system: &System) -> Self {
        let mut request = format!("{}/v1/ws", system.url.replace("http://", "ws://"))
            .into_client_request()
            .expect("a request");
        let protocols = format!("mc.v1, bearer.{}", system.token);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().expect("ASCII"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
        let (mut sink, mut stream) = socket.split();
        let (send, mut outgoing) = mpsc::unbounded_channel::<Value>();
        let frames = Arc::<Mutex<Vec<Value>>>::default();
        let heard = frames.clone();
        let task = Lifecycle::new().spawn("watch", async move {
            loop {
                tokio::select! {
                    frame = outgoing.recv() => {
                        let Some(frame) = frame else { return };
                        if sink.send(Message::text(frame.to_string())).await.is_err() {
                            return;
                        }
                    }
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let frame = serde_json::from_str(text.as_str()).expect("frames are JSON");
                            heard.lock().expect("lock").push(frame);
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                        Some(Ok(_)) => {}
                    },
                }
            }
        });
        Self { frames, send, task }
    }

    pub(crate) fn follow(&self, run: &str) {
        self.say(json!({"type": "subscribe", "id": run, "topic": run}));
    }

    pub(crate) fn say(&self, frame: Value) {
        let _ = self.send.send(frame);
    }

    /// True as long as the edge has not closed the socket.
    pub(crate) fn is_open(&self) -> bool {
        !self.task.is_finished()
    }

    /// How many frames of a type have come for a topic.
    pub(crate) fn count(&self, kind: &str, topic: &str) -> usize {
        let frames = self.frames.lock().expect("lock");
        frames.iter().filter(|frame| frame["type"] == kind && frame["topic"] == topic).count()
    }

    /// Whether a frame has come that answers `id` with `kind`.
    pub(crate) fn answered(&self, kind: &str, id: &str) -> bool {
        self.frames.lock().expect("lock").iter().any(|frame| frame["type"] == kind && frame["id"] == id)
    }

    /// Cursors of a run's events, in the order in which they came.
    pub(crate) fn cursors(&self, topic: &str) -> Vec<String> {
        let frames = self.frames.lock().expect("lock");
        let events = frames.iter().filter(|frame| frame["type"] == "event" && frame["topic"] == topic);
        events.map(|frame| frame["cursor"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
