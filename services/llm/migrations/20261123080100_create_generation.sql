-- One model call each. The row is durable before the provider hears of the call.
CREATE TABLE llm.generation (
    generation_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    -- SHA-256 of the request, so that the key cannot be used for another one.
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    model text NOT NULL,
    -- Where the price book looks the model up: the provider's host, or `simulator`.
    price_place text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'interrupted')),

    -- The process that runs it. Whoever takes it away raises the epoch, and the owner's writes then match no row.
    owner uuid NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    -- By the database's clock, as is every comparison with it: the instances' own clocks need not agree.
    heartbeat_at timestamptz NOT NULL,
    -- Estimates of what a death of the owner would leave unsettled, kept current by the heartbeat.
    estimated_input_tokens bigint NOT NULL,
    estimated_output_tokens bigint NOT NULL DEFAULT 0,

    -- The answer as JSON text: `json` keeps it byte for byte, where `jsonb` would refuse U+0000 and reorder keys.
    message json,
    finish_reason text CHECK (finish_reason IN ('stop', 'tool_calls', 'length', 'content_filter')),
    provider_model text NOT NULL DEFAULT '',
    error_reason text NOT NULL DEFAULT '',
    error_message text NOT NULL DEFAULT '',
    -- When the provider said that it is worth coming back.
    retry_at timestamptz,

    run text NOT NULL,
    task text NOT NULL,
    agent_version text NOT NULL,

    created_at timestamptz NOT NULL,
    first_token_at timestamptz,
    ended_at timestamptz,

    CONSTRAINT generation_pkey PRIMARY KEY (generation_id),
    CONSTRAINT generation_idempotency_key UNIQUE (workspace_id, idempotency_key),
    CONSTRAINT generation_ends CHECK ((state = 'running') = (ended_at IS NULL)),
    CONSTRAINT generation_answers CHECK (state <> 'succeeded' OR (message IS NOT NULL AND finish_reason IS NOT NULL)),
    CONSTRAINT generation_explains CHECK (state NOT IN ('failed', 'interrupted') OR error_reason <> '')
);
-- Those that may have lost their owner.
CREATE INDEX generation_running ON llm.generation (workspace_id, heartbeat_at) WHERE state = 'running';

ALTER TABLE llm.generation ENABLE ROW LEVEL SECURITY;
ALTER TABLE llm.generation FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON llm.generation TO mc_llm_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
GRANT SELECT, INSERT ON llm.generation TO mc_llm_api;
-- What was asked for, by whom and for whom, never changes.
GRANT UPDATE (state, epoch, heartbeat_at, estimated_output_tokens, message, finish_reason, provider_model,
    error_reason, error_message, retry_at, first_token_at, ended_at) ON llm.generation TO mc_llm_api;
