-- One statement, so that parallel attempts are all counted: the row lock of ON CONFLICT queues them up.
INSERT INTO identity.sign_in_window AS w (key_hash, window_start, attempts)
VALUES ($1, $2, 1)
ON CONFLICT (key_hash) DO UPDATE SET
    window_start = CASE WHEN w.window_start <= $3 THEN excluded.window_start ELSE w.window_start END,
    -- Bounded: who hammers on for years must not overflow it.
    attempts = CASE WHEN w.window_start <= $3 THEN 1 ELSE least(w.attempts + 1, 1000000) END
RETURNING attempts, window_start
