-- Runs hand work to other agents, as runs of their own, and wait for these.
ALTER TABLE tasks.run
    -- The run that handed its task over, and the one at the top, which a person or a schedule started; null for such a one.
    ADD COLUMN parent_run uuid,
    ADD COLUMN root_run uuid,
    ADD CONSTRAINT run_below_has_a_root CHECK ((parent_run IS NULL) = (root_run IS NULL)),
    -- Numbers of missioncontrol.tasks.v1.WaitReason: besides 1 to 5, 6 child.
    DROP CONSTRAINT run_wait_reason_check,
    ADD CONSTRAINT run_wait_reason_check CHECK (wait_reason BETWEEN 0 AND 6);

-- Children of a run, for people.
CREATE INDEX run_by_parent ON tasks.run (workspace_id, parent_run, run_id DESC) WHERE parent_run IS NOT NULL;
-- How many live in a tree, and which of a run: looked at when work is handed on, and when a run ends that cannot be read. By
-- `end_time`, as all indexes of what lives: the append must not be planned by it.
CREATE INDEX run_live_in_tree ON tasks.run (root_run, parent_run) WHERE root_run IS NOT NULL AND end_time IS NULL;

ALTER TABLE tasks.command
    -- Besides 1 to 6: 20, which is no order: a run that work was handed to has ended. Its id is that run's.
    DROP CONSTRAINT command_kind_check,
    ADD CONSTRAINT command_kind_check CHECK (kind BETWEEN 1 AND 6 OR kind = 20),
    DROP CONSTRAINT command_has_body,
    ADD CONSTRAINT command_has_body CHECK (body IS NOT NULL OR kind NOT IN (4, 5, 20));

GRANT SELECT (parent_run, root_run) ON tasks.run TO mc_tasks_engine;
-- The letters that the engine writes: the cancel of a run that is replaced or whose parent ended, and the end of a child.
ALTER POLICY command_of_engine_cancels ON tasks.command WITH CHECK (kind IN (3, 20) AND state = 1);
