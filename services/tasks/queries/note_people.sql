-- Brings a run's row up to date with its letters and items, in the transaction of an append that is about them. $1 run,
-- $2 number of the last letter that was read, $3 items that were opened.
WITH before AS (
    -- As the transaction has it, which holds the row since its append.
    SELECT pending_command FROM tasks.run WHERE run_id = $1
),
noted AS (
    UPDATE tasks.run
    SET mailbox_read = least(mailbox_seq, greatest(mailbox_read, $2)),
        open_items = open_items + $3,
        pending_command = coalesce((
            SELECT c.kind FROM tasks.command c
            WHERE c.run_id = $1 AND c.kind NOT IN (4, 20) AND c.settle_time IS NULL
            ORDER BY c.number DESC LIMIT 1
        ), 0)
    WHERE run_id = $1
    RETURNING run_id, workspace_id, task_id, status, wait_reason, pending_command, mailbox_seq > mailbox_read AS mail
),
-- An order that is carried out while the state stays is to be seen, as it was when it was given.
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
    SELECT workspace_id, 2, run_id, task_id, status, wait_reason
    FROM noted, before WHERE noted.pending_command <> before.pending_command
)
SELECT mail FROM noted
