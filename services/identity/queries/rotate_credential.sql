UPDATE identity.credential
SET hint = $3, format = $4, key_id = $5, wrapped_key = $6, nonce = $7, ciphertext = $8, rotate_time = $9
WHERE workspace_id = $1 AND credential_id = $2
RETURNING workspace_id, credential_id, display_name, hint, create_time, rotate_time, use_time
