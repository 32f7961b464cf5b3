//! What a run hands to others, as the contract shows it.

use mc_proto::tasks::v1 as proto;

use crate::domain::event::{
    ChildCancelCause, ChildEnd, ChildEnded, ChildStarted, ChildWait, ChildrenCancelled, ChildrenStarted,
};
use crate::domain::id::WorkspaceId;
use crate::rpc::view::{error, run_name, task_name, version_name};
use crate::rpc::view_people::command_name;

pub(super) fn started(workspace: WorkspaceId, event: ChildrenStarted) -> proto::ChildrenStarted {
    let wait = match event.wait {
        ChildWait::All => proto::ChildWait::All,
        ChildWait::Any => proto::ChildWait::Any,
    };
    proto::ChildrenStarted {
        step: event.step as i32,
        call_id: event.call_id,
        children: event.children.into_iter().map(|child| child_run(workspace, child)).collect(),
        wait: wait as i32,
        leave_others: event.leave_others,
    }
}

fn child_run(workspace: WorkspaceId, child: ChildStarted) -> proto::ChildRun {
    let workspace = workspace.uuid();
    proto::ChildRun {
        run: run_name(workspace, child.run.uuid()),
        task: task_name(workspace, child.task.uuid()),
        teammate: child.teammate,
        title: child.title,
        agent_version: version_name(workspace, child.agent.uuid(), child.agent_version),
        max_tokens: child.max_tokens,
        max_cost_nano_usd: child.max_cost_nano_usd,
    }
}

pub(super) fn ended(workspace: WorkspaceId, event: ChildEnded) -> proto::ChildEnded {
    let state = match event.end {
        ChildEnd::Succeeded => proto::RunState::Succeeded,
        ChildEnd::Failed => proto::RunState::Failed,
        ChildEnd::Cancelled => proto::RunState::Cancelled,
    };
    let artifact = |file: crate::domain::event::ArtifactRef| proto::ChildArtifact {
        artifact: format!("workspaces/{workspace}/artifacts/{}", file.artifact),
        path: file.path,
    };
    proto::ChildEnded {
        run: run_name(workspace.uuid(), event.run.uuid()),
        state: state as i32,
        summary: event.summary,
        error: event.error.map(error),
        steps: event.steps as i32,
        total_tokens: event.total_tokens,
        cost_nano_usd: event.cost_nano_usd,
        estimated_cost_nano_usd: event.estimated_cost_nano_usd,
        unpriced_calls: event.unpriced_calls as i32,
        artifacts: event.artifacts.into_iter().map(artifact).collect(),
        more_artifacts: event.more_artifacts as i32,
    }
}

pub(super) fn cancelled(workspace: WorkspaceId, event: ChildrenCancelled) -> proto::ChildrenCancelled {
    let cause = match event.cause {
        ChildCancelCause::NotNeeded => proto::ChildCancelCause::NotNeeded,
        ChildCancelCause::ParentCancelled => proto::ChildCancelCause::ParentCancelled,
        ChildCancelCause::ParentFailed => proto::ChildCancelCause::ParentFailed,
    };
    let workspace = workspace.uuid();
    let children = event.children.into_iter().map(|order| proto::ChildCancelled {
        run: run_name(workspace, order.run.uuid()),
        command: command_name(workspace, order.run.uuid(), order.command.uuid()),
    });
    proto::ChildrenCancelled { children: children.collect(), cause: cause as i32 }
}
