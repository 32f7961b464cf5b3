-- The inbox: what runs ask of people. Written with the event that asks, closed by a decision or by the end of the run.
CREATE TABLE tasks.inbox_item (
    item_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- Numbers of missioncontrol.tasks.v1.InboxItemKind: 1 approval, 2 question, 3 outcome.
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    -- Numbers of missioncontrol.tasks.v1.InboxItemState: 1 open, 2 decided, 3 void.
    state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3),
    step integer NOT NULL,
    call_id text NOT NULL,
    -- Of approvals and outcomes.
    tool text NOT NULL DEFAULT '',
    arguments_json text NOT NULL DEFAULT '',
    parameters_json_schema text NOT NULL DEFAULT '',
    -- Number of missioncontrol.tasks.v1.EffectClass; 0 for questions.
    effect_class smallint NOT NULL DEFAULT 0 CHECK (effect_class BETWEEN 0 AND 4),
    -- Of outcomes: the attempt that is in doubt.
    attempt integer NOT NULL DEFAULT 0,
    -- Of questions.
    question text NOT NULL DEFAULT '',
    choices text[] NOT NULL DEFAULT '{}',
    -- What the agent said beside it.
    context text NOT NULL DEFAULT '' CHECK (char_length(context) <= 2000),
    run_cost_nano_usd bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    close_time timestamptz,
    decider uuid,
    -- As the journal will have it.
    decision json,
    CONSTRAINT inbox_item_is_closed_at_a_time CHECK ((state = 1) = (close_time IS NULL)),
    CONSTRAINT inbox_item_is_decided_by_somebody CHECK (
        (state = 2) = (decider IS NOT NULL) AND (decider IS NULL) = (decision IS NULL))
);

-- Ids are UUIDv7: the newest first is the greatest id first.
CREATE INDEX inbox_item_by_workspace ON tasks.inbox_item (workspace_id, item_id DESC);
CREATE INDEX inbox_item_open ON tasks.inbox_item (workspace_id, item_id DESC) WHERE state = 1;
CREATE INDEX inbox_item_by_run ON tasks.inbox_item (run_id, item_id DESC);

ALTER TABLE tasks.inbox_item ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.inbox_item FORCE ROW LEVEL SECURITY;
CREATE POLICY inbox_item_of_workspace ON tasks.inbox_item TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- Only people decide, and only once; only the engine asks and voids.
CREATE POLICY inbox_item_is_decided_once ON tasks.inbox_item AS RESTRICTIVE FOR UPDATE TO mc_tasks_api
    USING (state = 1) WITH CHECK (state = 2);
CREATE POLICY inbox_item_is_voided ON tasks.inbox_item AS RESTRICTIVE FOR UPDATE TO mc_tasks_engine
    USING (state = 1) WITH CHECK (state = 3);

GRANT SELECT, UPDATE (state, close_time, decider, decision) ON tasks.inbox_item TO mc_tasks_api;
GRANT SELECT (item_id, workspace_id, run_id, kind, state), INSERT, UPDATE (state, close_time)
    ON tasks.inbox_item TO mc_tasks_engine;
