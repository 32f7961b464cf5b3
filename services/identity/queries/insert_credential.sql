INSERT INTO identity.credential
    (workspace_id, credential_id, display_name, hint,
     format, key_id, wrapped_key, nonce, ciphertext, create_time, rotate_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
RETURNING workspace_id, credential_id, display_name, hint, create_time, rotate_time, use_time
