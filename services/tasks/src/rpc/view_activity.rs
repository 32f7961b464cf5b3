//! What changed in a workspace, as the contract shows it.

use mc_proto::tasks::v1 as proto;
use proto::workspace_event::Kind;

use crate::domain::id::WorkspaceId;
use crate::rpc::view::{run_name, task_name, timestamp};
use crate::rpc::view_people::item_name;
use crate::store::activity::{Change, kind};

/// A numbered change of `workspace`. A kind that a newer release wrote is shown without its content: it has its number all the
/// same, and readers that do not know a kind read everything again.
pub(crate) fn change(workspace: WorkspaceId, change: &Change) -> proto::WorkspaceEvent {
    let workspace = workspace.uuid();
    let parent = change.parent.unwrap_or_default();
    let kind = match change.kind {
        kind::TASK => Some(Kind::Task(proto::TaskChanged { task: task_name(workspace, change.subject) })),
        kind::RUN => Some(Kind::Run(proto::RunChanged {
            run: run_name(workspace, change.subject),
            task: task_name(workspace, parent),
            state: i32::from(change.state),
            wait_reason: i32::from(change.detail),
        })),
        kind::ITEM => Some(Kind::Inbox(proto::InboxChanged {
            inbox_item: item_name(workspace, change.subject),
            run: run_name(workspace, parent),
            kind: i32::from(change.detail),
            state: i32::from(change.state),
        })),
        _ => None,
    };
    proto::WorkspaceEvent { seq: change.seq, create_time: Some(timestamp(change.create_time)), kind }
}
