-- Numbers up to $1 changes, oldest first, and answers the newest number of each workspace that has new ones.
-- It is one statement, so nobody can be stopped in the middle of it, and a change is taken and numbered, or neither.
WITH lease AS MATERIALIZED (
    -- Two that number at once would not double anything, but could number what happened later first. Where there is
    -- nothing to number no row is locked, so that an idle system writes nothing.
    SELECT FROM tasks.activity_relay WHERE EXISTS (SELECT FROM tasks.change) FOR UPDATE SKIP LOCKED
),
taken AS (
    DELETE FROM tasks.change
    WHERE id = ANY (ARRAY(
        SELECT c.id FROM tasks.change c WHERE EXISTS (SELECT FROM lease) ORDER BY c.id LIMIT $1
    ))
    RETURNING id, workspace_id, kind, subject, parent, state, detail, create_time
),
heads AS (
    INSERT INTO tasks.activity_head (workspace_id, seq)
    SELECT workspace_id, count(*) FROM taken GROUP BY workspace_id
    ON CONFLICT (workspace_id) DO UPDATE SET seq = activity_head.seq + excluded.seq
    RETURNING workspace_id, seq
),
numbered AS (
    INSERT INTO tasks.activity (workspace_id, seq, kind, subject, parent, state, detail, create_time, number_time)
    SELECT t.workspace_id,
        h.seq + row_number() OVER (PARTITION BY t.workspace_id ORDER BY t.id) - count(*) OVER (PARTITION BY t.workspace_id),
        t.kind, t.subject, t.parent, t.state, t.detail, t.create_time, statement_timestamp()
    FROM taken t JOIN heads h ON h.workspace_id = t.workspace_id
)
SELECT workspace_id, seq, (SELECT count(*) FROM taken) AS taken FROM heads
