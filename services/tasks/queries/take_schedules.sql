-- Takes schedules whose open fires are to be looked at ($1 the time, $3 how many at most), for one look. Who dies over it is
-- followed by another after $2.
UPDATE tasks.schedule SET look_at = $2
WHERE schedule_id = ANY (ARRAY(
    SELECT schedule_id FROM tasks.schedule WHERE look_at <= $1 ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
))
RETURNING schedule_id, workspace_id
