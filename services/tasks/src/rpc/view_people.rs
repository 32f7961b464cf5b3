//! What a run asks of people and what they say to it, as the contract shows it.

use mc_proto::tasks::v1 as proto;
use uuid::Uuid;

use crate::domain::conversation::Role;
use crate::domain::event;
use crate::domain::glance::Turn;
use crate::domain::id::{CommandId, InboxItemId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision};
use crate::rpc::view::{run_name, task_name, timestamp, version_name};
use crate::store::inbox::{Item, kind};
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
            cause: event.doubt.as_ref().map(|doubt| cause(doubt.cause)).unwrap_or_default().to_owned(),
            detail: event.doubt.map(|doubt| doubt.detail).unwrap_or_default(),
        }
    }

    pub(super) fn approved_by_rule(self, event: event::ApprovedByRule) -> proto::ApprovedByRule {
        proto::ApprovedByRule {
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
            approval_rule: rule_name(self.workspace.uuid(), event.rule.uuid()),
            creator: format!("users/{}", event.creator),
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
        Decision::Approve { arguments_json } => {
            Kind::Approve(proto::ApproveDecision { arguments_json, always_allow: None })
        }
        Decision::Reject { reason } => Kind::Reject(proto::RejectDecision { reason }),
        Decision::Respond { text } => Kind::Respond(proto::RespondDecision { text }),
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
        Decision::Respond { .. } => "respond",
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
        turns: item.turns.iter().flatten().map(turn).collect(),
        read_only: item.read_only,
        hosts: item.hosts.clone(),
        doubt: (item.kind == kind::OUTCOME).then(|| doubt(item)),
        due_time: item.due_time.map(timestamp),
        overdue: item.escalations > 0,
        escalation_count: i32::from(item.escalations),
        approval_rule: item.rule_id.map(|rule| rule_name(workspace, rule)).unwrap_or_default(),
        parent_run: item.parent_run.map(|parent| run_name(workspace, parent)).unwrap_or_default(),
        parent_title: item.parent_title.clone().unwrap_or_default(),
    }
}

fn turn(turn: &Turn) -> proto::ConversationTurn {
    let role = match turn.role {
        Role::User => proto::TurnRole::User,
        Role::Assistant => proto::TurnRole::Assistant,
        Role::Tool => proto::TurnRole::Tool,
    };
    proto::ConversationTurn { role: role as i32, text: turn.text.clone(), cut: turn.cut }
}

fn doubt(item: &Item) -> proto::OutcomeDoubt {
    proto::OutcomeDoubt {
        cause: i32::from(item.doubt_cause),
        detail: item.doubt_detail.clone(),
        attempt: item.attempt,
        begin_time: item.begin_time.map(timestamp),
        notice_time: Some(timestamp(item.create_time)),
    }
}

/// The name of a `DoubtCause` without its prefix.
const fn cause(cause: event::DoubtCause) -> &'static str {
    match cause {
        event::DoubtCause::WorkerLost => "WORKER_LOST",
        event::DoubtCause::AnswerLost => "ANSWER_LOST",
        event::DoubtCause::TimedOut => "TIMED_OUT",
        event::DoubtCause::QueryUnclear => "QUERY_UNCLEAR",
        event::DoubtCause::NotSentAgain => "NOT_SENT_AGAIN",
        event::DoubtCause::Unknown => "",
    }
}

/// `workspaces/{workspace}/approvalRules/{rule}`.
pub(crate) fn rule_name(workspace: Uuid, rule: Uuid) -> String {
    format!("workspaces/{workspace}/approvalRules/{rule}")
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
