-- Gives a lease back until a time. $1 run, $2 epoch, $3 when it is promoted to ready, $4 true when the claim
-- shall not count against the run.
WITH released AS (
    UPDATE tasks.run
    SET status = 1, worker_id = NULL, wake_time = $3, claims = CASE WHEN $4 THEN greatest(claims - 1, 0) ELSE claims END
    WHERE run_id = $1 AND lease_epoch = $2 AND status = 2
    RETURNING run_id, workspace_id, task_id
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM released
)
INSERT INTO tasks.delayed (run_id, workspace_id, wake_at) SELECT run_id, workspace_id, $3 FROM released
ON CONFLICT (run_id) DO UPDATE SET wake_at = excluded.wake_at, provider = NULL
