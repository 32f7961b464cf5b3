-- Takes a generation from an owner that went silent. The epoch rises, so that nothing the old owner still tries to write
-- matches; both the epoch that was seen and the silence are checked again here, because the owner may have come back.
UPDATE llm.generation
SET state = 'interrupted', epoch = epoch + 1, error_reason = $4, error_message = $5, ended_at = $6
WHERE generation_id = $1 AND epoch = $2 AND state = 'running'
    AND heartbeat_at < clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
