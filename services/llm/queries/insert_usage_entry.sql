-- Books what a generation used, in the transaction that ends it.
INSERT INTO llm.usage_entry (
    generation_id, workspace_id, model, run, task, agent_version,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    estimated, raw_usage, cost_nano_usd, price_source, created_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::json, $14, $15, $16)
