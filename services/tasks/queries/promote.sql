-- Makes runs ready whose time has come, 500 at a time: delayed ones, scheduled ones, and those that wait for a time. It has
-- come by this server's clock, whatever a scheduler's says; `now()`, because a volatile one is not looked up in an index.
WITH due AS MATERIALIZED (
    SELECT d.run_id,
        -- All that is left to do is to call the model: after a wait for its provider, or of one that has not begun.
        r.mailbox_seq = r.mailbox_read AND (r.wait_reason = 5 OR r.lease_epoch = 0) AS calls
    FROM tasks.delayed d
    JOIN tasks.run r ON r.run_id = d.run_id
    WHERE d.wake_at <= now()
    ORDER BY d.wake_at
    LIMIT 500
    -- Both rows, and waiting for neither: another scheduler has it, or a letter wakes it, which takes the run's row first
    -- and then waits for the other one.
    FOR UPDATE OF d SKIP LOCKED
    FOR NO KEY UPDATE OF r SKIP LOCKED
),
gone AS (
    DELETE FROM tasks.delayed WHERE run_id = ANY (ARRAY(SELECT run_id FROM due)) RETURNING run_id
),
woken AS (
    UPDATE tasks.run SET status = 1, wait_reason = 0, wake_time = NULL
    WHERE run_id = ANY (ARRAY(SELECT run_id FROM gone)) AND status IN (1, 5)
    RETURNING run_id, workspace_id, task_id, fold_version, capability, agent_id, provider, agent_runs, turn
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM woken
)
INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn, calls)
SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn, due.calls
FROM woken JOIN due USING (run_id)
ON CONFLICT (run_id) DO NOTHING
