-- Takes up to $1 runs for worker $2 and raises their epoch: in turn over workspaces, and within one the run whose turn is
-- first among all strands with room. $3 the workspace served last, $4 runs a workspace may have leased at once, $5 of these
-- with this worker, $6 runs an agent may have where its version says nothing, $7 runs a provider may have, $8 newest fold
-- version of this worker, $9 its capabilities.
WITH RECURSIVE spaces AS (
    -- A loose scan: one index probe for each workspace that has work, however long its backlog.
    (SELECT r.workspace_id FROM tasks.ready r WHERE r.workspace_id > $3 ORDER BY r.workspace_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.workspace_id FROM tasks.ready r WHERE r.workspace_id > s.workspace_id ORDER BY r.workspace_id LIMIT 1)
    FROM spaces s WHERE s.workspace_id IS NOT NULL
),
-- Of more strands than are looked at, another part comes first each time.
start AS MATERIALIZED (SELECT ((random() - 0.5) * 18446744073709551616)::bigint AS strand),
serving AS MATERIALIZED (
    SELECT s.workspace_id, leased.room, leased.agents, leased.providers, open.heads
    FROM spaces s
    CROSS JOIN LATERAL (
        -- Counted up to the cap and no further. Two claims at once may overshoot it by one batch: it is for fairness.
        SELECT least($4 - count(*), $5 - count(*) FILTER (WHERE l.worker_id = $2)) AS room,
            coalesce(array_agg(l.agent_id), '{}') AS agents, coalesce(array_agg(l.provider), '{}') AS providers,
            -- Providers that take no calls for now: a handful of rows, none as a rule.
            ARRAY(SELECT p.provider FROM tasks.park p WHERE p.workspace_id = s.workspace_id) AS parked
        FROM (
            SELECT run.worker_id, run.agent_id, run.provider FROM tasks.run
            WHERE run.workspace_id = s.workspace_id AND run.worker_id IS NOT NULL LIMIT $4
        ) l
    ) leased
    CROSS JOIN LATERAL (
        -- The first run of each strand that this worker can take and that has room.
        WITH RECURSIVE ahead AS (
            (SELECT r AS head FROM tasks.ready r
             WHERE r.workspace_id = s.workspace_id AND r.strand >= (SELECT strand FROM start)
             ORDER BY r.strand, r.turn, r.run_id LIMIT 1)
            UNION ALL
            SELECT next.head FROM ahead CROSS JOIN LATERAL (
                SELECT r AS head FROM tasks.ready r
                WHERE r.workspace_id = s.workspace_id AND r.strand > (ahead.head).strand
                ORDER BY r.strand, r.turn, r.run_id LIMIT 1
            ) next
        ),
        behind AS (
            (SELECT r AS head FROM tasks.ready r
             WHERE r.workspace_id = s.workspace_id AND r.strand < (SELECT strand FROM start)
             ORDER BY r.strand, r.turn, r.run_id LIMIT 1)
            UNION ALL
            SELECT next.head FROM behind CROSS JOIN LATERAL (
                SELECT r AS head FROM tasks.ready r
                WHERE r.workspace_id = s.workspace_id AND r.strand > (behind.head).strand
                    AND r.strand < (SELECT strand FROM start)
                ORDER BY r.strand, r.turn, r.run_id LIMIT 1
            ) next
        )
        SELECT array_agg(ring.head) AS heads
        FROM (SELECT head FROM ahead UNION ALL SELECT head FROM behind LIMIT 64) ring
        WHERE (ring.head).fold_version <= $8 AND (ring.head).capability = ANY ($9)
            AND coalesce((ring.head).agent_runs, $6) > cardinality(array_positions(leased.agents, (ring.head).agent_id))
            AND $7 > cardinality(array_positions(leased.providers, (ring.head).provider))
            AND NOT ((ring.head).calls AND (ring.head).provider = ANY (leased.parked))
    ) open
    WHERE s.workspace_id IS NOT NULL AND leased.room > 0 AND open.heads IS NOT NULL
    LIMIT least(64, $1)
),
share AS MATERIALIZED (SELECT greatest(1, $1 / greatest(1, count(*))) AS runs FROM serving),
strands AS MATERIALIZED (
    SELECT s.workspace_id, head.strand, head.agent_id, head.provider, least(s.room, share.runs) AS room,
        coalesce(head.agent_runs, $6) - cardinality(array_positions(s.agents, head.agent_id)) AS agent_room,
        $7 - cardinality(array_positions(s.providers, head.provider)) AS provider_room
    FROM serving s CROSS JOIN share CROSS JOIN LATERAL unnest(s.heads) head
),
-- How many of each strand, if the first of all of them are taken that the caps allow.
wanted AS MATERIALIZED (
    SELECT third.workspace_id, third.strand, count(*) AS runs
    FROM (
        SELECT second.*, row_number() OVER (PARTITION BY workspace_id ORDER BY turn, run_id) AS place
        FROM (
            SELECT first.*, row_number() OVER (PARTITION BY workspace_id, agent_id ORDER BY turn, run_id) AS place_of_agent
            FROM (
                SELECT s.*, r.turn, r.run_id,
                    row_number() OVER (PARTITION BY s.workspace_id, s.provider ORDER BY r.turn, r.run_id) AS place_of_provider
                FROM strands s CROSS JOIN LATERAL (
                    SELECT r.turn, r.run_id FROM tasks.ready r
                    WHERE r.workspace_id = s.workspace_id AND r.strand = s.strand
                    ORDER BY r.turn, r.run_id LIMIT least(s.room, s.agent_room, s.provider_room)
                ) r
            ) first
            WHERE first.place_of_provider <= first.provider_room
        ) second
        WHERE second.place_of_agent <= second.agent_room
    ) third
    WHERE third.place <= third.room
    GROUP BY third.workspace_id, third.strand
),
-- Of what others are claiming at this moment, the next ones instead. MATERIALIZED: a LIMIT that is planned into the join
-- below could be evaluated again and take more than it locked.
batch AS MATERIALIZED (
    SELECT next.run_id
    FROM wanted CROSS JOIN LATERAL (
        SELECT r.run_id FROM tasks.ready r
        WHERE r.workspace_id = wanted.workspace_id AND r.strand = wanted.strand
        ORDER BY r.turn, r.run_id
        LIMIT wanted.runs
        FOR UPDATE SKIP LOCKED
    ) next
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
