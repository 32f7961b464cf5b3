-- Makes the generation durable before the provider hears of it. No row comes back when the key is taken: whoever was
-- first runs the call, and the others join it.
INSERT INTO llm.generation (
    generation_id, workspace_id, idempotency_key, request_hash, model, price_place, state,
    owner, heartbeat_at, estimated_input_tokens, run, task, agent_version, created_at
)
VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, clock_timestamp(), $8, $9, $10, $11, $12)
ON CONFLICT ON CONSTRAINT generation_idempotency_key DO NOTHING
