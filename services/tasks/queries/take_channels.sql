-- Takes the turn of up to $3 channels that have something to send at $1, until $2: one process sends over a channel at a time.
-- Who dies over it is followed by another after that.
WITH RECURSIVE pending AS (
    -- A loose scan: one index probe for each channel that has something to send, however much that is.
    (SELECT d.channel_id FROM tasks.delivery d WHERE d.state = 1 ORDER BY d.channel_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.channel_id FROM tasks.delivery d WHERE d.state = 1 AND d.channel_id > p.channel_id
            ORDER BY d.channel_id LIMIT 1)
    FROM pending p WHERE p.channel_id IS NOT NULL
),
due AS MATERIALIZED (
    SELECT p.channel_id, next.workspace_id
    FROM pending p
    CROSS JOIN LATERAL (
        SELECT d.workspace_id, d.due_time FROM tasks.delivery d
        WHERE d.channel_id = p.channel_id AND d.state = 1 ORDER BY d.due_time LIMIT 1
    ) next
    LEFT JOIN tasks.channel_turn t ON t.channel_id = p.channel_id
    WHERE p.channel_id IS NOT NULL AND next.due_time <= $1 AND (t.until IS NULL OR t.until <= $1)
    -- Whoever waits longest, so that many busy channels do not starve one.
    ORDER BY next.due_time
    LIMIT $3
)
INSERT INTO tasks.channel_turn AS turn (channel_id, workspace_id, until)
-- In order, so that two that take at once wait for each other one way round.
SELECT channel_id, workspace_id, $2 FROM due ORDER BY channel_id
ON CONFLICT (channel_id) DO UPDATE SET until = excluded.until WHERE turn.until <= $1
RETURNING channel_id, workspace_id, until
