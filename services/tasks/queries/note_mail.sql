-- Stamps the letters of a run that an append of this transaction takes note of. $1 run, $2 number of the last one that was
-- read, $3 the time, $4 orders that are so now, $5 orders that something else came before.
UPDATE tasks.command
SET deliver_time = CASE WHEN number <= $2 THEN coalesce(deliver_time, $3) ELSE deliver_time END,
    settle_time = CASE
        WHEN command_id = ANY ($4) OR command_id = ANY ($5) OR (kind = 4 AND number <= $2) THEN $3
    END,
    state = CASE
        -- A decision is carried out by being journalled.
        WHEN command_id = ANY ($4) OR (kind = 4 AND number <= $2) THEN 3
        WHEN command_id = ANY ($5) THEN 4
        ELSE 2
    END
WHERE run_id = $1 AND settle_time IS NULL
    AND ((number <= $2 AND deliver_time IS NULL) OR command_id = ANY ($4) OR command_id = ANY ($5))
