-- Providers that take no more calls for now, and who waits for them. A provider of a workspace has one credential, or none, so
-- its row stands for the credential's limit. No row: calls are taken.
CREATE TABLE tasks.park (
    workspace_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider <> ''),
    -- Nobody calls before this; then one does, and the others wait for what it hears.
    until timestamptz NOT NULL,
    -- When any of this was said last, by this server's clock: one that is set back shifts all waits and lengthens none.
    told_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now(),
    -- Refusals one behind the other: a number of calls that were under way at once counts as one.
    refusals integer NOT NULL CHECK (refusals >= 1),
    -- The provider's words, for people.
    message text NOT NULL DEFAULT '',
    -- The run that goes first, and until when it does so without a sign of life.
    probe_run uuid,
    probe_until timestamptz,
    -- While it opens again: how many runs are let go next. 0 while it is closed.
    batch integer NOT NULL DEFAULT 0 CHECK (batch >= 0),
    -- When a scheduler has something to do about it.
    due_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, provider),
    CONSTRAINT park_probe_has_a_limit CHECK ((probe_run IS NULL) = (probe_until IS NULL)),
    CONSTRAINT park_opens_without_a_probe CHECK (batch = 0 OR probe_run IS NULL)
);
CREATE INDEX park_by_due_time ON tasks.park (due_at);

ALTER TABLE tasks.park ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.park FORCE ROW LEVEL SECURITY;
CREATE POLICY park_of_workspace ON tasks.park TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY park_for_engine ON tasks.park TO mc_tasks_engine USING (true);
-- People see it, and choose who goes first.
GRANT SELECT, UPDATE (until, told_at, probe_run, probe_until, batch, due_at) ON tasks.park TO mc_tasks_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks.park TO mc_tasks_engine;

-- What is ready and has nothing to do but call its model stands in strands of its own: a claim passes over them whole while
-- their provider is parked. Whoever has mail, or may have more to do, does not.
DROP INDEX tasks.ready_in_turn;
ALTER TABLE tasks.ready NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.ready
    DROP COLUMN strand,
    ADD COLUMN calls boolean NOT NULL DEFAULT false;
ALTER TABLE tasks.ready
    ADD COLUMN strand bigint NOT NULL GENERATED ALWAYS AS (
        uuid_hash_extended(agent_id, hashtextextended(
            provider || ' ' || capability || ' ' || fold_version::text || CASE WHEN calls THEN ' calls' ELSE '' END, 0))) STORED;
ALTER TABLE tasks.ready FORCE ROW LEVEL SECURITY;
CREATE INDEX ready_in_turn ON tasks.ready (workspace_id, strand, turn, run_id);
-- Who goes first of all that wait for a provider, and who is let go next.
CREATE INDEX ready_to_call ON tasks.ready (workspace_id, provider, turn, run_id) WHERE calls;
-- An order to a run that is passed over makes it one that is not.
GRANT SELECT (run_id, workspace_id, provider, calls), UPDATE (calls) ON tasks.ready TO mc_tasks_api;

-- Runs that wait for a provider until a time of their own; null of all others.
ALTER TABLE tasks.delayed ADD COLUMN provider text;
GRANT SELECT (workspace_id, provider) ON tasks.delayed TO mc_tasks_api;
ALTER TABLE tasks.delayed NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.run NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.delayed SET provider = run.provider
FROM tasks.run WHERE run.run_id = delayed.run_id AND run.status = 5 AND run.wait_reason = 5;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.delayed FORCE ROW LEVEL SECURITY;
CREATE INDEX delayed_by_provider ON tasks.delayed (workspace_id, provider, wake_at) WHERE provider IS NOT NULL;
