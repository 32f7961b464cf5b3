//! Resource names of this service, taken apart; the caller must be in the workspace that they name.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, names};

use crate::domain::id::{
    AgentId, ApprovalRuleId, ArtifactId, ChannelId, CommentId, DeliveryId, InboxItemId, RunId, ScheduleId,
    TaskId, WorkspaceId,
};

/// `workspaces/{workspace}` that the caller is in.
pub(crate) fn parent(caller: &Caller, field: &str, name: &str) -> Result<WorkspaceId, Failure> {
    let [workspace] = names::parse(field, "workspaces/*", name)?;
    caller.in_workspace(workspace)?;
    Ok(WorkspaceId::new(workspace))
}

/// `workspaces/{workspace}/tasks/{task}` in the caller's workspace.
pub(crate) fn task(caller: &Caller, field: &str, name: &str) -> Result<(WorkspaceId, TaskId), Failure> {
    let [workspace, task] = names::parse(field, "workspaces/*/tasks/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), TaskId::new(task)))
}

/// `workspaces/{workspace}/tasks/{task}/comments/{comment}` in the caller's workspace.
pub(crate) fn comment(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, TaskId, CommentId), Failure> {
    let [workspace, task, comment] = names::parse(field, "workspaces/*/tasks/*/comments/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), TaskId::new(task), CommentId::new(comment)))
}

/// `workspaces/{workspace}/runs/{run}` in the caller's workspace.
pub(crate) fn run(caller: &Caller, field: &str, name: &str) -> Result<(WorkspaceId, RunId), Failure> {
    let [workspace, run] = names::parse(field, "workspaces/*/runs/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), RunId::new(run)))
}

/// `workspaces/{workspace}/artifacts/{artifact}` in the caller's workspace.
pub(crate) fn artifact(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, ArtifactId), Failure> {
    let [workspace, artifact] = names::parse(field, "workspaces/*/artifacts/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), ArtifactId::new(artifact)))
}

/// `workspaces/{workspace}/inbox/{item}` in the caller's workspace.
pub(crate) fn inbox_item(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, InboxItemId), Failure> {
    let [workspace, item] = names::parse(field, "workspaces/*/inbox/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), InboxItemId::new(item)))
}

/// `workspaces/{workspace}/approvalRules/{rule}` in the caller's workspace.
pub(crate) fn approval_rule(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, ApprovalRuleId), Failure> {
    let [workspace, rule] = names::parse(field, "workspaces/*/approvalRules/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), ApprovalRuleId::new(rule)))
}

/// `workspaces/{workspace}/schedules/{schedule}` in the caller's workspace.
pub(crate) fn schedule(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, ScheduleId), Failure> {
    let [workspace, schedule] = names::parse(field, "workspaces/*/schedules/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), ScheduleId::new(schedule)))
}

/// `workspaces/{workspace}/channels/{channel}` in the caller's workspace.
pub(crate) fn channel(caller: &Caller, field: &str, name: &str) -> Result<(WorkspaceId, ChannelId), Failure> {
    let [workspace, channel] = names::parse(field, "workspaces/*/channels/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), ChannelId::new(channel)))
}

/// `workspaces/{workspace}/deliveries/{delivery}` in the caller's workspace.
pub(crate) fn delivery(
    caller: &Caller,
    field: &str,
    name: &str,
) -> Result<(WorkspaceId, DeliveryId), Failure> {
    let [workspace, delivery] = names::parse(field, "workspaces/*/deliveries/*", name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((WorkspaceId::new(workspace), DeliveryId::new(delivery)))
}

/// `workspaces/{workspace}/agents/{agent}` of the given workspace; none when empty.
pub(crate) fn optional_agent(
    workspace: WorkspaceId,
    field: &str,
    name: &str,
) -> Result<Option<AgentId>, Failure> {
    optional(workspace, field, "workspaces/*/agents/*", name).map(|id| id.map(AgentId::new))
}

/// `workspaces/{workspace}/tasks/{task}` of the given workspace; none when empty.
pub(crate) fn optional_task(
    workspace: WorkspaceId,
    field: &str,
    name: &str,
) -> Result<Option<TaskId>, Failure> {
    optional(workspace, field, "workspaces/*/tasks/*", name).map(|id| id.map(TaskId::new))
}

/// `workspaces/{workspace}/runs/{run}` of the given workspace; none when empty.
pub(crate) fn optional_run(
    workspace: WorkspaceId,
    field: &str,
    name: &str,
) -> Result<Option<RunId>, Failure> {
    optional(workspace, field, "workspaces/*/runs/*", name).map(|id| id.map(RunId::new))
}

/// `workspaces/{workspace}/channels/{channel}` of the given workspace; none when empty.
pub(crate) fn optional_channel(
    workspace: WorkspaceId,
    field: &str,
    name: &str,
) -> Result<Option<ChannelId>, Failure> {
    optional(workspace, field, "workspaces/*/channels/*", name).map(|id| id.map(ChannelId::new))
}

fn optional(
    workspace: WorkspaceId,
    field: &str,
    pattern: &str,
    name: &str,
) -> Result<Option<uuid::Uuid>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let [other, id] = names::parse(field, pattern, name)?;
    same_workspace(workspace, field, other)?;
    Ok(Some(id))
}

/// Refuses a reference into another workspace.
pub(crate) fn same_workspace(workspace: WorkspaceId, field: &str, other: uuid::Uuid) -> Result<(), Failure> {
    if other == workspace.uuid() {
        Ok(())
    } else {
        Err(Failure::invalid(field, format!("must be in workspaces/{workspace}, as the resource itself")))
    }
}
