-- Appends events to many runs, each under its own fence. Rows come as arrays: $1..$10 one element a run, $11..$17 one an
-- event. A run whose epoch is not the leased one is left out of the result, and nothing of it is written.
WITH fenced AS (
    -- This update is the only way to commit anything of a run: it locks, checks the epoch, numbers the events and reads
    -- whether there is mail. A check by SELECT would leak commits of workers that lost the lease in between.
    UPDATE tasks.run
    SET head_seq = run.head_seq + a.events,
        claims = CASE WHEN a.progress THEN 0 ELSE run.claims END,
        steps = run.steps + a.steps,
        total_tokens = run.total_tokens + a.tokens,
        cost_nano_usd = run.cost_nano_usd + a.cost,
        estimated_cost_nano_usd = run.estimated_cost_nano_usd + a.estimated_cost,
        unpriced_calls = run.unpriced_calls + a.unpriced,
        start_time = coalesce(run.start_time, a.start)
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bool[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::int[], $10::timestamptz[])
        AS a (run_id, epoch, events, progress, steps, tokens, cost, estimated_cost, unpriced, start)
    -- `= ANY ($1)` says the same again, for the planner: a few probes of the primary key.
    WHERE run.run_id = ANY ($1) AND run.run_id = a.run_id AND run.lease_epoch = a.epoch AND run.status = 2
    RETURNING run.run_id, run.workspace_id, run.lease_epoch, run.head_seq, run.head_seq - a.events AS base,
        run.mailbox_seq > run.mailbox_read AS mail
),
written AS (
    INSERT INTO tasks.journal (run_id, seq, workspace_id, kind, step_key, attempt, epoch, body, create_time)
    SELECT f.run_id, f.base + e.place, f.workspace_id, e.kind, e.step_key, e.attempt, f.lease_epoch, e.body::json, e.at
    FROM unnest($11::uuid[], $12::bigint[], $13::text[], $14::text[], $15::int[], $16::text[], $17::timestamptz[])
        AS e (run_id, place, kind, step_key, attempt, body, at)
    JOIN fenced f ON f.run_id = e.run_id
)
SELECT run_id, head_seq, mail FROM fenced
