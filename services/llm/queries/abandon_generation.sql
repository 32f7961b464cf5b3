-- Takes a generation from an owner that went silent. The epoch rises, so that nothing the old owner still tries to write
-- matches; both the epoch that was seen and the silence are checked again here, because the owner may have come back. Of
-- any number who notice, one matches the row; the others find it ended.
UPDATE llm.generation
SET state = CASE WHEN cancel_requested_at IS NULL THEN 'interrupted' ELSE 'cancelled' END,
    error_reason = CASE WHEN cancel_requested_at IS NULL THEN $4 ELSE $6 END,
    error_message = CASE WHEN cancel_requested_at IS NULL THEN $5 ELSE $7 END,
    epoch = epoch + 1, ended_at = $8
WHERE generation_id = $1 AND epoch = $2 AND state = 'running'
    AND heartbeat_at < clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
