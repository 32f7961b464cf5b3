-- Schedules: when something is due, what has come of it, and what is put on the board then.

-- What the clock needs to know. The engine works through those of all workspaces, so there is no word of people in it.
CREATE TABLE tasks.schedule (
    schedule_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    cron text NOT NULL CHECK (char_length(cron) BETWEEN 1 AND 200),
    time_zone text NOT NULL CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    -- Numbers of missioncontrol.tasks.v1.OverlapPolicy: 1 skip, 2 queue, 3 replace.
    overlap_policy smallint NOT NULL CHECK (overlap_policy BETWEEN 1 AND 3),
    -- Numbers of missioncontrol.tasks.v1.MissedFirePolicy: 1 skip, 2 once, 3 all.
    missed_policy smallint NOT NULL CHECK (missed_policy BETWEEN 1 AND 3),
    paused boolean NOT NULL DEFAULT false,
    -- The first tick that is not seen to. A hint of when to look: what is due is worked out from `settled_until`.
    next_fire_time timestamptz,
    -- Ticks up to here are seen to. It never falls.
    settled_until timestamptz NOT NULL,
    -- Ticks up to there that were missed and are not accounted for yet: a long time away is worked through in rounds.
    behind bigint NOT NULL DEFAULT 0 CHECK (behind >= 0),
    -- When the open fires are looked at next; while one is being started, when that is taken for given up.
    look_at timestamptz,
    -- The open fires wait for the end of `latest_run`.
    waits boolean NOT NULL DEFAULT false,
    latest_run uuid,
    open_fires integer NOT NULL DEFAULT 0 CHECK (open_fires BETWEEN 0 AND 100),
    started_fires bigint NOT NULL DEFAULT 0,
    skipped_fires bigint NOT NULL DEFAULT 0,
    failed_fires bigint NOT NULL DEFAULT 0,
    missed_times bigint NOT NULL DEFAULT 0,
    creator uuid NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    -- Counts what people changed; the etag.
    revision bigint NOT NULL DEFAULT 1,
    CONSTRAINT schedule_pause_stops_the_clock CHECK (NOT paused OR next_fire_time IS NULL)
) WITH (fillfactor = 80);
CREATE INDEX schedule_by_workspace ON tasks.schedule (workspace_id, schedule_id DESC);
CREATE INDEX schedule_due ON tasks.schedule (next_fire_time) WHERE next_fire_time IS NOT NULL;
CREATE INDEX schedule_to_look_at ON tasks.schedule (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX schedule_that_waits ON tasks.schedule (schedule_id) WHERE waits;

-- What people say of a schedule.
CREATE TABLE tasks.schedule_content (
    schedule_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 80),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    brief text NOT NULL CHECK (octet_length(brief) <= 65536),
    assignee uuid NOT NULL,
    acceptance_checks text[] NOT NULL CHECK (cardinality(acceptance_checks) <= 20)
);

-- One row for each time that a schedule was due or was told to run: by its key a tick fires once, however many schedulers
-- there are and whatever their clocks say.
CREATE TABLE tasks.schedule_fire (
    schedule_id uuid NOT NULL,
    due_time timestamptz NOT NULL,
    fire_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    -- Who asked for it; none for a tick of the clock.
    requester uuid,
    note text NOT NULL DEFAULT '' CHECK (char_length(note) <= 500),
    -- Numbers of missioncontrol.tasks.v1.ScheduleFireState: 1 due, 2 waiting, 3 started, 4 skipped, 5 failed.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    reason text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    task_id uuid,
    run_id uuid,
    blocking_run uuid,
    cancel_command uuid,
    missed_times bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    settle_time timestamptz,
    PRIMARY KEY (schedule_id, due_time, fire_id),
    CONSTRAINT schedule_fire_is_open_or_settled CHECK ((state >= 3) = (settle_time IS NOT NULL)),
    CONSTRAINT schedule_fire_that_started_has_a_run CHECK ((state = 3) = (run_id IS NOT NULL AND task_id IS NOT NULL))
);
CREATE UNIQUE INDEX schedule_fire_once ON tasks.schedule_fire (schedule_id, due_time) WHERE requester IS NULL;
CREATE INDEX schedule_fire_open ON tasks.schedule_fire (schedule_id, due_time, fire_id) WHERE settle_time IS NULL;
CREATE INDEX schedule_fire_by_age ON tasks.schedule_fire (settle_time) WHERE settle_time IS NOT NULL;

ALTER TABLE tasks.schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.schedule FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.schedule_content ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.schedule_content FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.schedule_fire ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.schedule_fire FORCE ROW LEVEL SECURITY;

CREATE POLICY schedule_of_workspace ON tasks.schedule TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY schedule_content_of_workspace ON tasks.schedule_content TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY schedule_fire_of_workspace ON tasks.schedule_fire TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- One statement sees to the ticks of many workspaces' schedules.
CREATE POLICY schedule_for_engine ON tasks.schedule TO mc_tasks_engine USING (true);
CREATE POLICY schedule_fire_for_engine ON tasks.schedule_fire TO mc_tasks_engine USING (true);

GRANT SELECT, INSERT, DELETE,
    UPDATE (cron, time_zone, overlap_policy, missed_policy, paused, next_fire_time, settled_until, behind, look_at, open_fires,
        update_time, revision)
    ON tasks.schedule TO mc_tasks_api;
GRANT SELECT, INSERT, UPDATE (display_name, title, brief, assignee, acceptance_checks), DELETE ON tasks.schedule_content
    TO mc_tasks_api;
-- People ask for fires, and delete them with their schedule; what becomes of one is the engine's business.
GRANT SELECT, INSERT, DELETE ON tasks.schedule_fire TO mc_tasks_api;
GRANT SELECT,
    UPDATE (next_fire_time, settled_until, behind, look_at, waits, latest_run, open_fires, started_fires, skipped_fires,
        failed_fires, missed_times)
    ON tasks.schedule TO mc_tasks_engine;
GRANT SELECT ON tasks.schedule_content TO mc_tasks_engine;
GRANT SELECT (schedule_id, due_time, fire_id, workspace_id, requester, state, blocking_run, attempts, create_time, settle_time), INSERT, DELETE,
    UPDATE (state, reason, message, task_id, run_id, blocking_run, cancel_command, attempts, settle_time)
    ON tasks.schedule_fire TO mc_tasks_engine;

-- A fire puts a task on the board and begins a run of it, as a person would; all of it in a transaction that names the
-- workspace.
GRANT INSERT, UPDATE (latest_run) ON tasks.task TO mc_tasks_engine;
GRANT INSERT ON tasks.run TO mc_tasks_engine;
CREATE POLICY run_begins_in_its_workspace ON tasks.run AS RESTRICTIVE FOR INSERT TO mc_tasks_engine
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- A fire that replaces a run orders it to be cancelled: the one letter that the engine writes.
GRANT INSERT ON tasks.command TO mc_tasks_engine;
CREATE POLICY command_of_engine_cancels ON tasks.command AS RESTRICTIVE FOR INSERT TO mc_tasks_engine
    WITH CHECK (kind = 3 AND state = 1);
GRANT UPDATE (mailbox_seq, fold_version) ON tasks.run TO mc_tasks_engine;
