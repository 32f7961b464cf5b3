//! The half of a socket that reads: frames in, what they ask for started, and the reasons to end it watched.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use futures::stream::SplitStream;
use mc_chassis::Failure;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::activity::Activity;
use super::command::{self, Command};
use super::frame::{self, ClientFrame, ServerFrame};
use super::run::Run;
use super::socket::Ending;
use super::topic::{self, Kind};
use super::watch::Watch;
use crate::auth::Freshness;
use crate::http::{Edge, is_traceparent};
use crate::problem::Problem;
use crate::transcode::call::Origin;

/// Reason: a frame is not one of `mc.v1`.
const MALFORMED_FRAME: &str = "MALFORMED_FRAME";
/// Reason: the topic is subscribed to already.
const ALREADY_SUBSCRIBED: &str = "ALREADY_SUBSCRIBED";
/// Reason: a limit of the socket is reached.
const TOO_MANY: &str = "TOO_MANY";

pub(super) struct Reader {
    edge: Arc<Edge>,
    origin: Origin,
    bearer: String,
    out: mpsc::Sender<ServerFrame>,
    ending: Ending,
    /// What ends each subscription. One that has ended by itself has cancelled its own.
    topics: HashMap<String, CancellationToken>,
    commands: Arc<Semaphore>,
    /// Frames read so far; part of the request id of each.
    frames: u64,
}

impl Reader {
    pub(super) fn new(
        edge: Arc<Edge>,
        origin: Origin,
        bearer: String,
        out: mpsc::Sender<ServerFrame>,
        ending: Ending,
    ) -> Self {
        let commands = Arc::new(Semaphore::new(edge.settings.ws.commands));
        Self { edge, origin, bearer, out, ending, topics: HashMap::new(), commands, frames: 0 }
    }

