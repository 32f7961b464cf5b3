-- Makes runs ready that worker $1 has on paper and not in hand: $2 are those that it carries on.
WITH released AS (
    UPDATE tasks.run
    -- The worker and the database were at fault, not the run.
    SET status = 1, worker_id = NULL, claims = greatest(claims - 1, 0)
    WHERE worker_id = $1 AND status = 2 AND run_id <> ALL ($2)
    RETURNING run_id, workspace_id, task_id, fold_version, capability, agent_id, provider, agent_runs, turn
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM released
)
INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn FROM released
