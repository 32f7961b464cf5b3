-- Providers that people added. The built-in simulator is not a row: every workspace has it.
CREATE TABLE llm.provider (
    workspace_id uuid NOT NULL,
    provider_id text NOT NULL CHECK (provider_id ~ '^[a-z][a-z0-9-]{0,39}$' AND provider_id <> 'simulator'),
    display_name text NOT NULL CHECK (char_length(display_name) <= 80),
    kind text NOT NULL CHECK (kind IN ('openai_compatible')),
    base_url text NOT NULL CHECK (char_length(base_url) BETWEEN 1 AND 2000),
    -- The credential's id at identity; NULL where the provider needs no key.
    credential_id uuid,
    models text[] NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT provider_key PRIMARY KEY (workspace_id, provider_id)
);

ALTER TABLE llm.provider ENABLE ROW LEVEL SECURITY;
ALTER TABLE llm.provider FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON llm.provider TO mc_llm_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- Providers are added and removed, never changed: what a stored generation says about its model stays true.
GRANT SELECT, INSERT, DELETE ON llm.provider TO mc_llm_api;
