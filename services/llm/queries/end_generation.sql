-- Ends a generation that is still this owner's ($2 is the fence). The message stays what it is when none is given.
UPDATE llm.generation
SET state = $3, message = $4::text::json, finish_reason = $5, provider_model = $6,
    error_reason = $7, error_message = $8, retry_at = $9, first_token_at = $10, ended_at = $11
WHERE generation_id = $1 AND epoch = $2 AND state = 'running'
