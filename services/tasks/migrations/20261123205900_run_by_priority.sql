-- A run keeps the priority that its task had when it was begun.
ALTER TABLE tasks.run
    -- Higher runs first; a normal one is 0.
    ADD COLUMN IF NOT EXISTS priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100);
-- The engine begins runs for schedules, by the priority of the task that it makes.
GRANT SELECT (priority) ON tasks.task TO mc_tasks_engine;
GRANT SELECT (priority) ON tasks.run TO mc_tasks_engine;
