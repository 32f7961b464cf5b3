//! What a run asks of people and what they say to it, as the contract shows it.

use mc_proto::tasks::v1 as proto;
use proto::run_event::Kind;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::id::{CommandId, InboxItemId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision};
use crate::rpc::view::{run_name, timestamp};

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
