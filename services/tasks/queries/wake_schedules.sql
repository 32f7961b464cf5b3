-- Has schedules looked at whose fires wait for a run that has ended. $1 the time, $2 how many at most.
UPDATE tasks.schedule SET look_at = $1, waits = false
WHERE schedule_id = ANY (ARRAY(
    SELECT s.schedule_id
    FROM tasks.schedule s JOIN tasks.run r ON r.run_id = s.latest_run
    WHERE s.waits AND r.end_time IS NOT NULL
    LIMIT $2
    FOR UPDATE OF s SKIP LOCKED
))
