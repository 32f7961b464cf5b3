-- A page of the ledger, newest first. Empty filters select everything.
SELECT
    generation_id, created_at, model, run, task, agent_version,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, estimated, cost_nano_usd
FROM llm.usage_entry
WHERE workspace_id = $1
    AND ($2 = '' OR run = $2)
    AND ($3 = '' OR task = $3)
    AND ($4::timestamptz IS NULL OR (created_at, generation_id) < ($4, $5::uuid))
ORDER BY created_at DESC, generation_id DESC
LIMIT $6
