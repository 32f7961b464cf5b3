-- Shows that this process is alive and still owns these generations, and how far their answers have come.
-- The epoch in the predicate is the fence: a generation that was taken away does not come back, and its owner stops.
UPDATE llm.generation AS g
SET heartbeat_at = clock_timestamp(), estimated_output_tokens = b.output_tokens
FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS b (generation_id, epoch, output_tokens)
WHERE g.generation_id = b.generation_id AND g.epoch = b.epoch AND g.state = 'running'
-- With the owner's answer comes whether somebody has asked to stop.
RETURNING g.generation_id, g.cancel_requested_at IS NOT NULL AS cancelled
