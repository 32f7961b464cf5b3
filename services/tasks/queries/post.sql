-- Puts a letter into the mailbox of a run that the transaction has locked, and makes the run ready if that wakes it.
-- $1 run, $2 true to wake one that waits or is paused, $3 true to wake one before its time, $4 number of the order to show
-- as pending (null to leave it), $5 the letter's id, $6 kind, $7 body, $8 sender, $9 reason, $10 time, $11 the oldest fold
-- that knows what the journal will say of it, $12 true for what is not to wait for a provider.
WITH posted AS (
    UPDATE tasks.run
    SET mailbox_seq = mailbox_seq + 1, pending_command = coalesce($4, pending_command),
        fold_version = greatest(fold_version, $11),
        status = CASE WHEN $2 THEN 1 ELSE status END, wait_reason = CASE WHEN $2 THEN 0 ELSE wait_reason END,
        wake_time = CASE WHEN NOT $3 THEN wake_time END
    -- One that failed may be retried, and hears then how its children ended.
    WHERE run_id = $1 AND (end_time IS NULL OR ($6 = 20 AND status = 4))
    RETURNING run_id, workspace_id, task_id, status, wait_reason, mailbox_seq, fold_version, capability, agent_id, provider, agent_runs, turn
),
-- Also where the state stays: that something was ordered is to be seen.
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
    SELECT workspace_id, 2, run_id, task_id, status, wait_reason FROM posted
),
letter AS (
    INSERT INTO tasks.command (run_id, number, workspace_id, command_id, kind, body, sender, reason, request_time)
    SELECT run_id, mailbox_seq, workspace_id, $5, $6, $7::json, $8, $9, $10 FROM posted
),
-- Who wakes a run at its time may hold this row and waits for no run, so to wait for it here is safe.
undelayed AS (
    DELETE FROM tasks.delayed WHERE run_id = $1 AND $3 RETURNING run_id
),
-- One that is ready and passed over as long as its provider is parked is to be taken for this. Waited for is nobody: who has
-- that row locked takes the run at this moment, and reads the letter.
heeded AS (
    UPDATE tasks.ready SET calls = false
    WHERE run_id = ANY (ARRAY(
        SELECT run_id FROM tasks.ready
        WHERE run_id = ANY (ARRAY(SELECT run_id FROM posted WHERE $12)) AND calls
        FOR UPDATE SKIP LOCKED
    ))
),
-- No row of `ready` is there yet, so this waits for none: what waits, is paused or delayed has none, and the run's lock
-- keeps it so.
woken AS (
    INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
    SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn
    FROM posted WHERE $2 OR EXISTS (SELECT FROM undelayed)
)
SELECT mailbox_seq, $2 OR EXISTS (SELECT FROM undelayed) AS woken FROM posted
