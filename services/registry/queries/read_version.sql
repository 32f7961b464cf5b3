-- A number is answered for deleted agents too, because runs are pinned to it. The newest (no number) is what a new run
-- would take, so of a deleted agent there is none.
SELECT v.workspace_id, v.agent_id, v.version, v.display_name, v.spec, v.publisher, v.note, v.create_time
FROM registry.agent_version v
JOIN registry.agent a USING (workspace_id, agent_id)
WHERE v.workspace_id = $1
  AND v.agent_id = $2
  AND v.version = coalesce($3, a.latest_version)
  AND ($3 IS NOT NULL OR a.delete_time IS NULL)
