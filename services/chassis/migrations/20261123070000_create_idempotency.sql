-- Replies to requests that carried a request id, kept so that a repeated request gets the first one's reply.
-- {schema} is the service's schema: chassis runs this in every one.
CREATE TABLE {schema}.idempotency (
    -- NULL for operations outside any workspace (making a workspace).
    workspace_id uuid,
    actor text NOT NULL,
    operation text NOT NULL,
    request_id text NOT NULL CHECK (char_length(request_id) BETWEEN 1 AND 128),
    -- SHA-256 of the request, so that the id cannot be used for another request.
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    -- The encoded reply; NULL only inside the transaction that is at work.
    reply bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_key UNIQUE NULLS NOT DISTINCT (workspace_id, actor, operation, request_id)
);
CREATE INDEX idempotency_age ON {schema}.idempotency (workspace_id, created_at);

ALTER TABLE {schema}.idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.idempotency FORCE ROW LEVEL SECURITY;
-- IS NOT DISTINCT FROM: without a workspace only the rows without one are seen.
CREATE POLICY own_workspace ON {schema}.idempotency
    USING (workspace_id IS NOT DISTINCT FROM nullif(current_setting('mc.workspace', true), '')::uuid);
