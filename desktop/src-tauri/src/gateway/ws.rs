//! The live connection of one window: kept open, held back when the window is slow, taken up again when it breaks.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::http::NoUpgrade;
use super::resume::{NotAdded, Taken, Topics};
use super::session::{Session, Standing};
use crate::error::Error;

/// The subprotocol.
const PROTOCOL: &str = "mc.v1";
/// The longest frame that is taken.
const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;

type Socket = WebSocketStream<reqwest::Upgraded>;

/// How patient a connection is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Between our pings.
    pub ping_every: Duration,
    /// A gateway that says nothing for so long is gone: it pings every 15 s itself.
    pub silence: Duration,
    /// A frame of ours that is not taken for so long means the same.
    pub taken_within: Duration,
    /// The bound of the first wait after a break.
    pub first_wait: Duration,
    /// The bound of all waits.
    pub longest_wait: Duration,
    /// A connection that lived so long was a good one.
    pub good_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(20),
            silence: Duration::from_secs(45),
            taken_within: Duration::from_secs(10),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            good_after: Duration::from_secs(10),
        }
    }
}

/// How the connection stands, as the web view is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Connection {
    /// Nobody is signed in.
    Idle,
    /// A connection is being made.
    Connecting,
    /// Everything that is followed is live.
    Open,
    /// It broke.
    Waiting {
        /// Why.
        cause: Cause,
        /// Failures in a row.
        attempt: u32,
        /// When it is tried again, in ms from now.
        retry_in_ms: u64,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Nothing answers, or not like a gateway.
    Unreachable,
    /// The gateway said that it restarts.
    Restarting,
}

/// What comes out of a connection, in order.
#[derive(Debug)]
pub enum Output {
    /// How it stands.
    Connection(Connection),
    /// A frame of the gateway as it came, for the watch of that number.
    Frame(u32, String),
    /// The last frame of that watch: its topic is no longer followed.
    LastFrame(u32, String),
}

/// What a window asks of its connection.
#[derive(Debug)]
pub enum Order {
    /// Follow a topic from after a cursor.
    Watch {
        /// Its name.
        topic: String,
        /// Of the last event that the window has.
        cursor: Option<String>,
        /// Number that its frames come with.
        watch: u32,
        /// Told whether it is followed.
        done: oneshot::Sender<Result<(), NotAdded>>,
    },
    /// Follow it no longer.
    Unwatch {
        /// Its name.
        topic: String,
    },
    /// Try again now.
    Reconnect,
}

/// A connection to be kept.
#[derive(Debug)]
pub struct Live {
    /// Whose it is.
    pub session: Session,
    /// What the window asks.
    pub orders: mpsc::Receiver<Order>,
    /// Where everything goes; a full channel holds the gateway back.
    pub out: mpsc::Sender<Output>,
    /// Ends it.
    pub stop: CancellationToken,
    /// How patient it is.
    pub patience: Patience,
    /// Random numbers in 0..1.
    pub random: fn() -> f64,
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Broken {
    /// The window is gone.
    Gone,
    /// The bearer is not accepted any more.
    Unauthenticated,
    /// Come back at once: the gateway restarts, or shed us.
    ComeBack(Cause),
    /// Come back with patience.
    Lost,
}

impl Live {
    /// Keeps the connection until the window goes.
    pub async fn run(mut self) {
        let mut topics = Topics::default();
        let mut standing = self.session.standing();
        let mut backoff = Backoff::new(self.patience.first_wait, self.patience.longest_wait);
        let stop = self.stop.clone();
        let keep = async {
            loop {
                if !self.until_signed_in(&mut topics, &mut standing).await {
                    return;
                }
                let began = Instant::now();
                let broken = match self.connect().await {
                    Ok(socket) => {
                        let broken = self.converse(socket, &mut topics, &mut standing).await;
                        if began.elapsed() >= self.patience.good_after {
                            backoff.reset();
                        }
                        broken
                    }
                    Err(broken) => broken,
                };
                let (cause, wait) = match broken {
                    Broken::Gone => return,
                    // The session's standing says how it goes on.
                    Broken::Unauthenticated => continue,
                    Broken::ComeBack(cause) => {
                        backoff.reset();
                        (cause, Duration::from_secs(1).mul_f64((self.random)()))
                    }
                    Broken::Lost => (Cause::Unreachable, backoff.next((self.random)())),
                };
                if !self.wait(cause, backoff.attempts(), wait, &mut topics).await {
                    return;
                }
            }
        };
        tokio::select! {
            () = keep => {}
            () = stop.cancelled() => {}
        }
    }

    /// False when the window is gone.
    async fn until_signed_in(
        &mut self,
        topics: &mut Topics,
        standing: &mut watch::Receiver<Standing>,
    ) -> bool {
        let mut told = false;
        loop {
            if *standing.borrow_and_update() == Standing::SignedIn {
                return true;
            }
            if !told && !self.say(Connection::Idle).await {
                return false;
            }
            told = true;
            tokio::select! {
                changed = standing.changed() => if changed.is_err() { return false },
                order = self.orders.recv() => match order {
                    Some(order) => { obey(topics, order); }
                    None => return false,
                },
            }
        }
    }

