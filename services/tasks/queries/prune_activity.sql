-- Forgets numbered changes that are older than $1 seconds, $2 at a time. Changes that were numbered together go in the order
-- of their numbers, so that what is left of a workspace has no gap.
DELETE FROM tasks.activity
WHERE (workspace_id, seq) IN (
    SELECT workspace_id, seq FROM tasks.activity
    WHERE number_time < clock_timestamp() - make_interval(secs => $1)
    ORDER BY number_time, workspace_id, seq LIMIT $2
)
