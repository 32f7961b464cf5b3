-- Generations that are stopped on order, keys that are cancelled before they are used, and the sweep's way to those whose
-- owner died.
ALTER TABLE llm.generation
    -- When somebody first asked to stop it; by the database's clock. Its owner reads it with its next heartbeat.
    ADD COLUMN cancel_requested_at timestamptz,
    -- NULL: the key was cancelled before any request came.
    ALTER COLUMN request_hash DROP NOT NULL,
    DROP CONSTRAINT generation_state_check,
    ADD CONSTRAINT generation_state_check
        CHECK (state IN ('running', 'succeeded', 'failed', 'interrupted', 'cancelled')),
    DROP CONSTRAINT generation_explains,
    ADD CONSTRAINT generation_explains
        CHECK (state NOT IN ('failed', 'interrupted', 'cancelled') OR error_reason <> ''),
    ADD CONSTRAINT generation_was_asked CHECK (request_hash IS NOT NULL OR state = 'cancelled');
GRANT UPDATE (cancel_requested_at) ON llm.generation TO mc_llm_api;

-- The serving role sees one workspace at a time, and the sweep has to learn which ones to look at. This function tells
-- their ids and nothing else; the policy lets its owner see what it must for that: generations that are running.
CREATE POLICY running_for_sweep ON llm.generation FOR SELECT TO mc_llm_owner USING (state = 'running');
CREATE FUNCTION llm.stale_workspaces(lease_ms bigint, at_most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT workspace_id FROM llm.generation
    WHERE state = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => lease_ms / 1000.0)
    LIMIT at_most
$$;
REVOKE ALL ON FUNCTION llm.stale_workspaces(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION llm.stale_workspaces(bigint, integer) TO mc_llm_api;
