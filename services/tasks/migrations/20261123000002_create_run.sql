-- Runs and what schedules them. `run` is the fence, the sequencer and the read model in one row; `ready` holds only what
-- could run this moment, `delayed` what waits for a time. Measured: 200,000 waiting runs leave the claim as fast as none.
CREATE TABLE tasks.run (
    run_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    agent_version integer NOT NULL,
    -- Numbers of missioncontrol.tasks.v1.RunState: 1 queued, 2 running (leased), 3 succeeded, 4 failed.
    status smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 4),
    -- Rises with every claim and never falls: who holds an older one commits nothing.
    lease_epoch bigint NOT NULL DEFAULT 0,
    worker_id uuid,
    head_seq bigint NOT NULL,
    -- Orders to the run that its next append reads; none are given yet.
    ctl smallint NOT NULL DEFAULT 0,
    -- Claims since the last result was committed; a run that only ever kills its workers is ended by this.
    claims smallint NOT NULL DEFAULT 0,
    steps integer NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0,
    cost_nano_usd bigint NOT NULL DEFAULT 0,
    unpriced_calls integer NOT NULL DEFAULT 0,
    summary text NOT NULL DEFAULT '',
    error_reason text,
    error_message text,
    starter uuid NOT NULL,
    -- What a worker must have to take it.
    fold_version smallint NOT NULL,
    capability text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    -- A lease has an owner and nothing else has one.
    CONSTRAINT run_lease_has_owner CHECK ((status = 2) = (worker_id IS NOT NULL)),
    CONSTRAINT run_end_has_time CHECK ((status IN (3, 4)) = (end_time IS NOT NULL))
-- Appends change no indexed column, so with room on the page they stay heap-only and touch no index.
) WITH (fillfactor = 70);

CREATE INDEX run_by_workspace ON tasks.run (workspace_id, run_id DESC);
CREATE INDEX run_by_task ON tasks.run (workspace_id, task_id, run_id DESC);
-- The predicates below say "leased" and "live" by worker_id and end_time, not by status, on purpose: the append asks for
-- `status = 2`, which must not imply them, or the planner may walk all leases (and their dead entries) to find one run.
-- The reaper's way in, and only as long as there are leases.
CREATE INDEX run_leased_by_worker ON tasks.run (worker_id) WHERE worker_id IS NOT NULL;
-- The claim's way to count what a workspace has running.
CREATE INDEX run_leased_by_workspace ON tasks.run (workspace_id) WHERE worker_id IS NOT NULL;
-- One live run of a task.
CREATE UNIQUE INDEX run_live_of_task ON tasks.run (task_id) WHERE end_time IS NULL;

CREATE TABLE tasks.ready (
    run_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Higher runs first.
    priority smallint NOT NULL DEFAULT 0,
    ready_at timestamptz NOT NULL,
    fold_version smallint NOT NULL,
    capability text NOT NULL DEFAULT ''
);
-- Serves both the loose scan over workspaces and the order within one: the claim never sorts a backlog.
CREATE INDEX ready_in_order ON tasks.ready (workspace_id, priority DESC, ready_at, run_id);

CREATE TABLE tasks.delayed (
    run_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    wake_at timestamptz NOT NULL
);
CREATE INDEX delayed_by_time ON tasks.delayed (wake_at);

-- One row for a worker process, beaten by it: a heartbeat costs one write whatever the number of runs it holds.
CREATE TABLE tasks.worker (
    worker_id uuid PRIMARY KEY,
    start_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE tasks.run ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.ready ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.ready FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.delayed ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.delayed FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.worker ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.worker FORCE ROW LEVEL SECURITY;

CREATE POLICY run_of_workspace ON tasks.run TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY ready_of_workspace ON tasks.ready TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- The engine schedules across workspaces; which columns it sees is the grant's business, below.
CREATE POLICY run_for_engine ON tasks.run TO mc_tasks_engine USING (true);
CREATE POLICY ready_for_engine ON tasks.ready TO mc_tasks_engine USING (true);
CREATE POLICY delayed_for_engine ON tasks.delayed TO mc_tasks_engine USING (true);
CREATE POLICY worker_for_engine ON tasks.worker TO mc_tasks_engine USING (true);

-- People start and read runs; only a lease holder changes one.
GRANT SELECT, INSERT ON tasks.run TO mc_tasks_api;
GRANT INSERT ON tasks.ready TO mc_tasks_api;
GRANT SELECT (run_id, workspace_id, task_id, agent_id, agent_version, status, lease_epoch, worker_id, head_seq, ctl, claims,
        steps, total_tokens, cost_nano_usd, unpriced_calls, starter, fold_version, capability, create_time, start_time, end_time),
    UPDATE (status, lease_epoch, worker_id, head_seq, claims, steps, total_tokens, cost_nano_usd, unpriced_calls, summary,
        error_reason, error_message, start_time, end_time)
    ON tasks.run TO mc_tasks_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks.ready, tasks.delayed, tasks.worker TO mc_tasks_engine;
