-- Runs hear people: they wait, are paused and cancelled, and each has a mailbox that only the holder of its lease reads.
ALTER TABLE tasks.run
    -- Besides 1 to 4: 5 waiting, 6 paused, 7 cancelled.
    DROP CONSTRAINT run_status_check,
    ADD CONSTRAINT run_status_check CHECK (status BETWEEN 1 AND 7),
    DROP CONSTRAINT run_end_has_time,
    ADD CONSTRAINT run_end_has_time CHECK ((status IN (3, 4, 7)) = (end_time IS NOT NULL)),
    -- Numbers of missioncontrol.tasks.v1.WaitReason.
    ADD COLUMN wait_reason smallint NOT NULL DEFAULT 0 CHECK (wait_reason BETWEEN 0 AND 3),
    ADD CONSTRAINT run_waits_for_something CHECK ((status = 5) = (wait_reason <> 0)),
    -- Letters that were put into the mailbox, and of these the ones that the journal takes note of.
    ADD COLUMN mailbox_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN mailbox_read bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT run_reads_what_came CHECK (mailbox_read BETWEEN 0 AND mailbox_seq),
    -- What people see beside a run, as it was when the run was made.
    ADD COLUMN title text NOT NULL DEFAULT '',
    ADD COLUMN agent_display_name text NOT NULL DEFAULT '',
    ADD COLUMN model text NOT NULL DEFAULT '',
    ADD COLUMN open_items integer NOT NULL DEFAULT 0 CHECK (open_items >= 0),
    -- Number of missioncontrol.tasks.v1.CommandKind: the newest order that is not settled; 0 for none.
    ADD COLUMN pending_command smallint NOT NULL DEFAULT 0 CHECK (pending_command BETWEEN 0 AND 3);
COMMENT ON COLUMN tasks.run.ctl IS 'read by the release before, and always 0; to be dropped with the next one';

-- The rows of runs that are there already: their journals know. The owner is bound by the policies too, unless for this once.
ALTER TABLE tasks.run NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.run
SET title = brief -> 'task' ->> 'title', agent_display_name = brief -> 'agent' ->> 'display_name',
    model = brief -> 'agent' ->> 'model'
FROM (SELECT run_id, body -> 'brief' AS brief FROM tasks.journal WHERE seq = 1) queued
WHERE queued.run_id = run.run_id;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal FORCE ROW LEVEL SECURITY;

-- The mailbox: what people told a run, numbered. A row is an order and its receipt, or the letter that carries a decision.
CREATE TABLE tasks.command (
    run_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number >= 1),
    workspace_id uuid NOT NULL,
    -- Of a decision: the inbox item, which is decided once.
    command_id uuid NOT NULL,
    -- Numbers of missioncontrol.tasks.v1.CommandKind: 1 pause, 2 resume, 3 cancel; and 4, a decision.
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    -- What was decided.
    body json CHECK ((kind = 4) = (body IS NOT NULL)),
    sender uuid NOT NULL,
    reason text NOT NULL DEFAULT '' CHECK (char_length(reason) <= 500),
    -- Numbers of missioncontrol.tasks.v1.CommandState: 1 requested, 2 delivered, 3 effective, 4 superseded.
    state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4),
    request_time timestamptz NOT NULL,
    deliver_time timestamptz,
    settle_time timestamptz,
    PRIMARY KEY (run_id, number),
    CONSTRAINT command_state_has_times CHECK (
        (state >= 3) = (settle_time IS NOT NULL) AND (state <> 2 OR deliver_time IS NOT NULL)
        AND (state <> 1 OR deliver_time IS NULL))
);
CREATE UNIQUE INDEX command_once ON tasks.command (run_id, command_id);

ALTER TABLE tasks.command ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.command FORCE ROW LEVEL SECURITY;
CREATE POLICY command_of_workspace ON tasks.command TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);

-- People write letters and never change one; the engine stamps them.
GRANT SELECT, INSERT ON tasks.command TO mc_tasks_api;
GRANT SELECT, UPDATE (state, deliver_time, settle_time) ON tasks.command TO mc_tasks_engine;

-- Putting a letter into a mailbox moves the run's row: it is numbered there, and a run that nobody holds is woken.
GRANT UPDATE (status, wait_reason, mailbox_seq, open_items, pending_command) ON tasks.run TO mc_tasks_api;
-- Nobody but a lease holder ends a run, and `run_lease_has_owner` keeps people from giving or taking a lease.
CREATE POLICY run_is_ended_by_its_worker ON tasks.run AS RESTRICTIVE FOR UPDATE TO mc_tasks_api
    USING (true) WITH CHECK (status IN (1, 2, 5, 6));
-- A run that is woken before its time leaves `delayed` for `ready`.
CREATE POLICY delayed_of_workspace ON tasks.delayed TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
GRANT SELECT (run_id), DELETE ON tasks.delayed TO mc_tasks_api;

GRANT SELECT (wait_reason, mailbox_seq, mailbox_read, title, agent_display_name, model, open_items, pending_command),
    UPDATE (wait_reason, mailbox_read, open_items, pending_command) ON tasks.run TO mc_tasks_engine;
