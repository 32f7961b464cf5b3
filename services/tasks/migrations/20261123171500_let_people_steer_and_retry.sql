-- People say things to a run while it works, and have a failed one go on.
ALTER TABLE tasks.command
    -- Besides 1 to 4: 5 steer, 6 retry.
    DROP CONSTRAINT command_kind_check,
    ADD CONSTRAINT command_kind_check CHECK (kind BETWEEN 1 AND 6),
    -- A decision and what is said need one; another order may say in it that it does not wait.
    DROP CONSTRAINT command_check,
    ADD CONSTRAINT command_has_body CHECK (body IS NOT NULL OR kind NOT IN (4, 5));
ALTER TABLE tasks.run
    DROP CONSTRAINT run_pending_command_check,
    ADD CONSTRAINT run_pending_command_check CHECK (pending_command BETWEEN 0 AND 6);

-- A retry takes the end off a failed run, and an order that older folds do not know of keeps their workers away from it.
GRANT UPDATE (fold_version, end_time, error_reason, error_message) ON tasks.run TO mc_tasks_api;
-- People change nothing of a run that succeeded (3) or was cancelled (7): these stay ended.
ALTER POLICY run_is_ended_by_its_worker ON tasks.run USING (status NOT IN (3, 7)) WITH CHECK (status IN (1, 2, 5, 6));
