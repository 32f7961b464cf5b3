-- Opens an inbox item, in the transaction of the event that asks.
WITH opened AS (
    INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, agent_id, kind, step, call_id, tool, arguments_json,
        parameters_json_schema, effect_class, attempt, question, choices, context, create_time, run_cost_nano_usd,
        turns, read_only, hosts, doubt_cause, doubt_detail, begin_time, expiry_s, due_time)
    SELECT $1, workspace_id, run_id, agent_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, cost_nano_usd,
        $15::json, $16, $17, $18, $19, $20, $21, $14 + make_interval(secs => $21)
    FROM tasks.run WHERE run_id = $2
    RETURNING item_id, workspace_id, run_id, kind, state
),
-- Channels that want to know, now or if nobody decides in time. An item's kind is its notification's.
notified AS (
    INSERT INTO tasks.delivery (workspace_id, channel_id, kind, run_id, agent_id, item_id, create_time, due_time)
    SELECT c.workspace_id, c.channel_id, o.kind, o.run_id, r.agent_id, o.item_id, $14, $14 + make_interval(secs => c.delay_s)
    FROM opened o JOIN tasks.run r ON r.run_id = o.run_id JOIN tasks.channel c ON c.workspace_id = o.workspace_id
    WHERE NOT c.disabled AND o.kind = ANY (c.kinds) AND (c.agents = '{}' OR r.agent_id = ANY (c.agents))
)
INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
SELECT workspace_id, 3, item_id, run_id, state, kind FROM opened
