-- Tasks: the board. `state` follows from the latest run and is kept here so that the board can be filtered by an index.
CREATE TABLE tasks.task (
    task_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    brief text NOT NULL CHECK (octet_length(brief) <= 65536),
    -- An agent of the registry; the registry is asked when a run starts, never from here.
    assignee uuid,
    acceptance_checks text[] NOT NULL CHECK (cardinality(acceptance_checks) <= 20),
    -- Numbers of missioncontrol.tasks.v1.TaskState: 1 open, 2 in progress, 3 done, 4 stopped.
    state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4),
    latest_run uuid,
    creator uuid NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    -- Counts what people changed; the etag. A run that starts or ends does not raise it: nobody's edit is refused for that.
    revision bigint NOT NULL DEFAULT 1
);

-- Ids are UUIDv7: the newest first is the greatest id first.
CREATE INDEX task_by_workspace ON tasks.task (workspace_id, task_id DESC);
CREATE INDEX task_by_state ON tasks.task (workspace_id, state, task_id DESC);
CREATE INDEX task_by_assignee ON tasks.task (workspace_id, assignee, task_id DESC);

ALTER TABLE tasks.task ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.task FORCE ROW LEVEL SECURITY;

CREATE POLICY task_of_workspace ON tasks.task TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON tasks.task TO mc_tasks_api;
-- The engine moves a task along with its run and reads nothing but what that takes.
GRANT SELECT (task_id, workspace_id, latest_run), UPDATE (state, update_time) ON tasks.task TO mc_tasks_engine;
