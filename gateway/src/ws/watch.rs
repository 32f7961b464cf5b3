//! One subscription to one run: follows `WatchRun` from a cursor to the run's end, across breaks of the stream behind it.

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::Failure;
use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{RunEvent, WatchRunRequest, WatchRunResponse, run_event};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request, Streaming};

use super::frame::ServerFrame;
use super::live::Live;
use super::topic::RunTopic;
use crate::auth::Freshness;
use crate::http::Edge;
use crate::problem::{self, Problem};
use crate::transcode::call::{Origin, named};
use crate::transcode::reply;
use crate::upstream::MAX_REPLY_BYTES;

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
    pub(super) topic: RunTopic,
    /// Where frames go; it holds the watch back while the client is slow.
    pub(super) out: mpsc::Sender<ServerFrame>,
}

/// How far a subscription has come.
struct Place {
    /// Of the last event that was sent.
    seq: i64,
    live: Live,
    caught_up: bool,
}

/// Why following stopped.
enum Stop {
    /// The run is over and all was sent.
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

impl Watch {
    /// Follows until the run ends, the caller may no longer watch, or the socket is gone.
    pub(super) async fn follow(self, after: i64) {
        let mut place = Place { seq: after, live: Live::new(&self.topic.name), caught_up: false };
        let mut breaks = 0;
        loop {
            let seq_before = place.seq;
            let last = match self.attempt(&mut place).await {
                Stop::Gone => return,
                Stop::End => ServerFrame::End { topic: self.topic.name.clone(), cursor: cursor(place.seq) },
                Stop::Refused(failure) => self.error(&failure, true),
                Stop::Broken(failure) => {
                    breaks = if place.seq > seq_before { 1 } else { breaks + 1 };
                    tracing::debug!(topic = self.topic.name, after = place.seq, breaks, %failure, "a watch broke");
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

    async fn attempt(&self, place: &mut Place) -> Stop {
        let mut messages = match self.open(place.seq).await {
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
                    Ok(Ok(None)) => return Stop::End,
                    Ok(Err(status)) => return Stop::of(problem::from_upstream(&status)),
                    Ok(Ok(Some(message))) => if let Err(stop) = self.pass_on(message, place).await {
                        return stop;
                    },
                },
                _ = recheck.tick() => if let Err(failure) = self.authorization().await {
                    return Stop::of(failure);
                },
            }
        }
    }

    async fn open(&self, after_seq: i64) -> Result<Streaming<WatchRunResponse>, Failure> {
        let tasks = self.edge.upstreams.get("tasks").ok_or_else(Failure::internal)?;
        let message = WatchRunRequest { name: self.topic.name.clone(), after_seq, events_only: false };
        let mut request = Request::new(message);
        let authorization = self.authorization().await?;
        self.origin.write(request.metadata_mut(), Some(authorization));
        let mut client =
            RunServiceClient::new(tasks.streams.clone()).max_decoding_message_size(MAX_REPLY_BYTES);
        let reply = client.watch_run(request).await.map_err(|status| problem::from_upstream(&status))?;
        Ok(reply.into_inner())
    }

    async fn authorization(&self) -> Result<MetadataValue<Ascii>, Failure> {
        let workspace = &self.topic.workspace;
        let authorization = self.edge.auth.authorization(&self.bearer, workspace, Freshness::Stream).await;
        authorization.map_err(|failure| named(failure, "topic"))
    }

    async fn pass_on(&self, message: WatchRunResponse, place: &mut Place) -> Result<(), Stop> {
        match message.update {
            Some(Update::Event(event)) => self.pass_event(event, place).await,
            Some(Update::Delta(delta)) => {
                for frame in place.live.take(delta) {
                    self.send(frame).await?;
                }
                Ok(())
            }
            // It comes again and again as a sign of life; a client wants to know once.
            Some(Update::CaughtUp(_)) if !place.caught_up => {
                place.caught_up = true;
                self.send(ServerFrame::CaughtUp { topic: self.topic.name.clone(), cursor: cursor(place.seq) })
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Passes an event on if it is the next one. One that was sent already is dropped; one behind a gap breaks the
    /// stream, so that what is missing is read again.
    async fn pass_event(&self, event: RunEvent, place: &mut Place) -> Result<(), Stop> {
        if event.seq <= place.seq {
            return Ok(());
        }
        if event.seq != place.seq + 1 {
            tracing::error!(
                topic = self.topic.name,
                after = place.seq,
                got = event.seq,
                "a watch left out events"
            );
            return Err(Stop::Broken(Failure::internal()));
        }
        let json = reply::to_json(&event).map_err(Stop::Refused)?;
        if let Some(run_event::Kind::ModelCallCompleted(call)) = &event.kind {
            place.live.settle(call.step);
        }
        place.seq = event.seq;
        let (topic, cursor) = (self.topic.name.clone(), cursor(event.seq));
        self.send(ServerFrame::Event { topic, cursor, event: json }).await
    }

    async fn send(&self, frame: ServerFrame) -> Result<(), Stop> {
        self.out.send(frame).await.map_err(|_| Stop::Gone)
    }

    fn error(&self, failure: &Failure, ended: bool) -> ServerFrame {
        let problem = Problem::new(failure, &self.origin.request_id);
        ServerFrame::Error { id: None, topic: Some(self.topic.name.clone()), ended, problem }
    }
}

fn cursor(seq: i64) -> String {
    if seq == 0 { String::new() } else { seq.to_string() }
}
