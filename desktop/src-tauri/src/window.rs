//! The way to one window: everything that it is told, in order, in batches, no faster than it takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::gateway::session::Standing;
use crate::gateway::ws::{Connection, Order, Output};

/// Batches that a window may have before it says that it took some.
const MAX_UNTAKEN: usize = 8;
/// Messages in a batch.
const MAX_BATCH: usize = 256;
/// Messages that wait for the next batch; beyond it the gateway is held back.
pub const MAX_WAITING: usize = 512;

/// A message to a window.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Message {
    /// Who is signed in.
    Session {
        /// How it stands.
        session: Standing,
    },
    /// The live connection.
    Connection {
        /// How it stands.
        connection: Connection,
    },
    /// A frame of the gateway.
    Frame {
        /// Number of the watch that it is for.
        watch: u32,
        /// As it came.
        frame: Box<RawValue>,
        /// True if its topic is no longer followed.
        last: bool,
    },
    /// Somebody chose an action of a notice.
    NoticeAction {
        /// Of the notice.
        notice: String,
        /// Of the action; `open` for the notice itself.
        action: String,
    },
}

/// A window that is listening. Dropped, it is left alone and its live connection ends.
#[derive(Debug)]
pub struct Attached {
    /// For its live connection.
    pub orders: mpsc::Sender<Order>,
    /// Actions on notices: the notice and the action.
    pub actions: mpsc::Sender<(String, String)>,
    /// What it has not taken.
    pub credit: Arc<Credit>,
    /// Ends its tasks.
    pub stop: DropGuard,
}

/// How many batches a window may still get.
#[derive(Debug)]
pub struct Credit {
    room: Semaphore,
    untaken: AtomicUsize,
}

impl Default for Credit {
    fn default() -> Self {
        Self { room: Semaphore::new(MAX_UNTAKEN), untaken: AtomicUsize::new(0) }
    }
}

impl Credit {
    async fn spend(&self) {
        self.room.acquire().await.expect("never closed").forget();
        self.untaken.fetch_add(1, Ordering::SeqCst);
    }

    /// The window took batches. A window that claims more than it got gains nothing.
    pub fn taken(&self, batches: usize) {
        let mut taken = 0;
        let less = |untaken: usize| {
            taken = batches.min(untaken);
            Some(untaken - taken)
        };
        if self.untaken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            self.room.add_permits(taken);
        }
    }
}

/// Where messages to a window come from.
#[derive(Debug)]
pub struct Sources {
    /// Its live connection.
    pub live: mpsc::Receiver<Output>,
    /// Actions on notices.
    pub actions: mpsc::Receiver<(String, String)>,
    /// Who is signed in.
    pub standing: watch::Receiver<Standing>,
}

impl Sources {
    /// Sends batches by `send` until the window goes or the sources end.
    pub async fn pump(
        mut self,
        credit: Arc<Credit>,
        stop: CancellationToken,
        send: impl Fn(Vec<Message>) -> bool,
    ) {
        let pump = async {
            loop {
                let Some(first) = self.next().await else { return };
                let mut batch = vec![first];
                credit.spend().await;
                // What came while the window was busy goes along.
                while batch.len() < MAX_BATCH {
                    match self.live.try_recv() {
                        Ok(output) => batch.extend(message(output)),
                        Err(_) => break,
                    }
                }
                if !send(batch) {
                    return;
                }
            }
        };
        tokio::select! {
            () = pump => {}
            () = stop.cancelled() => {}
        }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            tokio::select! {
                biased;
                changed = self.standing.changed() => {
                    changed.ok()?;
                    return Some(Message::Session { session: *self.standing.borrow_and_update() });
                }
                Some((notice, action)) = self.actions.recv() => {
                    return Some(Message::NoticeAction { notice, action });
                }
                output = self.live.recv() => if let Some(message) = message(output?) {
                    return Some(message);
                },
            }
        }
    }
}

