-- Takes up to $1 runs for worker $2, in turn over workspaces, and raises their epoch.
-- $3 the workspace served last, $4 runs a workspace may have leased at once, $5 newest fold version of this worker,
-- $6 its capabilities.
WITH RECURSIVE spaces AS (
    -- A loose scan: one index probe for each workspace that has work, however long its backlog.
    (SELECT r.workspace_id FROM tasks.ready r WHERE r.workspace_id > $3 ORDER BY r.workspace_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.workspace_id FROM tasks.ready r WHERE r.workspace_id > s.workspace_id ORDER BY r.workspace_id LIMIT 1)
    FROM spaces s WHERE s.workspace_id IS NOT NULL
),
turn AS MATERIALIZED (
    SELECT s.workspace_id, room.n AS room
    FROM spaces s CROSS JOIN LATERAL (
        -- Counted up to the cap and no further. Two claims at once may overshoot it by one batch: it is for fairness.
        SELECT $4 - count(*) AS n
        FROM (SELECT FROM tasks.run l WHERE l.workspace_id = s.workspace_id AND l.worker_id IS NOT NULL LIMIT $4) leased
    ) room
    WHERE s.workspace_id IS NOT NULL AND room.n > 0
    LIMIT 64
),
-- MATERIALIZED: a LIMIT that is planned into the join below could be evaluated again and take more than it locked.
batch AS MATERIALIZED (
    SELECT next.run_id
    FROM turn CROSS JOIN LATERAL (
        SELECT r.run_id FROM tasks.ready r
        WHERE r.workspace_id = turn.workspace_id AND r.fold_version <= $5 AND r.capability = ANY ($6)
        ORDER BY r.priority DESC, r.ready_at, r.run_id
        LIMIT least(turn.room, (SELECT greatest(1, $1 / greatest(1, count(*))) FROM turn))
        FOR UPDATE SKIP LOCKED
    ) next
    LIMIT $1
),
-- `= ANY (ARRAY(..))` keeps both writes on their primary keys, whatever the statistics say of a table that churns.
taken AS (
    DELETE FROM tasks.ready WHERE run_id = ANY (ARRAY(SELECT run_id FROM batch)) RETURNING run_id
),
leased AS (
    UPDATE tasks.run
    SET status = 2, lease_epoch = lease_epoch + 1, worker_id = $2, claims = claims + 1, wake_time = NULL
    WHERE run_id = ANY (ARRAY(SELECT run_id FROM taken)) AND status = 1
    RETURNING run_id, workspace_id, task_id, agent_id, agent_version, lease_epoch, head_seq, claims, starter,
        mailbox_seq > mailbox_read AS mail
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 2 FROM leased
)
SELECT * FROM leased
