UPDATE {schema}.outbox AS o
SET attempts = o.attempts + 1, due_at = $4
FROM (
    SELECT id FROM {schema}.outbox
    WHERE topic = $1 AND due_at <= $2
    ORDER BY due_at, id
    LIMIT $3
    -- Several relays share the work; none waits for another.
    FOR UPDATE SKIP LOCKED
) AS due
WHERE o.id = due.id
RETURNING o.id, o.workspace_id, o.body, o.attempts
