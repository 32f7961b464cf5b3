-- Messages to other services, written in the transaction whose news they carry and deleted when delivered.
-- {schema} is the service's schema: chassis runs this in every one.
CREATE TABLE {schema}.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- NULL for news outside any workspace (a person signed in).
    workspace_id uuid,
    topic text NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 128),
    body bytea NOT NULL CHECK (octet_length(body) <= 1048576),
    -- How often delivery has failed, and when it is worth trying again.
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL
);
CREATE INDEX outbox_due ON {schema}.outbox (topic, due_at, id);

ALTER TABLE {schema}.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.outbox FORCE ROW LEVEL SECURITY;
-- A transaction of a workspace can only add, and only for that workspace.
CREATE POLICY append ON {schema}.outbox FOR INSERT
    WITH CHECK (workspace_id IS NOT DISTINCT FROM nullif(current_setting('mc.workspace', true), '')::uuid);
-- The relay works for all workspaces and therefore in none: what is bound to a workspace reads nothing here, not even its own.
CREATE POLICY relay_read ON {schema}.outbox FOR SELECT
    USING (nullif(current_setting('mc.workspace', true), '') IS NULL);
CREATE POLICY relay_delay ON {schema}.outbox FOR UPDATE
    USING (nullif(current_setting('mc.workspace', true), '') IS NULL);
CREATE POLICY relay_delete ON {schema}.outbox FOR DELETE
    USING (nullif(current_setting('mc.workspace', true), '') IS NULL);
