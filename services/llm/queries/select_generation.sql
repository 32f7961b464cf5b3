-- A generation with what it was settled at; the predicate (by id or by key) is added where it is read.
-- $1 is the lease in milliseconds: an owner silent for longer than that is taken for dead.
SELECT
    g.generation_id, g.workspace_id, g.idempotency_key, g.request_hash, g.model, g.price_place, g.state,
    g.owner, g.epoch,
    g.state = 'running' AND g.heartbeat_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0) AS stale,
    g.estimated_input_tokens, g.estimated_output_tokens,
    g.message::text AS message, g.finish_reason, g.provider_model, g.error_reason, g.error_message, g.retry_at,
    g.run, g.task, g.agent_version, g.created_at, g.first_token_at, g.ended_at,
    u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.reasoning_tokens,
    u.estimated, u.cost_nano_usd
FROM llm.generation AS g
LEFT JOIN llm.usage_entry AS u ON u.generation_id = g.generation_id
