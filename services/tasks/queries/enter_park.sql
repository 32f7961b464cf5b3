-- Asks whether run $3 may call provider $2 of workspace $1. Where calls are taken there is no row, or one that opens. Where
-- the time has come and nobody goes first, it does: for $4 seconds, and for as long as it says that it is alive.
WITH first AS (
    -- The row's lock makes it one, however many ask at this moment: the second finds a probe there.
    UPDATE tasks.park
    SET probe_run = $3, told_at = now(), probe_until = now() + make_interval(secs => $4), due_at = now() + make_interval(secs => $4)
    WHERE workspace_id = $1 AND provider = $2 AND batch = 0 AND until <= now()
        AND (probe_run IS NULL OR probe_run = $3 OR probe_until <= now())
    RETURNING 1
)
SELECT EXISTS (SELECT FROM first) AS first,
    extract(epoch FROM greatest(until, probe_until, now() + interval '1 second') - now())::float8 AS wait
FROM tasks.park
WHERE workspace_id = $1 AND provider = $2 AND batch = 0
