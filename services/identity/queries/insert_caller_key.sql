-- Of replicas that start together one makes the key that signs; the others do nothing here and read that one.
INSERT INTO identity.caller_key (kid, public_key, format, key_id, wrapped_key, nonce, ciphertext, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
