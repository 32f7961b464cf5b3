-- Keeps a snapshot of run $1 up to event $2, made by version $3, in place of any other. The event is committed, or nothing is
-- kept: so whoever writes it, it is of this journal.
INSERT INTO tasks.run_snapshot (run_id, workspace_id, seq, version, event_sha256, sha256, content)
SELECT j.run_id, j.workspace_id, j.seq, $3, sha256(convert_to(j.body::text, 'UTF8')), $4, $5
FROM tasks.journal j
WHERE j.run_id = $1 AND j.seq = $2
ON CONFLICT (run_id) DO UPDATE
SET seq = excluded.seq, version = excluded.version, event_sha256 = excluded.event_sha256, sha256 = excluded.sha256,
    content = excluded.content, create_time = excluded.create_time
