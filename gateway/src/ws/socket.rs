//! One socket: how it ends, and the half that writes. `reader.rs` has the other half.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::frame::{self, ServerFrame};
use super::reader::Reader;
use crate::http::Edge;
use crate::transcode::call::Origin;

/// How long a close frame may take to be written, and then to be answered.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a socket to its end.
pub(super) async fn run(edge: Arc<Edge>, origin: Origin, bearer: String, socket: WebSocket) {
    let limits = edge.settings.ws;
    let (sink, mut stream) = socket.split();
    let (out, queue) = mpsc::channel(limits.queue);
    let ending = Ending::default();
    let heartbeat = edge.settings.heartbeat;
    let writer = Writer { sink, queue, ending: ending.clone(), heartbeat, stall: limits.write_stall };
    let writer = edge.lifecycle.spawn("websocket writer", writer.run());
    Reader::new(edge, origin, bearer, out, ending.clone()).run(&mut stream).await;
    ending.close(1000, "");
    // An error means that the writer has panicked, which is logged.
    let _ = writer.await;
    // The peer's answer is waited for: a connection that is dropped before may take the close frame with it.
    let rest = stream.for_each(|_| std::future::ready(()));
    let _ = timeout(CLOSE_PATIENCE, rest).await;
}

/// How a socket ends: whoever is first says why, and all that belongs to it stops.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    pub(super) scope: CancellationToken,
    why: Arc<Mutex<Option<(u16, &'static str)>>>,
}

impl Ending {
    /// Ends the socket with a close code and the words that go with it.
    pub(super) fn close(&self, code: u16, reason: &'static str) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((code, reason));
        self.scope.cancel();
    }

    fn frame(&self) -> Message {
        let why = *self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let (code, reason) = why.unwrap_or((1000, ""));
        Message::Close(Some(CloseFrame { code, reason: reason.into() }))
    }
}

struct Writer {
    sink: SplitSink<WebSocket, Message>,
    queue: mpsc::Receiver<ServerFrame>,
    ending: Ending,
    heartbeat: Duration,
    stall: Duration,
}

impl Writer {
    async fn run(mut self) {
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let message = tokio::select! {
                biased;
                () = self.ending.scope.cancelled() => break,
                frame = self.queue.recv() => match frame {
                    Some(frame) => Message::text(frame.to_text()),
                    None => break,
                },
                _ = heartbeat.tick() => Message::Ping(bytes::Bytes::new()),
            };
            match timeout(self.stall, self.sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return self.ending.close(1006, ""),
                Err(_) => {
                    self.ending.close(
                        frame::CLOSE_SLOW,
                        "frames were not taken; connect again and resume by cursor",
                    );
                }
            }
        }
        let close = self.ending.frame();
        // A client that does not take the close frame either will see the connection end.
        let _ = timeout(CLOSE_PATIENCE, self.sink.send(close)).await;
    }
}
