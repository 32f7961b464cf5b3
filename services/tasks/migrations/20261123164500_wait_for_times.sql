-- Runs wait for times: a timer that the agent set, a provider's quota, a start that is scheduled.
ALTER TABLE tasks.run
    -- Numbers of missioncontrol.tasks.v1.WaitReason: besides 1 to 3, 4 timer and 5 quota.
    DROP CONSTRAINT run_wait_reason_check,
    ADD CONSTRAINT run_wait_reason_check CHECK (wait_reason BETWEEN 0 AND 5),
    -- As its row of `delayed` has it, for people; null without one. It has no index: the wake-up goes by `delayed`.
    ADD COLUMN wake_time timestamptz,
    ADD COLUMN scheduled_start_time timestamptz,
    ADD CONSTRAINT run_waits_for_a_time CHECK (wait_reason NOT IN (4, 5) OR wake_time IS NOT NULL);

-- Of runs that wait for their next attempt already. The owner is bound by the policies too, unless for this once.
ALTER TABLE tasks.run NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.delayed NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.run SET wake_time = delayed.wake_at FROM tasks.delayed WHERE delayed.run_id = run.run_id AND run.status = 1;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.delayed FORCE ROW LEVEL SECURITY;

-- A start that is scheduled goes to `delayed`, and a letter to a run that waits for a time wakes it before.
GRANT UPDATE (wake_time) ON tasks.run TO mc_tasks_api;
GRANT INSERT ON tasks.delayed TO mc_tasks_api;
GRANT SELECT (wake_time), UPDATE (wake_time) ON tasks.run TO mc_tasks_engine;
