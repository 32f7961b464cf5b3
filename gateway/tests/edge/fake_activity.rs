//! A tasks service whose workspaces change as the test says.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use futures::Stream;
use mc_proto::tasks::v1::activity_service_server::ActivityService;
use mc_proto::tasks::v1::watch_workspace_response::Update;
use mc_proto::tasks::v1::*;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::fake::Fake;

/// The activity of workspaces, and who watched it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The seqs that each workspace's watches tell.
    scripts: Mutex<HashMap<String, watch::Sender<Vec<i64>>>>,
    /// `after_seq` of every watch that was opened.
    pub(crate) watches: Mutex<Vec<Option<i64>>>,
}

/// A change of a run.
pub(crate) fn change(seq: i64) -> WorkspaceEvent {
    let run = RunChanged {
        run: "workspaces/w/runs/r".to_owned(),
        task: "workspaces/w/tasks/t".to_owned(),
        state: RunState::Waiting as i32,
        wait_reason: WaitReason::Approval as i32,
    };
    let create_time = Some(prost_types::Timestamp { seconds: 1_795_420_800, nanos: 0 });
    WorkspaceEvent { seq, create_time, kind: Some(workspace_event::Kind::Run(run)) }
}

impl Fake {
    /// What the watches of a workspace tell.
    pub(crate) fn activity(&self, workspace: &str) -> watch::Sender<Vec<i64>> {
        self.0.activity.scripts.lock().expect("lock").entry(workspace.to_owned()).or_default().clone()
    }
}

/// How far one watch has come.
struct Place {
    script: watch::Receiver<Vec<i64>>,
    next: usize,
    seq: i64,
    said: usize,
    caught_up: bool,
    over: bool,
}

impl Place {
    async fn next(&mut self, break_after: usize) -> Option<Result<WatchWorkspaceResponse, Status>> {
        if self.over {
            return None;
        }
        self.said += 1;
        if break_after > 0 && self.said > break_after {
            self.over = true;
            return Some(Err(Status::unavailable("the replica has died")));
        }
        let update = loop {
            let seq = self.script.borrow_and_update().get(self.next).copied();
            match seq {
                Some(seq) if seq <= self.seq => self.next += 1,
                Some(seq) => {
                    (self.next, self.seq) = (self.next + 1, seq);
                    break Update::Event(change(seq));
                }
                None if !self.caught_up => {
                    self.caught_up = true;
                    break Update::CaughtUp(WorkspaceCaughtUp { seq: self.seq });
                }
                None => self.script.changed().await.ok()?,
            }
        };
        Some(Ok(WatchWorkspaceResponse { update: Some(update) }))
    }
}

#[tonic::async_trait]
impl ActivityService for Fake {
    type WatchWorkspaceStream = Pin<Box<dyn Stream<Item = Result<WatchWorkspaceResponse, Status>> + Send>>;

    async fn watch_workspace(
        &self,
        request: Request<WatchWorkspaceRequest>,
    ) -> Result<Response<Self::WatchWorkspaceStream>, Status> {
        let message = self.take("WatchWorkspace", request)?;
        self.0.activity.watches.lock().expect("lock").push(message.after_seq);
        let script = self.activity(&message.name).subscribe();
        let head = script.borrow().last().copied().unwrap_or(0);
        let seq = message.after_seq.unwrap_or(head);
        let place = Place { script, next: 0, seq, said: 0, caught_up: false, over: false };
        let state = self.0.clone();
        let stream = futures::stream::unfold((place, state), |(mut place, state)| async move {
            let break_after = state.break_after.load(Ordering::SeqCst);
            place.next(break_after).await.map(|item| (item, (place, state)))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
