INSERT INTO identity.api_token
    (workspace_id, token_id, user_id, display_name, scopes, token_hash, hint, create_time, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING workspace_id, token_id, user_id, display_name, scopes, hint, create_time, expire_time, revoke_time
