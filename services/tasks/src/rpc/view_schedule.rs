//! Schedules and their fires, as the contract shows them.

use mc_proto::tasks::v1 as proto;

use crate::rpc::view::{etag, run_name, task_name, timestamp};
use crate::store::fire::Fire;
use crate::store::schedule::Schedule;

/// A schedule with its newest fire.
pub(super) fn schedule(schedule: &Schedule, last_fire: Option<&Fire>) -> proto::Schedule {
    let workspace = schedule.workspace_id;
    let content = &schedule.content;
    proto::Schedule {
        name: format!("workspaces/{workspace}/schedules/{}", schedule.schedule_id),
        display_name: schedule.display_name.clone(),
        cron: schedule.cron.clone(),
        time_zone: schedule.time_zone.clone(),
        template: Some(proto::TaskTemplate {
            title: content.title.clone(),
            brief: content.brief.clone(),
            assignee: format!("workspaces/{workspace}/agents/{}", content.assignee),
            acceptance_checks: content.acceptance_checks.clone(),
        }),
        overlap_policy: i32::from(schedule.overlap_policy),
        missed_fire_policy: i32::from(schedule.missed_policy),
        paused: schedule.paused,
        next_fire_time: schedule.next_fire_time.map(timestamp),
        last_fire: last_fire.map(fire),
        latest_run: schedule.latest_run.map(|run| run_name(workspace, run)).unwrap_or_default(),
        open_fires: schedule.open_fires,
        started_fires: schedule.started_fires,
        skipped_fires: schedule.skipped_fires,
        failed_fires: schedule.failed_fires,
        missed_times: schedule.missed_times,
        creator: format!("users/{}", schedule.creator),
        create_time: Some(timestamp(schedule.create_time)),
        update_time: Some(timestamp(schedule.update_time)),
        etag: etag(schedule.revision),
    }
}

/// A fire.
pub(super) fn fire(fire: &Fire) -> proto::ScheduleFire {
    let workspace = fire.workspace_id;
    let run = |run: Option<uuid::Uuid>| run.map(|run| run_name(workspace, run)).unwrap_or_default();
    let cancel = fire.blocking_run.zip(fire.cancel_command);
    proto::ScheduleFire {
        name: format!("workspaces/{workspace}/schedules/{}/fires/{}", fire.schedule_id, fire.fire_id),
        due_time: Some(timestamp(fire.due_time)),
        requester: fire.requester.map(|person| format!("users/{person}")).unwrap_or_default(),
        note: fire.note.clone(),
        state: i32::from(fire.state),
        reason: fire.reason.clone(),
        message: fire.message.clone(),
        task: fire.task_id.map(|task| task_name(workspace, task)).unwrap_or_default(),
        run: run(fire.run_id),
        blocking_run: run(fire.blocking_run),
        cancel_command: cancel
            .map(|(run, command)| format!("{}/commands/{command}", run_name(workspace, run)))
            .unwrap_or_default(),
        missed_times: fire.missed_times,
        attempts: fire.attempts,
        create_time: Some(timestamp(fire.create_time)),
        settle_time: fire.settle_time.map(timestamp),
    }
}
