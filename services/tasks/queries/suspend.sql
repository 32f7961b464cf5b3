-- Lets a run go that has nothing to do until something comes: $1 run, $2 epoch, $3 status (1 with a time to wake, 5 waiting,
-- 6 paused), $4 what it waits for, $5 when it wakes by itself, null for never.
-- The row is updated in any case, so that mail and lease are judged by what is committed, and not by what a look saw.
WITH parted AS (
    UPDATE tasks.run
    SET status = CASE WHEN mailbox_seq > mailbox_read THEN 2 ELSE $3 END,
        wait_reason = CASE WHEN mailbox_seq > mailbox_read THEN 0 ELSE $4 END,
        wake_time = CASE WHEN mailbox_seq <= mailbox_read THEN $5::timestamptz END,
        worker_id = CASE WHEN mailbox_seq > mailbox_read THEN worker_id END,
        -- Waiting is no failure. A time to wake may follow one, so there only this claim is forgiven.
        claims = CASE WHEN mailbox_seq > mailbox_read THEN claims WHEN $3 = 1 THEN greatest(claims - 1, 0) ELSE 0 END
    WHERE run_id = $1 AND lease_epoch = $2 AND status = 2
    RETURNING run_id, workspace_id, task_id, status, wait_reason, provider
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
    SELECT workspace_id, 2, run_id, task_id, status, wait_reason FROM parted WHERE status <> 2
),
later AS (
    INSERT INTO tasks.delayed (run_id, workspace_id, wake_at, provider)
    SELECT run_id, workspace_id, $5, CASE WHEN wait_reason = 5 THEN provider END
    FROM parted WHERE status <> 2 AND $5 IS NOT NULL
    -- None is there while a worker has the run; should one have been left, this time is the one that counts.
    ON CONFLICT (run_id) DO UPDATE SET wake_at = excluded.wake_at, provider = excluded.provider
)
SELECT status FROM parted
