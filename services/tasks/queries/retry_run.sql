-- Makes a failed run ready again, by an order to retry in its mailbox. Its journal goes on when a worker has read that. The
-- transaction has locked the run. $1 run, $2 the order's id, $3 who gave it, $4 reason, $5 time, $6 the oldest fold that
-- knows of retries.
WITH reopened AS (
    UPDATE tasks.run
    SET status = 1, end_time = NULL, error_reason = NULL, error_message = NULL, mailbox_seq = mailbox_seq + 1,
        pending_command = 6, fold_version = greatest(fold_version, $6)
    -- The end forgave all claims before it, so they begin anew by themselves.
    WHERE run_id = $1 AND status = 4
    RETURNING run_id, workspace_id, task_id, mailbox_seq, fold_version, capability, agent_id, provider, agent_runs, turn
),
letter AS (
    INSERT INTO tasks.command (run_id, number, workspace_id, command_id, kind, sender, reason, request_time)
    SELECT run_id, mailbox_seq, workspace_id, $2, 6, $3, $4, $5 FROM reopened
),
woken AS (
    INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
    SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn FROM reopened
),
moved AS (
    UPDATE tasks.task SET state = 2, update_time = $5
    FROM reopened WHERE task.task_id = reopened.task_id
    RETURNING task.task_id
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM reopened
    UNION ALL SELECT workspace_id, 1, moved.task_id, NULL, 0 FROM reopened, moved
)
SELECT mailbox_seq FROM reopened
