//! The topic of a run: `WatchRun` to the run's end.

use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{RunEvent, WatchRunRequest, WatchRunResponse, run_event};
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use super::frame::ServerFrame;
use super::live::Live;
use super::watch::{Followed, Stop, is_next, request};
use crate::transcode::reply;
use crate::upstream::{Channel, MAX_REPLY_BYTES};

/// A run, and how far one subscription to it has come.
pub(super) struct Run {
    topic: String,
    /// Of the last event that was sent.
    seq: i64,
    live: Live,
    caught_up: bool,
}

impl Run {
    /// A run from after a cursor; without one from its beginning.
    pub(super) fn new(topic: &str, after: Option<i64>) -> Self {
        Self { topic: topic.to_owned(), seq: after.unwrap_or(0), live: Live::new(topic), caught_up: false }
    }

    fn event(&mut self, event: &RunEvent) -> Result<Vec<ServerFrame>, Stop> {
        if !is_next(&self.topic, self.seq, event.seq)? {
            return Ok(Vec::new());
        }
        let json = reply::to_json(event).map_err(Stop::Refused)?;
        if let Some(run_event::Kind::ModelCallCompleted(call)) = &event.kind {
            self.live.settle(call.step);
        }
        self.seq = event.seq;
        Ok(vec![ServerFrame::Event { topic: self.topic.clone(), cursor: self.cursor(), event: json }])
    }
}

impl Followed for Run {
    type Message = WatchRunResponse;

    async fn open(
        &self,
        tasks: Channel,
        name: &str,
        metadata: MetadataMap,
    ) -> Result<Streaming<WatchRunResponse>, Status> {
        let message = WatchRunRequest { name: name.to_owned(), after_seq: self.seq, events_only: false };
        let mut client = RunServiceClient::new(tasks).max_decoding_message_size(MAX_REPLY_BYTES);
        Ok(client.watch_run(request(metadata, message)).await?.into_inner())
    }

    fn take(&mut self, message: WatchRunResponse) -> Result<Vec<ServerFrame>, Stop> {
        match message.update {
            Some(Update::Event(event)) => self.event(&event),
            Some(Update::Delta(delta)) => Ok(self.live.take(delta)),
            // It comes again and again as a sign of life; a client wants to know once.
            Some(Update::CaughtUp(_)) if !self.caught_up => {
                self.caught_up = true;
                Ok(vec![ServerFrame::CaughtUp { topic: self.topic.clone(), cursor: self.cursor() }])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn ended(&self) -> Stop {
        Stop::End
    }

    fn cursor(&self) -> String {
        if self.seq == 0 { String::new() } else { self.seq.to_string() }
    }
}
