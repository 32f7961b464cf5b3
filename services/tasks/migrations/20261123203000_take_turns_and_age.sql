-- Whose turn it is. A run keeps its place in line for life, and in `ready` it stands with its kin: runs of the same agent and
-- provider that the same workers can take. So a claim passes over whole strands that are at their limit, by an index.
ALTER TABLE tasks.run
    -- Higher runs first, but never for ever: each level is worth ten minutes in line.
    ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    -- When it joined the line, by this server's clock, or when it is to start. What was under way stays ahead of what is new.
    ADD COLUMN queue_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- First half of the model's name: within the workspace it stands for one credential at most.
    ADD COLUMN provider text NOT NULL GENERATED ALWAYS AS (split_part(model, '/', 1)) STORED,
    -- Runs that its agent's version lets be at work at once; null for what the fleet allows.
    ADD COLUMN agent_runs integer CHECK (agent_runs >= 1);

ALTER TABLE tasks.run NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.run SET queue_time = coalesce(scheduled_start_time, create_time);
-- By way of UTC, since spans are added to local times and the server's zone may change.
ALTER TABLE tasks.run ADD COLUMN turn timestamptz NOT NULL
    GENERATED ALWAYS AS (((queue_time AT TIME ZONE 'UTC') - priority * interval '10 minutes') AT TIME ZONE 'UTC') STORED;

-- As the run's row has them. The defaults are for the release before, which does not name them.
ALTER TABLE tasks.ready
    ADD COLUMN agent_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD COLUMN provider text NOT NULL DEFAULT '',
    ADD COLUMN agent_runs integer,
    ADD COLUMN turn timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE tasks.ready NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.ready SET agent_id = run.agent_id, provider = run.provider, turn = run.turn
FROM tasks.run WHERE run.run_id = ready.run_id;
ALTER TABLE tasks.ready
    -- Which strand it stands in. Hashed, so that a claim that looks at some strands alone begins anywhere with equal chance.
    ADD COLUMN strand bigint NOT NULL GENERATED ALWAYS AS (
        uuid_hash_extended(agent_id, hashtextextended(provider || ' ' || capability || ' ' || fold_version::text, 0))) STORED;
ALTER TABLE tasks.ready FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN tasks.ready.priority IS 'read by the release before, and always 0; to be dropped with the next one';

-- The claim's three ways in: workspaces that have work, strands of one, and the order within a strand.
CREATE INDEX ready_in_turn ON tasks.ready (workspace_id, strand, turn, run_id);
DROP INDEX tasks.ready_in_order;

-- What people list: of a hundred thousand runs that wait, the few that run.
CREATE INDEX run_by_state ON tasks.run (workspace_id, status, run_id DESC);

-- Rows come and go, and the claim reads where they were: what is dead goes soon, however long the backlog is.
ALTER TABLE tasks.ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
-- Each claim and each release leaves an entry in every index of `run`.
ALTER TABLE tasks.run SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE tasks.delayed SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

GRANT SELECT (priority, queue_time, provider, agent_runs, turn) ON tasks.run TO mc_tasks_engine;
