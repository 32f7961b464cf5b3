//! One watch of a workspace's activity, as a stream that does nothing while nobody polls it: a slow client slows down
//! nobody else, and costs one page of changes.

use std::collections::VecDeque;

use futures::stream::BoxStream;
use mc_chassis::bus::Signal;
use mc_proto::tasks::v1::watch_workspace_response::Update;
use mc_proto::tasks::v1::{WatchWorkspaceResponse, WorkspaceCaughtUp};

use crate::domain::id::WorkspaceId;
use crate::error::Error;
use crate::rpc::view_activity;
use crate::store::activity;
use crate::topics::{self, Grown};
use crate::watch::lookout::{Lookout, Woken};
use crate::watch::poll::Watched;
use crate::watch::{ActivityRequest, Watcher};

/// Changes that are read at once.
const PAGE: i64 = 200;

struct Watch {
    watcher: Watcher,
    workspace: WorkspaceId,
    lookout: Lookout,
    /// `seq` of the last change that was queued.
    cursor: i64,
    outbox: VecDeque<Update>,
    /// Whether the first reading is over.
    at_seam: bool,
    /// Whether there may be more than was read.
    behind: bool,
}

/// Subscribes, then streams.
pub(super) async fn watch(
    watcher: &Watcher,
    request: ActivityRequest,
) -> BoxStream<'static, Result<WatchWorkspaceResponse, Error>> {
    let ActivityRequest { workspace, after_seq, access } = request;
    let topic = topics::workspace(workspace);
    let watch = Watch {
        lookout: Lookout::new(watcher, workspace, Watched::Activity, &topic, access).await,
        cursor: after_seq,
        outbox: VecDeque::new(),
        at_seam: false,
        behind: true,
        watcher: watcher.clone(),
        workspace,
    };
    Box::pin(futures::stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(update) => Some((Ok(WatchWorkspaceResponse { update: Some(update) }), Some(watch))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

impl Watch {
    async fn next(&mut self) -> Result<Update, Error> {
        loop {
            if let Some(update) = self.outbox.pop_front() {
                self.lookout.has_sent();
                return Ok(update);
            }
            if self.behind {
                self.read().await?;
            } else {
                self.wait().await?;
            }
        }
    }

    async fn wait(&mut self) -> Result<(), Error> {
        match self.lookout.wait().await? {
            Woken::Heard(signal) => self.hear(&signal),
            Woken::Grown(head) => self.behind |= head > self.cursor,
            Woken::Quiet => self.say_caught_up(),
        }
        Ok(())
    }

    fn hear(&mut self, signal: &Signal) {
        match signal {
            Signal::Gap => self.behind = true,
            Signal::Message(text) => match serde_json::from_str::<Grown>(text) {
                Ok(grown) => self.behind |= grown.seq > self.cursor,
                // A newer release may say more; what it says is not the truth anyway.
                Err(error) => tracing::debug!(%error, "unknown message on a workspace's topic"),
            },
        }
    }

    /// Reads one page behind the cursor. A reader that was so slow that what it has yet to see is forgotten is refused.
    async fn read(&mut self) -> Result<(), Error> {
        let workspace = self.workspace;
        let mut tx = self.watcher.database.read(workspace.uuid()).await?;
        // First the head: what is not there up to it is forgotten, and not on its way.
        let head = activity::head(&mut tx, workspace).await?;
        let mut changes = Vec::new();
        if head > self.cursor {
            changes = activity::page(&mut tx, workspace, self.cursor, PAGE).await?;
            if changes.is_empty() {
                return Err(Error::CursorExpired { after_seq: self.cursor, oldest_seq: head + 1 });
            }
        }
        drop(tx);
        for change in changes {
            if change.seq != self.cursor + 1 {
                return Err(Error::CursorExpired { after_seq: self.cursor, oldest_seq: change.seq });
            }
            self.cursor = change.seq;
            self.outbox.push_back(Update::Event(view_activity::change(workspace, &change)));
        }
        self.behind = self.cursor < head;
        if !self.behind && !self.at_seam {
            self.at_seam = true;
            self.say_caught_up();
        }
        Ok(())
    }

    fn say_caught_up(&mut self) {
        self.outbox.push_back(Update::CaughtUp(WorkspaceCaughtUp { seq: self.cursor }));
    }
}
