-- Makes runs ready again whose worker has not beaten for $1 seconds, or is gone from the list, 500 at a time.
WITH set_back AS (
    -- A beat that is still to come: this server's clock was set back. It counts as one of this moment: the living beat again,
    -- and the dead are found out after one time limit and not when the clock is back where it was.
    UPDATE tasks.worker SET beat_time = clock_timestamp() WHERE beat_time > clock_timestamp()
),
lost AS MATERIALIZED (
    SELECT run.run_id
    FROM tasks.run
    WHERE run.worker_id IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM tasks.worker w
            WHERE w.worker_id = run.worker_id AND w.beat_time >= clock_timestamp() - make_interval(secs => $1)
        )
        -- A server that has just started could not take anybody's beat: everybody gets one time limit to show up.
        -- (A start that is still to come was before the clock was set back.)
        AND pg_postmaster_start_time() NOT BETWEEN clock_timestamp() - make_interval(secs => $1) AND clock_timestamp()
    LIMIT 500
    -- SKIP LOCKED: a row that is locked is being appended to or reaped by somebody else; there is another round.
    FOR UPDATE OF run SKIP LOCKED
),
released AS (
    UPDATE tasks.run SET status = 1, worker_id = NULL
    WHERE run_id = ANY (ARRAY(SELECT run_id FROM lost)) AND status = 2
    RETURNING run_id, workspace_id, task_id, fold_version, capability, agent_id, provider, agent_runs, turn
),
told AS (
    INSERT INTO tasks.change (workspace_id, kind, subject, parent, state)
    SELECT workspace_id, 2, run_id, task_id, 1 FROM released
)
INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn)
SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn FROM released
