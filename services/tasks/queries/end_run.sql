-- Ends a run, closes what it asked and was told, and moves its task along, in the transaction of its last append. $1 run,
-- $2 epoch, $3 status, $4 summary, $5 reason and $6 message of the error, $7 the time, $8 the task's state,
-- $9 the kind of notification.
WITH ended AS (
    UPDATE tasks.run
    SET status = $3, worker_id = NULL, claims = 0, summary = $4, error_reason = $5, error_message = $6, end_time = $7,
        open_items = 0, pending_command = 0
    WHERE run_id = $1 AND lease_epoch = $2 AND status = 2
    RETURNING run_id, workspace_id, task_id, agent_id
),
-- The transaction holds the run's row, and whoever decides or orders takes that row first: nothing comes in between.
voided AS (
    UPDATE tasks.inbox_item SET state = 3, close_time = $7
    FROM ended WHERE inbox_item.run_id = ended.run_id AND inbox_item.state = 1
    RETURNING inbox_item.item_id, inbox_item.kind
),
-- What a worker would go on from; a run that is retried is read whole.
forgotten AS (
    DELETE FROM tasks.run_snapshot USING ended WHERE run_snapshot.run_id = ended.run_id
),
superseded AS (
    UPDATE tasks.command SET state = 4, settle_time = $7
    FROM ended WHERE command.run_id = ended.run_id AND command.settle_time IS NULL
        -- How its children ended, a failed run reads when it is retried.
        AND ($3 <> 4 OR command.kind <> 20)
),
moved AS (
    UPDATE tasks.task SET state = $8, update_time = $7
    FROM ended
    -- Only the latest run speaks for the task.
    WHERE task.task_id = ended.task_id AND task.latest_run = ended.run_id
    RETURNING task.task_id
),
notified AS (
    INSERT INTO tasks.delivery (workspace_id, channel_id, kind, run_id, agent_id, create_time, due_time)
    SELECT c.workspace_id, c.channel_id, $9::smallint, ended.run_id, ended.agent_id, $7, $7
    FROM ended JOIN tasks.channel c ON c.workspace_id = ended.workspace_id
    WHERE NOT c.disabled AND $9::smallint = ANY (c.kinds) AND (c.agents = '{}' OR ended.agent_id = ANY (c.agents))
)
INSERT INTO tasks.change (workspace_id, kind, subject, parent, state, detail)
SELECT workspace_id, 3, item_id, run_id, 3, kind FROM ended, voided
UNION ALL SELECT workspace_id, 2, run_id, task_id, $3, 0 FROM ended
UNION ALL SELECT workspace_id, 1, moved.task_id, NULL, 0, 0 FROM ended, moved
