-- Ends a run and moves its task along, in the transaction of its last append. $1 run, $2 epoch, $3 status, $4 summary,
-- $5 reason and $6 message of the error, $7 the time, $8 the task's state.
WITH ended AS (
    UPDATE tasks.run
    SET status = $3, worker_id = NULL, claims = 0, summary = $4, error_reason = $5, error_message = $6, end_time = $7
    WHERE run_id = $1 AND lease_epoch = $2 AND status = 2
    RETURNING run_id, task_id
)
UPDATE tasks.task SET state = $8, update_time = $7
FROM ended
-- Only the latest run speaks for the task.
WHERE task.task_id = ended.task_id AND task.latest_run = ended.run_id
