//! What is stored, as the contract shows it.

use mc_proto::llm::v1 as llm;
use mc_proto::tasks::v1 as proto;
use prost_types::{Duration, Timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::{self, Event, Record};
use crate::domain::id::{RunId, WorkspaceId};
use crate::rpc::view_children;
use crate::rpc::view_people::Place;
use crate::store::artifact::Artifact;
use crate::store::comment::Comment;
use crate::store::journal::Shown;
use crate::store::run::Run;
use crate::store::task::Task;
use crate::wire;

/// A task.
pub(crate) fn task(task: &Task) -> proto::Task {
    let workspace = task.workspace_id;
    proto::Task {
        name: task_name(workspace, task.task_id),
        title: task.title.clone(),
        brief: task.brief.clone(),
        assignee: task
            .assignee
            .map(|agent| format!("workspaces/{workspace}/agents/{agent}"))
            .unwrap_or_default(),
        acceptance_checks: task.acceptance_checks.clone(),
        state: i32::from(task.state),
        latest_run: task.latest_run.map(|run| run_name(workspace, run)).unwrap_or_default(),
        create_time: Some(timestamp(task.create_time)),
        update_time: Some(timestamp(task.update_time)),
        etag: etag(task.revision),
        creator: format!("users/{}", task.creator),
        priority: i32::from(task.priority),
        labels: task.labels.clone(),
        parent_task: task.parent_task.map(|parent| task_name(workspace, parent)).unwrap_or_default(),
        blocked_by: task.blocked_by.iter().map(|blocker| task_name(workspace, *blocker)).collect(),
        open_blockers: task.open_blockers.iter().map(|blocker| task_name(workspace, *blocker)).collect(),
        due_time: task.due_time.map(timestamp),
        source: task
            .source_url
            .as_ref()
            .map(|url| proto::TaskSource { git_url: url.clone(), git_ref: task.source_ref.clone() }),
        comment_count: task.comment_count,
        subtask_count: task.subtask_count,
        done_subtask_count: task.done_subtask_count,
    }
}

/// A comment on a task.
pub(crate) fn comment(comment: &Comment) -> proto::TaskComment {
    proto::TaskComment {
        name: format!("{}/comments/{}", task_name(comment.workspace_id, comment.task_id), comment.comment_id),
        text: comment.text.clone(),
        author: format!("users/{}", comment.author),
        create_time: Some(timestamp(comment.create_time)),
    }
}

/// The etag of a task's revision.
pub(crate) fn etag(revision: i64) -> String {
    format!("r{revision}")
}

/// A run.
pub(crate) fn run(run: &Run) -> proto::Run {
    let workspace = run.workspace_id;
    proto::Run {
        name: run_name(workspace, run.run_id),
        task: task_name(workspace, run.task_id),
        agent_version: version_name(workspace, run.agent_id, run.agent_version),
        state: i32::from(run.status),
        head_seq: run.head_seq,
        steps: run.steps,
        total_tokens: run.total_tokens,
        cost_nano_usd: run.cost_nano_usd,
        unpriced_calls: run.unpriced_calls,
        summary: run.summary.clone(),
        error: run.error_reason.as_ref().map(|reason| proto::RunError {
            reason: reason.clone(),
            message: run.error_message.clone().unwrap_or_default(),
        }),
        starter: format!("users/{}", run.starter),
        create_time: Some(timestamp(run.create_time)),
        start_time: run.start_time.map(timestamp),
        end_time: run.end_time.map(timestamp),
        estimated_cost_nano_usd: run.estimated_cost_nano_usd,
        wait_reason: i32::from(run.wait_reason),
        open_inbox_items: run.open_items,
        pending_command: i32::from(run.pending_command),
        title: run.title.clone(),
        agent_display_name: run.agent_display_name.clone(),
        model: run.model.clone(),
        wake_time: run.wake_time.map(timestamp),
        scheduled_start_time: run.scheduled_start_time.map(timestamp),
        parent_run: run.parent_run.map(|parent| run_name(workspace, parent)).unwrap_or_default(),
        provider_limit: None,
    }
}

/// An artifact.
pub(crate) fn artifact(artifact: &Artifact) -> proto::Artifact {
    let workspace = artifact.workspace_id;
    proto::Artifact {
        name: format!("workspaces/{workspace}/artifacts/{}", artifact.artifact_id),
        run: run_name(workspace, artifact.run_id),
        path: artifact.path.clone(),
        revision: artifact.revision,
        media_type: artifact.media_type.clone(),
        size_bytes: artifact.size_bytes,
        sha256: crate::domain::key::hex(&artifact.sha256),
        create_time: Some(timestamp(artifact.create_time)),
    }
}

/// An event as people see it: cut, where it is large.
pub(crate) fn shown(workspace: WorkspaceId, run: RunId, shown: Shown) -> proto::RunEvent {
    let whole = shown.whole.map(|artifact| format!("workspaces/{workspace}/artifacts/{artifact}"));
    proto::RunEvent { whole_artifact: whole.unwrap_or_default(), ..record(workspace, run, shown.record) }
}

/// A journal record of a run of `workspace`.
pub(crate) fn record(workspace: WorkspaceId, run: RunId, record: Record) -> proto::RunEvent {
    proto::RunEvent {
        seq: record.seq,
        create_time: Some(timestamp(record.at)),
        whole_artifact: String::new(),
        kind: Some(kind(workspace, run, record.event)),
    }
}

fn kind(workspace: WorkspaceId, run: RunId, event: Event) -> proto::run_event::Kind {
    use proto::run_event::Kind;
    let place = Place { workspace, run };
    match event {
        Event::Queued(event) => Kind::Queued(queued(&event)),
        Event::Started(_) => Kind::Started(proto::RunStarted {}),
        Event::TakenOver(event) => Kind::TakenOver(proto::RunTakenOver { lease_epoch: event.lease_epoch }),
        Event::ModelCallStarted(event) => Kind::ModelCallStarted(proto::ModelCallStarted {
            step: event.step as i32,
            attempt: event.attempt as i32,
            model: event.model,
            message_count: event.message_count as i32,
            compacts_through_seq: event.compacts_through,
        }),
        Event::ModelCallCompleted(event) => Kind::ModelCallCompleted(proto::ModelCallCompleted {
            step: event.step as i32,
            attempt: event.attempt as i32,
            message: Some(wire::message_to(event.message)),
            finish_reason: finish_reason(event.finish_reason) as i32,
            usage: Some(wire::usage_to(event.usage)),
            cost_nano_usd: event.cost_nano_usd,
            generation: event.generation,
            duration: Some(milliseconds(event.duration_ms)),
        }),
        Event::ModelCallFailed(event) => Kind::ModelCallFailed(proto::ModelCallFailed {
            step: event.step as i32,
            attempt: event.attempt as i32,
            error: Some(error(event.error)),
            retry_time: event.retry_at.map(timestamp),
            generation: event.generation,
            maybe_billed: event.maybe_billed,
            cost_nano_usd: event.cost_nano_usd,
            cost_estimated: event.cost_estimated,
            total_tokens: event.total_tokens,
        }),
        Event::ToolCallStarted(event) => Kind::ToolCallStarted(proto::ToolCallStarted {
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            arguments_json: event.arguments_json,
            effect_class: effect_class(event.effect_class) as i32,
            attempt: event.attempt as i32,
        }),
        Event::ToolCallCompleted(event) => Kind::ToolCallCompleted(proto::ToolCallCompleted {
            step: event.step as i32,
            call_id: event.call_id,
            tool: event.tool,
            content: event.content,
            is_error: event.is_error,
            artifact: event
                .artifact
                .map(|artifact| format!("workspaces/{workspace}/artifacts/{}", artifact.artifact))
                .unwrap_or_default(),
            duration: Some(milliseconds(event.duration_ms)),
        }),
        Event::EngineNote(event) => Kind::EngineNote(proto::EngineNote {
            step: event.step as i32,
            reason: event.reason.as_str().to_owned(),
            text: event.text,
        }),
        Event::Succeeded(event) => {
            Kind::Succeeded(proto::RunSucceeded { summary: event.summary, evidence: event.evidence })
        }
        Event::Failed(event) => Kind::Failed(proto::RunFailed { error: Some(error(event.error)) }),
        Event::CommandDelivered(event) => Kind::CommandDelivered(place.delivered(event)),
        Event::Paused(event) => Kind::Paused(place.paused(event)),
        Event::Resumed(event) => Kind::Resumed(place.resumed(event)),
        Event::Cancelled(event) => Kind::Cancelled(place.cancelled(event)),
        Event::ApprovalRequested(event) => Kind::ApprovalRequested(place.approval(event)),
        Event::QuestionAsked(event) => Kind::QuestionAsked(place.question(event)),
        Event::OutcomeUnknown(event) => Kind::OutcomeUnknown(place.outcome(event)),
        Event::ItemDecided(event) => Kind::Decided(place.decided(event)),
        Event::TimerSet(event) => Kind::TimerSet(proto::TimerSet {
            step: event.step as i32,
            call_id: event.call_id,
            wake_time: Some(timestamp(event.wake_at)),
            reason: event.reason,
        }),
        Event::Steered(event) => Kind::Steered(place.steered(event)),
        Event::Retried(event) => Kind::Retried(place.retried(event)),
        Event::ApprovedByRule(event) => Kind::ApprovedByRule(place.approved_by_rule(event)),
        Event::ChildrenStarted(event) => Kind::ChildrenStarted(view_children::started(workspace, event)),
        Event::ChildEnded(event) => Kind::ChildEnded(view_children::ended(workspace, event)),
        Event::ChildrenCancelled(event) => {
            Kind::ChildrenCancelled(view_children::cancelled(workspace, event))
        }
        Event::QuotaAwaited(event) => Kind::QuotaAwaited(proto::QuotaAwaited {
            provider: event.provider,
            until_time: Some(timestamp(event.until)),
        }),
        Event::ContextCompacted(event) => Kind::ContextCompacted(compacted(event)),
    }
}

fn compacted(event: event::ContextCompacted) -> proto::ContextCompacted {
    let shortened = |result: event::ShortenedResult| proto::ShortenedResult {
        seq: result.seq,
        call_id: result.call_id,
        text: result.text,
    };
    proto::ContextCompacted {
        step: event.step.map_or(0, |step| step as i32),
        first_seq: event.first_seq,
        last_seq: event.last_seq,
        text: event.text,
        shortened: event.shortened.into_iter().map(shortened).collect(),
        tokens_before: event.tokens_before,
        tokens_after: event.tokens_after,
        window_tokens: event.window_tokens,
        cost_nano_usd: event.cost_nano_usd,
    }
}

fn queued(event: &event::Queued) -> proto::RunQueued {
    let brief = &event.brief;
    let workspace = brief.workspace.uuid();
    proto::RunQueued {
        task: task_name(workspace, brief.task.task.uuid()),
        title: brief.task.title.clone(),
        agent_version: version_name(workspace, brief.agent.agent.uuid(), brief.agent.version),
        agent_display_name: brief.agent.display_name.clone(),
        starter: format!("users/{}", brief.starter),
        scheduled_start_time: event.start_at.map(timestamp),
        parent_run: brief
            .lineage
            .map(|lineage| run_name(workspace, lineage.parent.uuid()))
            .unwrap_or_default(),
        depth: brief.lineage.map_or(0, |lineage| lineage.depth as i32),
    }
}

pub(super) fn error(error: event::RunError) -> proto::RunError {
    proto::RunError { reason: error.reason, message: error.message }
}

fn finish_reason(reason: crate::domain::conversation::FinishReason) -> llm::FinishReason {
    use crate::domain::conversation::FinishReason;
    match reason {
        FinishReason::Stop => llm::FinishReason::Stop,
        FinishReason::ToolCalls => llm::FinishReason::ToolCalls,
        FinishReason::Length => llm::FinishReason::Length,
        FinishReason::ContentFilter => llm::FinishReason::ContentFilter,
        FinishReason::Other => llm::FinishReason::Unspecified,
    }
}

fn effect_class(class: event::EffectClass) -> proto::EffectClass {
    match class {
        event::EffectClass::Pure => proto::EffectClass::Pure,
        event::EffectClass::Idempotent => proto::EffectClass::Idempotent,
        event::EffectClass::Queryable => proto::EffectClass::Queryable,
        event::EffectClass::AtMostOnce => proto::EffectClass::AtMostOnce,
    }
}

/// `workspaces/{workspace}/tasks/{task}`.
pub(crate) fn task_name(workspace: Uuid, task: Uuid) -> String {
    format!("workspaces/{workspace}/tasks/{task}")
}

/// `workspaces/{workspace}/runs/{run}`.
pub(crate) fn run_name(workspace: Uuid, run: Uuid) -> String {
    format!("workspaces/{workspace}/runs/{run}")
}

/// `workspaces/{workspace}/agents/{agent}/versions/{version}`.
pub(crate) fn version_name(workspace: Uuid, agent: Uuid, version: i32) -> String {
    format!("workspaces/{workspace}/agents/{agent}/versions/{version}")
}

pub(crate) fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: at.unix_timestamp(), nanos: at.nanosecond() as i32 }
}

fn milliseconds(ms: u64) -> Duration {
    Duration { seconds: (ms / 1000) as i64, nanos: (ms % 1000) as i32 * 1_000_000 }
}
