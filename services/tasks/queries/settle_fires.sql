-- Settles open fires of a schedule whose row the transaction holds: they start nothing. $1 schedule, $2 fires, $3 state
-- (4 skipped, 5 failed), $4 reason, $5 message, $6 the run that stood in the way (null for none), $7 the time.
WITH settled AS (
    UPDATE tasks.schedule_fire
    SET state = $3, reason = $4, message = $5, blocking_run = coalesce($6, blocking_run), settle_time = $7
    WHERE schedule_id = $1 AND fire_id = ANY ($2) AND settle_time IS NULL
    RETURNING fire_id
)
UPDATE tasks.schedule
SET open_fires = open_fires - (SELECT count(*) FROM settled),
    skipped_fires = skipped_fires + CASE WHEN $3 = 4 THEN (SELECT count(*) FROM settled) ELSE 0 END,
    failed_fires = failed_fires + CASE WHEN $3 = 5 THEN (SELECT count(*) FROM settled) ELSE 0 END
WHERE schedule_id = $1
