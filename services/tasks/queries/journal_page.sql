-- A page of a journal: $1 run, $2 after this seq, $3 rows at most, $4 bytes after which a page ends.
SELECT seq, body, create_time
FROM (
    SELECT seq, body, create_time,
        sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS bytes_before
    FROM (
        SELECT seq, body::text AS body, create_time FROM tasks.journal
        WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
    ) rows
) page
-- The first row always comes, however large.
WHERE bytes_before < $4
ORDER BY seq
