-- The activity of a workspace: coarse changes, told in the transaction that makes them and numbered by one relay.

-- What has changed and has no number yet. Written by the very statements that change a run, so it is kept slim: no default
-- but the time, one index.
CREATE TABLE tasks.change (
    -- Changes of one run are written under the lock of its row, so their ids are in order. Ids of one workspace need not be.
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- 1 a task, 2 a run, 3 an inbox item.
    kind smallint NOT NULL,
    subject uuid NOT NULL,
    -- The task of a run, the run of an item.
    parent uuid,
    -- Of a run or an item: number of its state then.
    state smallint NOT NULL DEFAULT 0,
    -- Of a run: number of what it waits for; of an item: of its kind.
    detail smallint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The number of the newest change of each workspace; it outlives the changes.
CREATE TABLE tasks.activity_head (
    workspace_id uuid PRIMARY KEY,
    seq bigint NOT NULL
);

-- Numbered changes, kept for as long as the scheduler is set to.
CREATE TABLE tasks.activity (
    workspace_id uuid NOT NULL,
    -- 1, 2, 3 and so on in each workspace. Rows of a workspace are committed in this order.
    seq bigint NOT NULL,
    kind smallint NOT NULL,
    subject uuid NOT NULL,
    parent uuid,
    state smallint NOT NULL,
    detail smallint NOT NULL,
    create_time timestamptz NOT NULL,
    -- In order of `seq`, so that the oldest go first and leave no gap.
    number_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);
CREATE INDEX activity_by_age ON tasks.activity (number_time, workspace_id, seq);

-- The lease of the relay: whoever holds the lock of this row numbers, for as long as one statement takes.
CREATE TABLE tasks.activity_relay (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO tasks.activity_relay DEFAULT VALUES;

ALTER TABLE tasks.change ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.change FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity_head FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity_relay ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.activity_relay FORCE ROW LEVEL SECURITY;

CREATE POLICY change_tell ON tasks.change FOR INSERT TO mc_tasks_api
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY activity_head_of_workspace ON tasks.activity_head FOR SELECT TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY activity_of_workspace ON tasks.activity FOR SELECT TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- A claim changes runs of several workspaces in one statement, each told by the row that it changed; the relay numbers all.
CREATE POLICY change_for_engine ON tasks.change TO mc_tasks_engine USING (true);
CREATE POLICY activity_head_for_engine ON tasks.activity_head TO mc_tasks_engine USING (true);
CREATE POLICY activity_for_engine ON tasks.activity TO mc_tasks_engine USING (true);
CREATE POLICY activity_relay_for_engine ON tasks.activity_relay TO mc_tasks_engine USING (true);

GRANT INSERT ON tasks.change TO mc_tasks_api;
GRANT SELECT ON tasks.activity_head, tasks.activity TO mc_tasks_api;
GRANT SELECT, INSERT, DELETE ON tasks.change, tasks.activity TO mc_tasks_engine;
GRANT SELECT, INSERT, UPDATE (seq) ON tasks.activity_head TO mc_tasks_engine;
GRANT SELECT, UPDATE ON tasks.activity_relay TO mc_tasks_engine;
