-- Lets the next $3 runs go that wait for provider $2 of workspace $1, the first in line first, and wakes as many of those that
-- sleep. The transaction has locked the row of `park`, which doubles the number, or goes where nobody is left.
WITH next AS MATERIALIZED (
    SELECT run_id FROM tasks.ready
    WHERE workspace_id = $1 AND provider = $2 AND calls
    ORDER BY turn, run_id LIMIT $3
    FOR UPDATE SKIP LOCKED
),
gone AS (
    UPDATE tasks.ready SET calls = false WHERE run_id = ANY (ARRAY(SELECT run_id FROM next)) RETURNING run_id
),
sleepers AS MATERIALIZED (
    SELECT run_id FROM tasks.delayed
    WHERE workspace_id = $1 AND provider = $2 AND wake_at > now()
    ORDER BY wake_at LIMIT $3
    FOR UPDATE SKIP LOCKED
),
roused AS (
    UPDATE tasks.delayed SET wake_at = now() WHERE run_id = ANY (ARRAY(SELECT run_id FROM sleepers))
)
SELECT count(*) FROM gone
