-- Brings a run's row up to date with its letters and items, in the transaction of an append that is about them. $1 run,
-- $2 number of the last letter that was read, $3 items that were opened.
UPDATE tasks.run
SET mailbox_read = least(mailbox_seq, greatest(mailbox_read, $2)),
    open_items = open_items + $3,
    pending_command = coalesce((
        SELECT c.kind FROM tasks.command c
        WHERE c.run_id = $1 AND c.kind <= 3 AND c.settle_time IS NULL
        ORDER BY c.number DESC LIMIT 1
    ), 0)
WHERE run_id = $1
RETURNING mailbox_seq > mailbox_read