    /// Reads until the socket ends.
    pub(super) async fn run(mut self, stream: &mut SplitStream<WebSocket>) {
        let draining = self.edge.lifecycle.draining();
        let scope = self.ending.scope.clone();
        let idle = self.edge.settings.ws.idle;
        let mut heard = Instant::now();
        let mut recheck = interval(self.edge.settings.recheck);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        recheck.reset();
        loop {
            tokio::select! {
                biased;
                () = scope.cancelled() => return,
                () = draining.cancelled() => {
                    let text = "the edge is restarting; connect again and resume by cursor";
                    return self.ending.close(frame::CLOSE_RESTART, text);
                }
                message = stream.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.read(text.as_str()).await,
                        Some(Ok(Message::Binary(_))) => self.malformed("frames are text, not binary").await,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) | None => return,
                        Some(Err(error)) => return self.broken(&error),
                    }
                }
                () = sleep_until(heard + idle) => {
                    let text = "nothing was heard; connect again and resume by cursor";
                    return self.ending.close(frame::CLOSE_IDLE, text);
                }
                _ = recheck.tick() => self.recheck().await,
            }
        }
    }

    fn broken(&self, error: &axum::Error) {
        // The library's error is not exported by axum; its text says "Space limit exceeded: Message too long: ..".
        if error.to_string().contains("too long") {
            self.ending.close(frame::CLOSE_TOO_BIG, "the frame is larger than the limit");
        } else {
            self.ending.close(1002, "the stream of frames is broken");
        }
    }

    /// A bearer that is no longer known ends the socket. One that cannot be checked does not: its subscriptions rest
    /// until it can, and commands are refused.
    async fn recheck(&self) {
        if let Err(failure) = self.edge.auth.authorization(&self.bearer, "", Freshness::Stream).await
            && failure.code() == Code::Unauthenticated
        {
            let text = "the session or token has ended; sign in again";
            self.ending.close(frame::CLOSE_UNAUTHENTICATED, text);
        }
    }

    async fn read(&mut self, text: &str) {
        self.frames += 1;
        self.topics.retain(|_, topic| !topic.is_cancelled());
        match serde_json::from_str::<ClientFrame>(text) {
            Err(error) => self.malformed(&error.to_string()).await,
            Ok(ClientFrame::Ping { id }) => self.send(ServerFrame::Pong { id }).await,
            Ok(ClientFrame::Subscribe { id, topic, cursor, traceparent }) => {
                let origin = self.origin(traceparent);
                if let Err(failure) = self.subscribe(&id, &topic, cursor.as_deref(), origin).await {
                    self.fail(Some(id), Some(topic), &failure).await;
                }
            }
            Ok(ClientFrame::Unsubscribe { id, topic }) => {
                if let Some(subscription) = self.topics.remove(&topic) {
                    subscription.cancel();
                }
                self.send(ack(id)).await;
            }
            Ok(ClientFrame::Command { id, method, path, body, idempotency_key, if_match, traceparent }) => {
                let command = Command { id, method, path, body, idempotency_key, if_match };
                self.command(self.origin(traceparent), command).await;
            }
        }
    }

    async fn subscribe(
        &mut self,
        id: &str,
        name: &str,
        cursor: Option<&str>,
        origin: Origin,
    ) -> Result<(), Failure> {
        let topic = topic::parse(name)?;
        let after = topic::parse_cursor(cursor)?;
        if self.topics.contains_key(name) {
            let text = "unsubscribe first, to start at another cursor";
            return Err(Failure::new(Code::AlreadyExists, ALREADY_SUBSCRIBED, text));
        }
        let limit = self.edge.settings.ws.subscriptions;
        if self.topics.len() >= limit {
            return Err(too_many("subscriptions", limit));
        }
        self.send(ack(id.to_owned())).await;
        let scope = self.ending.scope.child_token();
        self.topics.insert(name.to_owned(), scope.clone());
        let (edge, bearer, out) = (self.edge.clone(), self.bearer.clone(), self.out.clone());
        let watch = Watch { edge, origin, bearer, topic, out };
        self.edge.lifecycle.spawn("websocket subscription", async move {
            let follow = async {
                match watch.topic.kind {
                    Kind::Run => {
                        let run = Run::new(&watch.topic.name, after);
                        watch.follow(run).await;
                    }
                    Kind::Activity => {
                        let activity = Activity::new(&watch.topic.name, after);
                        watch.follow(activity).await;
                    }
                }
            };
            let _ = scope.run_until_cancelled(follow).await;
            // The topic is free again.
            scope.cancel();
        });
        Ok(())
    }

    async fn command(&self, origin: Origin, command: Command) {
        let Ok(permit) = self.commands.clone().try_acquire_owned() else {
            let failure = too_many("commands", self.edge.settings.ws.commands);
            return self.fail(Some(command.id), None, &failure).await;
        };
        let (edge, out, scope) = (self.edge.clone(), self.out.clone(), self.ending.scope.clone());
        self.edge.lifecycle.spawn("websocket command", async move {
            let work = async {
                let frame = command::run(edge, origin, command).await;
                let _ = out.send(frame).await;
            };
            let _ = scope.run_until_cancelled(work).await;
            drop(permit);
        });
    }

    /// The origin of one frame: the socket's, with an id and a trace of its own.
    fn origin(&self, traceparent: Option<String>) -> Origin {
        Origin {
            bearer: Some(self.bearer.clone()),
            request_id: format!("{}.{}", self.origin.request_id, self.frames),
            client: self.origin.client,
            traceparent: traceparent
                .filter(|text| is_traceparent(text))
                .or_else(|| self.origin.traceparent.clone()),
        }
    }

    async fn malformed(&self, problem: &str) {
        let text = format!("not a frame of mc.v1: {problem}");
        self.fail(None, None, &Failure::new(Code::InvalidArgument, MALFORMED_FRAME, text)).await;
    }

    async fn fail(&self, id: Option<String>, topic: Option<String>, failure: &Failure) {
        let problem = Problem::new(failure, &self.origin(None).request_id);
        self.send(ServerFrame::Error { id, topic, ended: false, problem }).await;
    }

    /// Waits while the queue is full: a client that does not read is not read from either.
    async fn send(&self, frame: ServerFrame) {
        let _ = self.ending.scope.run_until_cancelled(self.out.send(frame)).await;
    }
}

fn ack(id: String) -> ServerFrame {
    ServerFrame::Ack { id, status: None, body: None, etag: None }
}

fn too_many(what: &str, limit: usize) -> Failure {
    Failure::new(Code::ResourceExhausted, TOO_MANY, format!("a socket has at most {limit} {what} at a time"))
        .with("limit", limit.to_string())
}
