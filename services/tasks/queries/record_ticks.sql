-- Records what a scheduler makes of the ticks of schedules whose rows its transaction holds.
-- Fires, each an element of: $1 schedule, $2 due time, $3 id, $4 workspace, $5 state (1 due, 4 skipped), $6 reason,
-- $7 message, $8 missed times. $9 the time. Schedules, each an element of: $10 schedule, $11 seen to until, $12 behind,
-- $13 next tick (null for none), $14 skipped, $15 missed.
WITH made AS (
    INSERT INTO tasks.schedule_fire
        (schedule_id, due_time, fire_id, workspace_id, state, reason, message, missed_times, create_time, settle_time)
    SELECT p.schedule_id, p.due_time, p.fire_id, p.workspace_id, p.state, p.reason, p.message, p.missed_times, $9,
        CASE WHEN p.state = 4 THEN $9 END
    FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::smallint[], $6::text[], $7::text[], $8::bigint[])
        AS p (schedule_id, due_time, fire_id, workspace_id, state, reason, message, missed_times)
    -- A tick that has fired fires no more, whatever the schedule's row says.
    ON CONFLICT (schedule_id, due_time) WHERE requester IS NULL DO NOTHING
    RETURNING schedule_id, state
),
seen AS (
    SELECT s.*, (SELECT count(*) FROM made WHERE made.schedule_id = s.schedule_id AND made.state = 1) AS due
    FROM unnest($10::uuid[], $11::timestamptz[], $12::bigint[], $13::timestamptz[], $14::bigint[], $15::bigint[])
        AS s (schedule_id, settled_until, behind, next_fire_time, skipped, missed)
)
UPDATE tasks.schedule
SET settled_until = greatest(schedule.settled_until, seen.settled_until), behind = seen.behind,
    next_fire_time = seen.next_fire_time, open_fires = open_fires + seen.due,
    skipped_fires = skipped_fires + seen.skipped, missed_times = missed_times + seen.missed,
    look_at = CASE WHEN seen.due > 0 THEN coalesce(look_at, $9) ELSE look_at END
FROM seen
WHERE schedule.schedule_id = seen.schedule_id
