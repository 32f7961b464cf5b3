-- Moves delayed runs whose time has come ($1) to ready, 500 at a time.
WITH due AS MATERIALIZED (
    SELECT run_id FROM tasks.delayed WHERE wake_at <= $1 ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM tasks.delayed WHERE run_id = ANY (ARRAY(SELECT run_id FROM due)) RETURNING run_id
)
INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability)
SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability
FROM tasks.run
WHERE run_id = ANY (ARRAY(SELECT run_id FROM gone)) AND status = 1
ON CONFLICT (run_id) DO NOTHING
