-- The ledger: what each generation used and cost. Written once, with the generation's end, and never changed.
CREATE TABLE llm.usage_entry (
    generation_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    model text NOT NULL,
    run text NOT NULL,
    task text NOT NULL,
    agent_version text NOT NULL,
    -- Disjoint buckets: no token is counted twice.
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    cache_read_tokens bigint NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_tokens bigint NOT NULL CHECK (cache_write_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    -- Part of output_tokens.
    reasoning_tokens bigint NOT NULL CHECK (reasoning_tokens BETWEEN 0 AND output_tokens),
    estimated boolean NOT NULL,
    -- The provider's own words.
    raw_usage json,
    -- NULL: the price is unknown, which is not 0.
    cost_nano_usd bigint CHECK (cost_nano_usd >= 0),
    -- The line of the price book that the cost follows from; empty where there is none.
    price_source text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT usage_entry_pkey PRIMARY KEY (generation_id),
    CONSTRAINT usage_entry_generation FOREIGN KEY (generation_id) REFERENCES llm.generation (generation_id)
);
CREATE INDEX usage_entry_newest ON llm.usage_entry (workspace_id, created_at DESC, generation_id DESC);
CREATE INDEX usage_entry_run ON llm.usage_entry (workspace_id, run, created_at DESC, generation_id DESC) WHERE run <> '';
CREATE INDEX usage_entry_task ON llm.usage_entry (workspace_id, task, created_at DESC, generation_id DESC) WHERE task <> '';

ALTER TABLE llm.usage_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE llm.usage_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON llm.usage_entry TO mc_llm_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
GRANT SELECT, INSERT ON llm.usage_entry TO mc_llm_api;