    /// Opens a connection, with a renewed bearer if the gateway wants one.
    async fn connect(&mut self) -> Result<Socket, Broken> {
        if !self.say(Connection::Connecting).await {
            return Err(Broken::Gone);
        }
        let mut bearer = self.session.bearer().await.map_err(|error| broken_by(&error))?;
        let mut renewed = false;
        loop {
            match self.session.http().upgrade("/v1/ws", PROTOCOL, &bearer.session_token).await {
                Ok(raw) => {
                    let mut config = WebSocketConfig::default();
                    config.max_message_size = Some(MAX_FRAME_BYTES);
                    config.max_frame_size = Some(MAX_FRAME_BYTES);
                    return Ok(WebSocketStream::from_raw_socket(raw, Role::Client, Some(config)).await);
                }
                Err(NoUpgrade::Unauthenticated) if !renewed => {
                    renewed = true;
                    bearer = self.session.renewed(&bearer).await.map_err(|error| broken_by(&error))?;
                }
                Err(NoUpgrade::Unauthenticated) => return Err(Broken::Lost),
                Err(NoUpgrade::Refused(error) | NoUpgrade::Unreachable(error)) => {
                    tracing::debug!(%error, "no live connection");
                    return Err(Broken::Lost);
                }
            }
        }
    }

    /// Passes frames and orders on until the connection breaks.
    async fn converse(
        &mut self,
        mut socket: Socket,
        topics: &mut Topics,
        standing: &mut watch::Receiver<Standing>,
    ) -> Broken {
        for frame in topics.all_again() {
            if let Err(broken) = self.send(&mut socket, frame).await {
                return broken;
            }
        }
        if !self.say(Connection::Open).await {
            return Broken::Gone;
        }
        let mut heard = Instant::now();
        let mut ping = interval(self.patience.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        // What the window has not had room for; nothing more is read until it has.
        let mut held_back: Option<Output> = None;
        loop {
            let frame = tokio::select! {
                message = socket.next(), if held_back.is_none() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            held_back = match topics.take(&text) {
                                Taken::Pass(watch) => Some(Output::Frame(watch, text.as_str().to_owned())),
                                Taken::PassLast(watch) => Some(Output::LastFrame(watch, text.as_str().to_owned())),
                                Taken::Drop => None,
                            };
                            continue;
                        }
                        Some(Ok(Message::Close(close))) => return closed(close.map(|close| close.code.into())),
                        Some(Ok(_)) => continue,
                        Some(Err(tungstenite::Error::ConnectionClosed)) | None => return Broken::Lost,
                        Some(Err(error)) => {
                            tracing::debug!(%error, "the live connection broke");
                            return Broken::Lost;
                        }
                    }
                }
                room = self.out.reserve(), if held_back.is_some() => match (room, held_back.take()) {
                    (Ok(room), Some(output)) => {
                        room.send(output);
                        // The silence of the meantime was ours.
                        heard = Instant::now();
                        continue;
                    }
                    _ => return Broken::Gone,
                },
                order = self.orders.recv() => match order {
                    Some(order) => match obey(topics, order) {
                        Some(frame) => frame,
                        None => continue,
                    },
                    None => return Broken::Gone,
                },
                changed = standing.changed() => {
                    if changed.is_ok() && *standing.borrow_and_update() == Standing::SignedIn {
                        continue;
                    }
                    return Broken::Unauthenticated;
                }
                _ = ping.tick() => {
                    if held_back.is_none() && heard.elapsed() >= self.patience.silence {
                        return Broken::Lost;
                    }
                    for frame in topics.failed_again() {
                        if let Err(broken) = self.send(&mut socket, frame).await {
                            return broken;
                        }
                    }
                    r#"{"type":"ping"}"#.to_owned()
                }
            };
            if let Err(broken) = self.send(&mut socket, frame).await {
                return broken;
            }
        }
    }

    async fn send(&self, socket: &mut Socket, frame: String) -> Result<(), Broken> {
        match timeout(self.patience.taken_within, socket.send(Message::text(frame))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Broken::Lost),
        }
    }

    /// Waits, obeying meanwhile. False when the window is gone.
    async fn wait(&mut self, cause: Cause, attempt: u32, wait: Duration, topics: &mut Topics) -> bool {
        let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if !self.say(Connection::Waiting { cause, attempt, retry_in_ms }).await {
            return false;
        }
        let over = sleep(wait);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return true,
                order = self.orders.recv() => match order {
                    Some(Order::Reconnect) => return true,
                    Some(order) => { obey(topics, order); }
                    None => return false,
                },
            }
        }
    }

    async fn say(&self, connection: Connection) -> bool {
        self.out.send(Output::Connection(connection)).await.is_ok()
    }
}

/// Notes what the window asks; returns the frame that a connection has to send for it.
fn obey(topics: &mut Topics, order: Order) -> Option<String> {
    match order {
        Order::Watch { topic, cursor, watch, done } => {
            let added = topics.add(&topic, cursor, watch);
            let (answer, frame) = match added {
                Ok(frame) => (Ok(()), Some(frame)),
                Err(refused) => (Err(refused), None),
            };
            // A window that no longer waits for the answer will say so by itself.
            let _ = done.send(answer);
            frame
        }
        Order::Unwatch { topic } => topics.remove(&topic),
        Order::Reconnect => None,
    }
}

/// What a close code means; see gateway/WEBSOCKET.md.
fn closed(code: Option<u16>) -> Broken {
    match code {
        Some(1012) => Broken::ComeBack(Cause::Restarting),
        // After 4401 the next handshake finds out whether a renewed bearer helps.
        Some(4401 | 4408 | 4429) => Broken::ComeBack(Cause::Unreachable),
        _ => Broken::Lost,
    }
}

fn broken_by(error: &Error) -> Broken {
    if matches!(error, Error::SignedOut(_)) { Broken::Unauthenticated } else { Broken::Lost }
}
