//! What a run asks of people and what they say to it, as the contract shows it.

use mc_proto::tasks::v1 as proto;
use proto::run_event::Kind;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::id::{CommandId, InboxItemId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision};
use crate::rpc::view::{run_name, task_name, timestamp, version_name};
use crate::store::inbox::Item;
use crate::store::mailbox::Command;

/// An event that concerns people; the other kinds are [`crate::rpc::view`]'s.
pub(crate) fn kind(workspace: WorkspaceId, run: RunId, event: Event) -> Kind {
    let command = |command: CommandId| command_name(workspace.uuid(), run.uuid(), command.uuid());
    let item = |item: InboxItemId| item_name(workspace.uuid(), item.uuid());
    match event {
        Event::CommandDelivered(event) => Kind::CommandDelivered(proto::CommandDelivered {
            command: command(event.command),
            kind: command_kind(event.kind) as i32,
            requester: format!("users/{}", event.requester),
            request_time: Some(timestamp(event.requested_at)),
            reason: event.reason,
        }),
        Event::Paused(event) => Kind::Paused(proto::RunPaused { command: command(event.command) }),
        Event::Resumed(event) => Kind::Resumed(proto::RunResumed { command: command(event.command) }),
        Event::Cancelled(event) => Kind::Cancelled(proto::RunCancelled {
            command: command(event.command),
            requester: format!("users/{}", event.requester),
            reason: event.reason,
            survivors: event.survivors,
        }),
        Event::ApprovalRequested(event) => Kind::ApprovalRequested(proto::ApprovalRequested {
            inbox_item: item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
        }),
        Event::QuestionAsked(event) => Kind::QuestionAsked(proto::QuestionAsked {
            inbox_item: item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            question: event.question,
            choices: event.choices,
        }),
        Event::OutcomeUnknown(event) => Kind::OutcomeUnknown(proto::OutcomeUnknown {
            inbox_item: item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
            attempt: event.attempt as i32,
        }),
        Event::ItemDecided(event) => Kind::Decided(proto::ItemDecided {
            inbox_item: item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            decider: format!("users/{}", event.decider),
            decide_time: Some(timestamp(event.decided_at)),
            decision: Some(decision(event.decision)),
        }),
        other => unreachable!("{} concerns no person", other.kind()),
    }
}

/// A decision.
pub(crate) fn decision(decision: Decision) -> proto::Decision {
    use proto::decision::Kind;
    let kind = match decision {
        Decision::Approve { arguments_json } => Kind::Approve(proto::ApproveDecision { arguments_json }),
        Decision::Reject { reason } => Kind::Reject(proto::RejectDecision { reason }),
        Decision::Answer { text } => Kind::Answer(proto::AnswerDecision { text }),
        Decision::MarkDone { result } => Kind::MarkDone(proto::MarkDoneDecision { result }),
        Decision::Retry => Kind::Retry(proto::RetryDecision {}),
        Decision::Fail { reason } => Kind::Fail(proto::FailDecision { reason }),
    };
    proto::Decision { kind: Some(kind) }
}

/// Which decision it is: the name of its field in the contract.
pub(crate) const fn decision_name(decision: &Decision) -> &'static str {
    match decision {
        Decision::Approve { .. } => "approve",
        Decision::Reject { .. } => "reject",
        Decision::Answer { .. } => "answer",
        Decision::MarkDone { .. } => "mark_done",
        Decision::Retry => "retry",
        Decision::Fail { .. } => "fail",
    }
}

/// An order and its receipt.
pub(crate) fn command(command: &Command) -> proto::Command {
    proto::Command {
        name: command_name(command.workspace_id, command.run_id, command.command_id),
        kind: i32::from(command.kind),
        state: i32::from(command.state),
        requester: format!("users/{}", command.sender),
        reason: command.reason.clone(),
        request_time: Some(timestamp(command.request_time)),
        deliver_time: command.deliver_time.map(timestamp),
        settle_time: command.settle_time.map(timestamp),
    }
}

/// An inbox item.
pub(crate) fn inbox_item(item: &Item) -> proto::InboxItem {
    let workspace = item.workspace_id;
    proto::InboxItem {
        name: item_name(workspace, item.item_id),
        kind: i32::from(item.kind),
        state: i32::from(item.state),
        run: run_name(workspace, item.run_id),
        task: task_name(workspace, item.task_id),
        task_title: item.title.clone(),
        agent_version: version_name(workspace, item.agent_id, item.agent_version),
        agent_display_name: item.agent_display_name.clone(),
        step: item.step,
        call_id: item.call_id.clone(),
        tool: item.tool.clone(),
        arguments_json: item.arguments_json.clone(),
        parameters_json_schema: item.parameters_json_schema.clone(),
        effect_class: i32::from(item.effect_class),
        attempt: item.attempt,
        question: item.question.clone(),
        choices: item.choices.clone(),
        context: item.context.clone(),
        run_cost_nano_usd: item.run_cost_nano_usd,
        create_time: Some(timestamp(item.create_time)),
        close_time: item.close_time.map(timestamp),
        decider: item.decider.map(|decider| format!("users/{decider}")).unwrap_or_default(),
        decision: item.decision.clone().map(decision),
    }
}

/// What is ordered.
pub(crate) fn command_kind(kind: CommandKind) -> proto::CommandKind {
    match kind {
        CommandKind::Pause => proto::CommandKind::Pause,
        CommandKind::Resume => proto::CommandKind::Resume,
        CommandKind::Cancel => proto::CommandKind::Cancel,
    }
}

/// `workspaces/{workspace}/runs/{run}/commands/{command}`.
pub(crate) fn command_name(workspace: Uuid, run: Uuid, command: Uuid) -> String {
    format!("{}/commands/{command}", run_name(workspace, run))
}

/// `workspaces/{workspace}/inbox/{item}`.
pub(crate) fn item_name(workspace: Uuid, item: Uuid) -> String {
    format!("workspaces/{workspace}/inbox/{item}")
}
