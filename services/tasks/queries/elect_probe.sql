-- Has the first run in line for provider $2 of workspace $1 go first: within $3 seconds a worker has to have taken it. The
-- transaction has locked the row of `park`. Where none is in line, the next of those that sleep is woken.
WITH head AS MATERIALIZED (
    SELECT run_id FROM tasks.ready
    WHERE workspace_id = $1 AND provider = $2 AND calls
    ORDER BY turn, run_id LIMIT 1
    FOR UPDATE SKIP LOCKED
),
chosen AS (
    UPDATE tasks.ready SET calls = false WHERE run_id = ANY (ARRAY(SELECT run_id FROM head)) RETURNING run_id
),
sleeper AS MATERIALIZED (
    SELECT run_id FROM tasks.delayed
    WHERE workspace_id = $1 AND provider = $2 AND NOT EXISTS (SELECT FROM head)
    ORDER BY wake_at LIMIT 1
    -- Whoever wakes it, or writes to its run, takes this row and waits for nobody who has a park.
    FOR UPDATE SKIP LOCKED
),
roused AS (
    UPDATE tasks.delayed SET wake_at = least(wake_at, now()) WHERE run_id = ANY (ARRAY(SELECT run_id FROM sleeper))
),
probing AS (
    UPDATE tasks.park
    SET probe_run = chosen.run_id, told_at = now(), probe_until = now() + make_interval(secs => $3),
        due_at = now() + make_interval(secs => $3)
    FROM chosen WHERE park.workspace_id = $1 AND park.provider = $2
)
SELECT EXISTS (SELECT FROM chosen) AS chosen
