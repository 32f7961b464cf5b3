-- Closes an open item of a run by a decision. $1 item, $2 run, $3 who decided, $4 when, $5 what, $6 the rule that it makes.
WITH decided AS (
    UPDATE tasks.inbox_item SET state = 2, close_time = $4, decider = $3, decision = $5::json, rule_id = $6
    WHERE item_id = $1 AND run_id = $2 AND state = 1
    RETURNING item_id, workspace_id, run_id, kind, state
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
    SELECT workspace_id, 3, item_id, run_id, state, kind FROM decided
)
UPDATE tasks.run SET open_items = open_items - 1 FROM decided WHERE run.run_id = decided.run_id
