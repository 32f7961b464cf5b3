//! The topic of a workspace: `WatchWorkspace`, which does not end by itself.

use mc_chassis::Failure;
use mc_proto::tasks::v1::activity_service_client::ActivityServiceClient;
use mc_proto::tasks::v1::watch_workspace_response::Update;
use mc_proto::tasks::v1::{WatchWorkspaceRequest, WatchWorkspaceResponse, WorkspaceEvent};
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use super::frame::ServerFrame;
use super::watch::{Followed, Stop, is_next, request};
use crate::transcode::reply;
use crate::upstream::{Channel, MAX_REPLY_BYTES};

/// A workspace, and how far one subscription to its activity has come.
pub(super) struct Activity {
    topic: String,
    /// Of the last event that was sent, or where the watch began; none until it says where that is.
    seq: Option<i64>,
    caught_up: bool,
}

impl Activity {
    /// A workspace from after a cursor; without one from now on.
    pub(super) fn new(topic: &str, after: Option<i64>) -> Self {
        Self { topic: topic.to_owned(), seq: after, caught_up: false }
    }

    fn event(&mut self, event: &WorkspaceEvent) -> Result<Vec<ServerFrame>, Stop> {
        // The first of a watch that began now tells where that was.
        if let Some(seq) = self.seq
            && !is_next(&self.topic, seq, event.seq)?
        {
            return Ok(Vec::new());
        }
        let json = reply::to_json(event).map_err(Stop::Refused)?;
        self.seq = Some(event.seq);
        Ok(vec![ServerFrame::Event { topic: self.topic.clone(), cursor: self.cursor(), event: json }])
    }
}

impl Followed for Activity {
    type Message = WatchWorkspaceResponse;

    async fn open(
        &self,
        tasks: Channel,
        name: &str,
        metadata: MetadataMap,
    ) -> Result<Streaming<WatchWorkspaceResponse>, Status> {
        let message = WatchWorkspaceRequest { name: name.to_owned(), after_seq: self.seq };
        let mut client = ActivityServiceClient::new(tasks).max_decoding_message_size(MAX_REPLY_BYTES);
        Ok(client.watch_workspace(request(metadata, message)).await?.into_inner())
    }

    fn take(&mut self, message: WatchWorkspaceResponse) -> Result<Vec<ServerFrame>, Stop> {
        match message.update {
            Some(Update::Event(event)) => self.event(&event),
            // It comes again and again as a sign of life; a client wants to know once, and from where it goes on.
            Some(Update::CaughtUp(caught_up)) if !self.caught_up => {
                self.caught_up = true;
                self.seq.get_or_insert(caught_up.seq);
                Ok(vec![ServerFrame::CaughtUp { topic: self.topic.clone(), cursor: self.cursor() }])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn ended(&self) -> Stop {
        Stop::Broken(Failure::unavailable("UPSTREAM_ENDED", "the watch behind this topic ended"))
    }

    fn cursor(&self) -> String {
        self.seq.map(|seq| seq.to_string()).unwrap_or_default()
    }
}
