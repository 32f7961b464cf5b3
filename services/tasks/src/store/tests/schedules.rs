//! What tests of schedules put into the tables and find there, past row-level security.

use super::*;

impl Tables {
    /// Schedule and due time of every tick that became a fire.
    pub(crate) async fn ticks(&self) -> Vec<(Uuid, OffsetDateTime)> {
        sqlx::query_as("SELECT schedule_id, due_time FROM tasks.schedule_fire WHERE requester IS NULL")
            .fetch_all(&self.kit.admin())
            .await
            .expect("read the fires")
    }

    /// How many runs there are.
    pub(crate) async fn runs(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM tasks.run")
            .fetch_one(&self.kit.admin())
            .await
            .expect("count the runs")
    }

    /// Schedules that are never due.
    pub(crate) async fn fill_with_schedules(&self, workspace: WorkspaceId, count: i32) {
        sqlx::query(
            "INSERT INTO tasks.schedule (schedule_id, workspace_id, cron, time_zone, overlap_policy, missed_policy,
                 settled_until, creator, create_time, update_time)
             SELECT gen_random_uuid(), $1, '@daily', 'UTC', 1, 1, $2, $1, $2, $2 FROM generate_series(1, $3)",
        )
        .bind(workspace.uuid())
        .bind(NOW)
        .bind(count)
        .execute(&self.kit.admin())
        .await
        .expect("fill");
    }
}
