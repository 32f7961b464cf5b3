-- The journal: append-only, one row an event, bodies byte for byte as the engine wrote them (`json`, not `jsonb`).
-- Every key contains run_id, which is a UUIDv7 and so runs with time: the table can be range-partitioned by it without a
-- rewrite (rename this one, create the partitioned parent, attach this as the partition up to a bound).
CREATE TABLE tasks.journal (
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    -- What the event belongs to within the run; with `kind` and `attempt` it can be there once.
    step_key text NOT NULL,
    attempt integer NOT NULL,
    -- Lease under which it was committed; 0 for what the API wrote before the first.
    epoch bigint NOT NULL,
    body json NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (run_id, seq)
);
CREATE UNIQUE INDEX journal_step ON tasks.journal (run_id, step_key, kind, attempt);

ALTER TABLE tasks.journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal FORCE ROW LEVEL SECURITY;

CREATE POLICY journal_read ON tasks.journal FOR SELECT TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY journal_begin ON tasks.journal FOR INSERT TO mc_tasks_api
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- The append takes the workspace from the run row that it fences on, never from its caller, and one statement appends for
-- runs of several workspaces: a check against one workspace here would cost a round trip for each and add nothing.
CREATE POLICY journal_append ON tasks.journal FOR INSERT TO mc_tasks_engine WITH CHECK (true);

-- Nobody updates or deletes.
GRANT SELECT, INSERT ON tasks.journal TO mc_tasks_api, mc_tasks_engine;
