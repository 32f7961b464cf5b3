-- Opens an inbox item, in the transaction of the event that asks.
WITH opened AS (
    INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, agent_id, kind, step, call_id, tool, arguments_json,
        parameters_json_schema, effect_class, attempt, question, choices, context, create_time, run_cost_nano_usd,
        turns, read_only, hosts, doubt_cause, doubt_detail, begin_time, expiry_s, due_time)
    SELECT $1, workspace_id, run_id, agent_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, cost_nano_usd,
        $15::json, $16, $17, $18, $19, $20, $21, $14 + make_interval(secs => $21)
    FROM tasks.run WHERE run_id = $2
    RETURNING item_id, workspace_id, run_id, kind, state
)
INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
SELECT workspace_id, 3, item_id, run_id, state, kind FROM opened
