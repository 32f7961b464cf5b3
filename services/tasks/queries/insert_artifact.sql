-- Adds the next revision of a path. The caller holds the run's row, so no other writer counts at the same time.
INSERT INTO tasks.artifact (artifact_id, workspace_id, run_id, path, revision, media_type, sha256, content, create_time)
SELECT $1, $2, $3, $4, coalesce(max(revision), 0) + 1, $5, $6, $7, $8
FROM tasks.artifact
WHERE run_id = $3 AND path = $4
