-- Escalates items that have stayed open past their time ($1), 200 at a time, and tells of each. Several schedulers share them
-- out: what one has locked, the others skip, and what it has escalated is no longer due. Nobody who has an item locked waits
-- for another row of ours, and a run's row is not touched.
WITH due AS MATERIALIZED (
    SELECT item_id FROM tasks.inbox_item WHERE state = 1 AND due_time <= $1
    ORDER BY due_time LIMIT 200 FOR NO KEY UPDATE SKIP LOCKED
),
escalated AS (
    UPDATE tasks.inbox_item
    SET escalations = escalations + 1,
        -- From now on and not from when it was due, so that a scheduler that was away does not make up for it in one go.
        -- The fifth time is the last.
        due_time = CASE WHEN escalations < 4
            THEN $1 + make_interval(secs => expiry_s::double precision * 2 ^ (escalations + 1)) END
    WHERE item_id = ANY (ARRAY(SELECT item_id FROM due)) AND state = 1
    RETURNING item_id, workspace_id, run_id, kind, state
),
notified AS (
    INSERT INTO tasks.delivery (workspace_id, channel_id, kind, run_id, agent_id, item_id, create_time, due_time)
    SELECT c.workspace_id, c.channel_id, 8, e.run_id, r.agent_id, e.item_id, $1, $1
    FROM escalated e JOIN tasks.run r ON r.run_id = e.run_id JOIN tasks.channel c ON c.workspace_id = e.workspace_id
    WHERE NOT c.disabled AND 8 = ANY (c.kinds) AND (c.agents = '{}' OR r.agent_id = ANY (c.agents))
)
INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
SELECT workspace_id, 3, item_id, run_id, state, kind FROM escalated
