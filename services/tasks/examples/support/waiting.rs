//! Runs that wait, for benches.

use sqlx::PgConnection;

/// Runs that wait, of ten workspaces: every other one for a person, the others for a time tomorrow.
pub(crate) async fn fill(owner: &mut PgConnection, runs: i64) -> anyhow::Result<()> {
    sqlx::query(
        "WITH made AS (
             INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, status, wait_reason, wake_time,
                 head_seq, starter, fold_version, create_time, model)
             SELECT gen_random_uuid(), md5((n % 10)::text)::uuid, gen_random_uuid(), md5((n % 100)::text)::uuid, 1, 5,
                 CASE n % 2 WHEN 0 THEN 1 ELSE 4 END, CASE n % 2 WHEN 1 THEN now() + interval '1 day' END,
                 0, md5('one')::uuid, 1, now(), 'one/m'
             FROM generate_series(1, $1) n RETURNING run_id, workspace_id, wake_time
         )
         INSERT INTO tasks.delayed (run_id, workspace_id, wake_at)
         SELECT run_id, workspace_id, wake_time FROM made WHERE wake_time IS NOT NULL",
    )
    .bind(runs)
    .execute(&mut *owner)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(owner).await?;
    Ok(())
}
