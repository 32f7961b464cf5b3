//! One subscription to one topic: follows the watch behind it from a cursor on, across breaks of that stream.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mc_chassis::Failure;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Code, Extensions, Request, Status, Streaming};

use super::frame::ServerFrame;
use super::topic::Topic;
use crate::auth::Freshness;
use crate::http::Edge;
use crate::problem::{self, Problem};
use crate::transcode::call::{Origin, named};
use crate::upstream::Channel;

/// The pause before the first new attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Breaks in a row after which the client is told that the edge is still trying.
const BREAKS_BEFORE_WORD: u32 = 5;

/// What a subscription works with.
pub(super) struct Watch {
    pub(super) edge: Arc<Edge>,
    pub(super) origin: Origin,
    pub(super) bearer: String,
    pub(super) topic: Topic,
    /// Where frames go; it holds the watch back while the client is slow.
    pub(super) out: mpsc::Sender<ServerFrame>,
}

/// What is followed, and how far it has come.
pub(super) trait Followed: Send {
    /// What the stream behind the topic says.
    type Message: Send;

    /// The request that follows `name` from where this has come to.
    fn open(
        &self,
        tasks: Channel,
        name: &str,
        metadata: MetadataMap,
    ) -> impl Future<Output = Result<Streaming<Self::Message>, Status>> + Send;

    /// The frames that a message comes to.
    fn take(&mut self, message: Self::Message) -> Result<Vec<ServerFrame>, Stop>;

    /// What it means that the stream has ended well.
    fn ended(&self) -> Stop;

    /// Where a client goes on; empty if it is to begin anew.
    fn cursor(&self) -> String;
}

/// Why following stopped.
pub(super) enum Stop {
    /// It is over and all was sent.
    End,
    /// Another attempt makes sense.
    Broken(Failure),
    /// It does not.
    Refused(Failure),
    /// The socket is gone.
    Gone,
}

impl Stop {
    fn of(failure: Failure) -> Self {
        match failure.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Refused(failure),
            _ => Self::Broken(failure),
        }
    }
}

/// Whether the next event of a stream is to be sent, where `seq` was sent last. One that was sent already is not; one behind a
/// gap breaks the stream, so that what is missing is read again.
pub(super) fn is_next(topic: &str, seq: i64, got: i64) -> Result<bool, Stop> {
    if got > seq + 1 {
        tracing::error!(topic, after = seq, got, "a watch left out events");
        return Err(Stop::Broken(Failure::internal()));
    }
    Ok(got == seq + 1)
}

/// A request for a watch.
pub(super) fn request<M>(metadata: MetadataMap, message: M) -> Request<M> {
    Request::from_parts(metadata, Extensions::default(), message)
}

impl Watch {
    /// Follows until it is over, the caller may no longer watch, or the socket is gone.
    pub(super) async fn follow(self, mut followed: impl Followed) {
        let mut breaks = 0;
        loop {
            let cursor_before = followed.cursor();
            let last = match self.attempt(&mut followed).await {
                Stop::Gone => return,
                Stop::End => ServerFrame::End { topic: self.topic.name.clone(), cursor: followed.cursor() },
                Stop::Refused(failure) => self.error(&failure, true),
                Stop::Broken(failure) => {
                    let cursor = followed.cursor();
                    breaks = if cursor == cursor_before { breaks + 1 } else { 1 };
                    tracing::debug!(topic = self.topic.name, cursor, breaks, %failure, "a watch broke");
                    if breaks == BREAKS_BEFORE_WORD
                        && self.out.send(self.error(&failure, false)).await.is_err()
                    {
                        return;
                    }
                    tokio::time::sleep(self.pause(breaks)).await;
                    continue;
                }
            };
            // An error means that the socket is gone, and then nobody waits for it.
            let _ = self.out.send(last).await;
            return;
        }
    }

    /// Doubles per break, give or take a half, so that not all come back at the same moment.
    fn pause(&self, breaks: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << breaks.saturating_sub(1).min(10));
        doubled.min(LONGEST_PAUSE).mul_f64(0.5 + self.edge.ambient.ids.unit())
    }

    async fn attempt(&self, followed: &mut impl Followed) -> Stop {
        let mut messages = match self.open(followed).await {
            Ok(messages) => messages,
            Err(failure) => return Stop::of(failure),
        };
        let silence = self.edge.settings.ws.upstream_silence;
        let mut recheck = interval(self.edge.settings.recheck);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        recheck.reset();
        loop {
            tokio::select! {
                message = timeout(silence, messages.message()) => match message {
                    Err(_) => {
                        let text = "the watch behind this topic went silent";
                        return Stop::Broken(Failure::unavailable("UPSTREAM_SILENT", text));
                    }
                    Ok(Ok(None)) => return followed.ended(),
                    Ok(Err(status)) => return Stop::of(problem::from_upstream(&status)),
                    Ok(Ok(Some(message))) => if let Err(stop) = self.pass_on(message, followed).await {
                        return stop;
                    },
                },
                _ = recheck.tick() => if let Err(failure) = self.authorization().await {
                    return Stop::of(failure);
                },
            }
        }
    }

    async fn open<F: Followed>(&self, followed: &F) -> Result<Streaming<F::Message>, Failure> {
        let tasks = self.edge.upstreams.get("tasks").ok_or_else(Failure::internal)?;
        let mut metadata = MetadataMap::new();
        self.origin.write(&mut metadata, Some(self.authorization().await?));
        let opened = followed.open(tasks.streams.clone(), &self.topic.name, metadata).await;
        opened.map_err(|status| problem::from_upstream(&status))
    }

    async fn authorization(&self) -> Result<MetadataValue<Ascii>, Failure> {
        let workspace = &self.topic.workspace;
        let authorization = self.edge.auth.authorization(&self.bearer, workspace, Freshness::Stream).await;
        authorization.map_err(|failure| named(failure, "topic"))
    }

    async fn pass_on<F: Followed>(&self, message: F::Message, followed: &mut F) -> Result<(), Stop> {
        for frame in followed.take(message)? {
            self.out.send(frame).await.map_err(|_| Stop::Gone)?;
        }
        Ok(())
    }

    fn error(&self, failure: &Failure, ended: bool) -> ServerFrame {
        let problem = Problem::new(failure, &self.origin.request_id);
        ServerFrame::Error { id: None, topic: Some(self.topic.name.clone()), ended, problem }
    }
}
