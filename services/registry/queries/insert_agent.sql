INSERT INTO registry.agent
    (workspace_id, agent_id, display_name, role, avatar, spec, create_time, update_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
RETURNING workspace_id, agent_id, display_name, role, avatar, spec, latest_version, revision, create_time, update_time
