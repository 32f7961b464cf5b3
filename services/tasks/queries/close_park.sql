-- Notes that provider $2 of workspace $1 refused a call of run $3, and asks to be left alone for $4 seconds. $5 its words, $6
-- and $7 the shortest and the longest wait of our own, in seconds. Answers how long to wait.
INSERT INTO tasks.park AS p (workspace_id, provider, until, refusals, message, due_at)
VALUES ($1, $2, now() + make_interval(secs => $4), 1, $5, now() + make_interval(secs => $4))
ON CONFLICT (workspace_id, provider) DO UPDATE
SET until = greatest(
        -- Of what several are told at once the latest counts; of what was told before this server's clock was set back, what
        -- was left of the wait.
        CASE WHEN p.told_at > now() + interval '1 second' THEN now() + (p.until - p.told_at) ELSE p.until END,
        excluded.until,
        -- Who went first was refused, or who came right behind it: each time it is left alone for twice as long.
        CASE WHEN coalesce(p.probe_run = $3, false) OR p.batch > 0
            THEN now() + make_interval(secs => least($6 * power(2, least(p.refusals, 16)), $7)) END),
    told_at = now(),
    refusals = p.refusals + (coalesce(p.probe_run = $3, false) OR p.batch > 0)::integer,
    message = excluded.message,
    -- A refusal of a call that was under way before says nothing of the one that goes first now.
    probe_run = CASE WHEN p.probe_run <> $3 THEN p.probe_run END,
    probe_until = CASE WHEN p.probe_run <> $3 THEN p.probe_until END,
    batch = 0,
    due_at = CASE WHEN p.probe_run <> $3 THEN p.due_at ELSE now() END
RETURNING extract(epoch FROM until - now())::float8 AS wait
