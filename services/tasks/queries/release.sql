-- Gives a lease back: ready at once. $1 run, $2 epoch, $3 true when the claim shall not count against the run.
WITH released AS (
    UPDATE tasks.run
    SET status = 1, worker_id = NULL, claims = CASE WHEN $3 THEN greatest(claims - 1, 0) ELSE claims END
    WHERE run_id = $1 AND lease_epoch = $2 AND status = 2
    RETURNING run_id, workspace_id, task_id, fold_version, capability, agent_id, provider, agent_runs, turn
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM released
)
INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn FROM released
