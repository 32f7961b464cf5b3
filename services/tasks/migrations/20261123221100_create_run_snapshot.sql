-- What a run's journal comes to up to an event, so that a worker that takes the run reads this and what came after. The
-- journal is the truth: whatever is wrong with a snapshot, it is passed over.
CREATE TABLE tasks.run_snapshot (
    run_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- The last event that is in it.
    seq bigint NOT NULL CHECK (seq >= 1),
    -- Of what it was made by; another one cannot read it.
    version integer NOT NULL,
    -- Of that event's body: a snapshot of another journal is none of this one.
    event_sha256 bytea NOT NULL CHECK (octet_length(event_sha256) = 32),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content bytea NOT NULL CHECK (octet_length(content) <= 16777216),
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE tasks.run_snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.run_snapshot FORCE ROW LEVEL SECURITY;
CREATE POLICY run_snapshot_of_workspace ON tasks.run_snapshot TO mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- People have the journal.
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks.run_snapshot TO mc_tasks_engine;