/// None for a frame that is no JSON, which a connection does not pass on.
fn message(output: Output) -> Option<Message> {
    let raw = |text: String| RawValue::from_string(text).ok();
    Some(match output {
        Output::Connection(connection) => Message::Connection { connection },
        Output::Frame(watch, text) => Message::Frame { watch, frame: raw(text)?, last: false },
        Output::LastFrame(watch, text) => Message::Frame { watch, frame: raw(text)?, last: true },
    })
}

/// Encodes a batch for the web view.
pub fn encode(batch: &[Message]) -> Box<RawValue> {
    to_raw_value(batch).expect("messages have only string keys")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::{Value, json};

    use super::*;

    struct Window {
        live: mpsc::Sender<Output>,
        standing: watch::Sender<Standing>,
        credit: Arc<Credit>,
        batches: Arc<Mutex<Vec<Value>>>,
        pump: tokio::task::JoinHandle<()>,
    }

    impl Window {
        #[expect(clippy::disallowed_methods, reason = "the test holds the task")]
        fn open() -> Self {
            let (live, live_out) = mpsc::channel(MAX_WAITING);
            let (_, actions) = mpsc::channel(1);
            let (standing, standing_out) = watch::channel(Standing::Unknown);
            let sources = Sources { live: live_out, actions, standing: standing_out };
            let (credit, batches) = (Arc::new(Credit::default()), Arc::new(Mutex::new(Vec::new())));
            let (into, counted) = (Arc::clone(&batches), Arc::clone(&credit));
            let pump = tokio::spawn(async move {
                let send = |batch: Vec<Message>| {
                    into.lock()
                        .expect("lock")
                        .push(serde_json::from_str(encode(&batch).get()).expect("json"));
                    true
                };
                sources.pump(counted, CancellationToken::new(), send).await;
            });
            Self { live, standing, credit, batches, pump }
        }

        async fn frame(&self, n: usize) {
            let text = json!({ "type": "event", "cursor": n.to_string() }).to_string();
            self.live.send(Output::Frame(7, text)).await.expect("pump");
            settle().await;
        }

        fn sizes(&self) -> Vec<usize> {
            self.batches
                .lock()
                .expect("lock")
                .iter()
                .map(|batch| batch.as_array().map_or(0, Vec::len))
                .collect()
        }
    }

    /// Lets the pump do all that it can.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn window_that_takes_nothing_gets_no_more_than_its_credit() {
        let window = Window::open();
        for n in 0..20 {
            window.frame(n).await;
        }
        assert_eq!(window.sizes(), [1; MAX_UNTAKEN]);
        window.credit.taken(1);
        settle().await;
        assert_eq!(window.sizes().last(), Some(&12), "what waited comes together");
        window.credit.taken(usize::MAX);
        for n in 20..40 {
            window.frame(n).await;
        }
        assert_eq!(
            window.sizes().len(),
            MAX_UNTAKEN + 1 + MAX_UNTAKEN,
            "claims beyond what was sent gain nothing"
        );
    }

    #[tokio::test]
    async fn messages_are_told_apart_by_type() {
        let window = Window::open();
        window.standing.send_replace(Standing::SignedIn);
        settle().await;
        let waiting = Connection::Waiting {
            cause: crate::gateway::ws::Cause::Restarting,
            attempt: 1,
            retry_in_ms: 250,
        };
        window.live.send(Output::Connection(waiting)).await.expect("pump");
        settle().await;
        let end = Output::LastFrame(7, r#"{"type":"end","topic":"t"}"#.into());
        window.live.send(end).await.expect("pump");
        settle().await;
        assert_eq!(
            *window.batches.lock().expect("lock"),
            [
                json!([{ "type": "session", "session": { "state": "signedIn" } }]),
                json!([{ "type": "connection", "connection":
                { "state": "waiting", "cause": "restarting", "attempt": 1, "retryInMs": 250 } }]),
                json!([{ "type": "frame", "watch": 7, "frame": { "type": "end", "topic": "t" }, "last": true }]),
            ]
        );
    }

    #[tokio::test]
    async fn pump_ends_with_its_sources() {
        let window = Window::open();
        drop((window.live, window.standing));
        window.pump.await.expect("ends");
    }
}
