-- The snapshot of run $1 that version $2 can read, if its last event is in the journal as it was.
SELECT s.seq, s.sha256, s.content
FROM tasks.run_snapshot s
JOIN tasks.journal j ON j.run_id = s.run_id AND j.seq = s.seq
WHERE s.run_id = $1 AND j.run_id = $1 AND s.version = $2 AND s.event_sha256 = sha256(convert_to(j.body::text, 'UTF8'))
