-- What a refresh token was traded for can be told again for a few seconds (two tabs, a lost reply), without keeping it: the new
-- pair follows from the old token, which only its holder has, and from this seed, which only we have. A seed is removed when
-- the pair that follows from it is traded in turn.
ALTER TABLE identity.session_token ADD COLUMN successor_seed bytea CHECK (length(successor_seed) = 32);
GRANT UPDATE (successor_seed) ON identity.session_token TO mc_identity_api;

-- The API token that a session was opened with, by a code, directly or through other sessions: revoking it ends them too.
ALTER TABLE identity.session
    ADD COLUMN api_token_id uuid,
    DROP CONSTRAINT session_end_reason_check,
    ADD CONSTRAINT session_end_reason_check CHECK (end_reason IN ('signed_out', 'refresh_reused', 'token_revoked'));
CREATE INDEX session_api_token ON identity.session (api_token_id) WHERE api_token_id IS NOT NULL;
