-- Keeps a key that was cancelled before it was used: a late request for it finds it taken. No row comes back when it was
-- used in the meantime.
INSERT INTO llm.generation (
    generation_id, workspace_id, idempotency_key, model, price_place, state, owner, heartbeat_at,
    estimated_input_tokens, error_reason, error_message, run, task, agent_version,
    created_at, ended_at, cancel_requested_at
)
VALUES ($1, $2, $3, '', '', 'cancelled', $4, clock_timestamp(), 0, $5, $6, '', '', '', $7, $7, clock_timestamp())
ON CONFLICT ON CONSTRAINT generation_idempotency_key DO NOTHING
