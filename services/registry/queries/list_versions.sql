SELECT workspace_id, agent_id, version, display_name, spec, publisher, note, create_time
FROM registry.agent_version
WHERE workspace_id = $1
  AND agent_id = $2
  AND ($3::integer IS NULL OR version < $3)
ORDER BY version DESC
LIMIT $4
