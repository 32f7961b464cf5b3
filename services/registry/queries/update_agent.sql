UPDATE registry.agent
SET display_name = $3, role = $4, avatar = $5, spec = $6, update_time = $7, revision = revision + 1
WHERE workspace_id = $1 AND agent_id = $2
RETURNING workspace_id, agent_id, display_name, role, avatar, spec, latest_version, revision, create_time, update_time
