-- Newest first: ids are UUIDv7. A page starts behind a key, so agents that join meanwhile shift nothing.
SELECT workspace_id, agent_id, display_name, role, avatar, spec, latest_version, revision, create_time, update_time
FROM registry.agent
WHERE workspace_id = $1
  AND delete_time IS NULL
  AND ($2::uuid IS NULL OR agent_id < $2)
ORDER BY agent_id DESC
LIMIT $3
