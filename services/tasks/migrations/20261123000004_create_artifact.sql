-- Files that agents wrote, content included, at most 4 MiB each.
CREATE TABLE tasks.artifact (
    artifact_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    path text NOT NULL CHECK (char_length(path) BETWEEN 1 AND 255),
    -- Counts writes to this path in this run, from 1.
    revision integer NOT NULL CHECK (revision >= 1),
    media_type text NOT NULL,
    size_bytes bigint GENERATED ALWAYS AS (octet_length(content)) STORED,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    content bytea NOT NULL CHECK (octet_length(content) <= 4194304),
    create_time timestamptz NOT NULL
);
CREATE UNIQUE INDEX artifact_revision ON tasks.artifact (run_id, path, revision DESC);
CREATE INDEX artifact_by_workspace ON tasks.artifact (workspace_id, artifact_id DESC);
CREATE INDEX artifact_by_run ON tasks.artifact (workspace_id, run_id, artifact_id DESC);

ALTER TABLE tasks.artifact ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.artifact FORCE ROW LEVEL SECURITY;

CREATE POLICY artifact_of_workspace ON tasks.artifact TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);

GRANT SELECT ON tasks.artifact TO mc_tasks_api;
GRANT SELECT, INSERT ON tasks.artifact TO mc_tasks_engine;
