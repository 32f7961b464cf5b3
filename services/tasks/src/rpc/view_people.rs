//! What a run asks of people and what they say to it, as the contract shows it.

use mc_proto::tasks::v1 as proto;
use uuid::Uuid;

use crate::domain::event;
use crate::domain::id::{CommandId, InboxItemId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision};
use crate::rpc::view::{run_name, task_name, timestamp, version_name};
use crate::store::inbox::Item;
use crate::store::mailbox::Command;

/// Where an event happened, and so how what it speaks of is named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) workspace: WorkspaceId,
    pub(super) run: RunId,
}

impl Place {
    fn command(self, command: CommandId) -> String {
        command_name(self.workspace.uuid(), self.run.uuid(), command.uuid())
    }

    fn item(self, item: InboxItemId) -> String {
        item_name(self.workspace.uuid(), item.uuid())
    }

    pub(super) fn delivered(self, event: event::CommandDelivered) -> proto::CommandDelivered {
        proto::CommandDelivered {
            command: self.command(event.command),
            kind: command_kind(event.kind) as i32,
            requester: format!("users/{}", event.requester),
            request_time: Some(timestamp(event.requested_at)),
            reason: event.reason,
            text: event.details.text,
            interrupt: event.details.interrupt,
        }
    }

    pub(super) fn steered(self, event: event::Steered) -> proto::RunSteered {
        proto::RunSteered {
            command: self.command(event.command),
            requester: format!("users/{}", event.requester),
            text: event.text,
        }
    }

    pub(super) fn retried(self, event: event::Retried) -> proto::RunRetried {
        proto::RunRetried {
            command: self.command(event.command),
            requester: format!("users/{}", event.requester),
            request_time: Some(timestamp(event.requested_at)),
            reason: event.reason,
            note: event.note,
        }
    }

    pub(super) fn paused(self, event: event::Paused) -> proto::RunPaused {
        proto::RunPaused { command: self.command(event.command) }
    }

    pub(super) fn resumed(self, event: event::Resumed) -> proto::RunResumed {
        proto::RunResumed { command: self.command(event.command) }
    }

    pub(super) fn cancelled(self, event: event::Cancelled) -> proto::RunCancelled {
        proto::RunCancelled {
            command: self.command(event.command),
            requester: format!("users/{}", event.requester),
            reason: event.reason,
            survivors: event.survivors,
        }
    }

    pub(super) fn approval(self, event: event::ApprovalRequested) -> proto::ApprovalRequested {
        proto::ApprovalRequested {
            inbox_item: self.item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
        }
    }

    pub(super) fn question(self, event: event::QuestionAsked) -> proto::QuestionAsked {
        proto::QuestionAsked {
            inbox_item: self.item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            question: event.question,
            choices: event.choices,
        }
    }

    pub(super) fn outcome(self, event: event::OutcomeUnknown) -> proto::OutcomeUnknown {
        proto::OutcomeUnknown {
            inbox_item: self.item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
            attempt: event.attempt as i32,
        }
    }

    pub(super) fn decided(self, event: event::ItemDecided) -> proto::ItemDecided {
        proto::ItemDecided {
            inbox_item: self.item(event.item),
            step: event.step as i32,
            call_id: event.call_id,
            decider: format!("users/{}", event.decider),
            decide_time: Some(timestamp(event.decided_at)),
            decision: Some(decision(event.decision)),
        }
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
        text: command.text.clone(),
        interrupt: command.interrupt,
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
        CommandKind::Steer => proto::CommandKind::Steer,
        CommandKind::Retry => proto::CommandKind::Retry,
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
