//! The service's RPCs: one operation, one file, read straight down.

mod batch;
mod batch_decide_inbox_items;
mod batch_start_tasks;
mod batch_update_tasks;
mod cancel_run;
mod channel_access;
mod channel_content;
mod create_approval_rule;
mod create_channel;
mod create_schedule;
mod create_task;
mod create_task_comment;
mod decide_inbox_item;
mod decision;
mod delete_channel;
mod delete_schedule;
mod delete_task_comment;
mod download_artifact;
mod export_run;
mod get_approval_rule;
mod get_artifact;
mod get_channel;
mod get_inbox_item;
mod get_run;
mod get_schedule;
mod get_task;
mod list_approval_rules;
mod list_artifacts;
mod list_channels;
mod list_deliveries;
mod list_inbox_items;
mod list_run_commands;
mod list_run_events;
mod list_runs;
mod list_schedule_fires;
mod list_schedules;
mod list_task_comments;
mod list_tasks;
mod moment;
mod names;
mod notification_service;
mod order;
mod pause_run;
mod pause_schedule;
mod placing;
mod preview_schedule;
mod quiet_content;
mod replay_delivery;
mod resume_run;
mod resume_schedule;
mod retry_run;
mod revoke_approval_rule;
mod rotate_channel_secret;
mod rule_content;
mod run_schedule;
mod schedule_content;
mod schedule_service;
mod service;
mod shown_schedule;
mod start_limits;
mod start_task;
mod start_time;
mod steer_run;
mod task_board;
mod task_content;
mod task_service;
mod test_channel;
#[cfg(test)]
pub(crate) mod tests;
mod update_channel;
mod update_schedule;
mod update_task;
pub(crate) mod view;
pub(crate) mod view_activity;
mod view_channel;
mod view_children;
mod view_limits;
mod view_people;
mod view_rules;
mod view_schedule;
mod watch_run;
mod watch_workspace;

use std::sync::Arc;

use mc_chassis::Ambient;
use mc_chassis::auth::Verifier;
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::db::Database;

use crate::watch::Watcher;

pub(crate) use service::routes;

/// What every operation works with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) database: Database,
    pub(crate) registry: Upstream,
    pub(crate) llm: Upstream,
    pub(crate) identity: Upstream,
    /// Whether mail can be sent.
    pub(crate) mails: bool,
    pub(crate) bus: Bus,
    pub(crate) watcher: Watcher,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) ambient: Ambient,
}
