-- What is to be sent over channel $1 at $2, the longest due first, at most $3, with what it tells of: what goes out as digest $5,
-- or alone. The item's state says whether it is still to be decided; the run's first event has the names as they were when the run was made.
SELECT d.delivery_id, d.kind, d.run_id, d.agent_id, d.item_id, d.attempts, d.replays, d.create_time, i.state AS item_state,
    queued.body #>> '{brief,task,title}' AS title, queued.body #>> '{brief,task,task}' AS task,
    queued.body #>> '{brief,agent,display_name}' AS agent_name,
    -- The newest event that says what the delivery is about, and only where the channel is to have it.
    said.body::text AS said
FROM tasks.delivery d
LEFT JOIN tasks.inbox_item i ON i.item_id = d.item_id
LEFT JOIN tasks.journal queued ON queued.run_id = d.run_id AND queued.seq = 1
LEFT JOIN LATERAL (
    SELECT j.body FROM tasks.journal j
    WHERE $4 AND j.run_id = d.run_id
        AND j.step_key = CASE WHEN d.item_id IS NULL THEN 'run' ELSE 'i/' || d.item_id END
        AND j.kind IN ('approval_requested', 'question_asked', 'outcome_unknown', 'failed', 'succeeded')
    ORDER BY j.seq DESC LIMIT 1
) said ON true
WHERE d.channel_id = $1 AND d.state = 1 AND d.due_time <= $2 AND d.digest_id IS NOT DISTINCT FROM $5
ORDER BY d.due_time, d.number
LIMIT $3
