-- What people need to decide: the conversation before, what the call reaches, what went wrong; and how long they took.
ALTER TABLE tasks.inbox_item
    ADD COLUMN agent_id uuid,
    -- The last turns, as the service writes them.
    ADD COLUMN turns json,
    ADD COLUMN read_only boolean NOT NULL DEFAULT false,
    ADD COLUMN hosts text[] NOT NULL DEFAULT '{}',
    -- Number of missioncontrol.tasks.v1.DoubtCause; 0 for what is no outcome, and for outcomes from before.
    ADD COLUMN doubt_cause smallint NOT NULL DEFAULT 0 CHECK (doubt_cause >= 0),
    ADD COLUMN doubt_detail text NOT NULL DEFAULT '' CHECK (char_length(doubt_detail) <= 500),
    -- Of outcomes: when the attempt in doubt was begun.
    ADD COLUMN begin_time timestamptz,
    -- Of approvals: how long one may stay open before it is escalated, and when that is next. Never closed by it.
    ADD COLUMN expiry_s integer CHECK (expiry_s > 0),
    ADD COLUMN due_time timestamptz,
    ADD COLUMN escalations smallint NOT NULL DEFAULT 0 CHECK (escalations BETWEEN 0 AND 5),
    -- The rule that the decision made.
    ADD COLUMN rule_id uuid,
    ADD CONSTRAINT inbox_item_due_has_a_span CHECK (due_time IS NULL OR expiry_s IS NOT NULL);

-- Of items that are there already. The owner is bound by the policies too, unless for this once.
ALTER TABLE tasks.inbox_item NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.run NO FORCE ROW LEVEL SECURITY;
UPDATE tasks.inbox_item SET agent_id = run.agent_id, read_only = effect_class = 1
FROM tasks.run WHERE run.run_id = inbox_item.run_id;
ALTER TABLE tasks.run FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.inbox_item FORCE ROW LEVEL SECURITY;

CREATE INDEX inbox_item_by_agent ON tasks.inbox_item (workspace_id, agent_id, item_id DESC);
CREATE INDEX inbox_item_by_kind ON tasks.inbox_item (workspace_id, kind, item_id DESC);
-- What is to be escalated: small, over all workspaces, and in order.
CREATE INDEX inbox_item_due ON tasks.inbox_item (due_time) WHERE state = 1 AND due_time IS NOT NULL;

GRANT UPDATE (rule_id) ON tasks.inbox_item TO mc_tasks_api;
-- The scheduler escalates over all workspaces; of an item it sees ids and times, by the grants on columns.
GRANT SELECT (expiry_s, due_time, escalations), UPDATE (due_time, escalations) ON tasks.inbox_item TO mc_tasks_engine;
CREATE POLICY inbox_item_is_found_due ON tasks.inbox_item FOR SELECT TO mc_tasks_engine
    USING (state = 1 AND expiry_s IS NOT NULL);
CREATE POLICY inbox_item_is_escalated ON tasks.inbox_item FOR UPDATE TO mc_tasks_engine
    USING (state = 1 AND expiry_s IS NOT NULL) WITH CHECK (state = 1 AND expiry_s IS NOT NULL);
-- Still: only people decide. An item stays open, or its run ends.
DROP POLICY inbox_item_is_voided ON tasks.inbox_item;
CREATE POLICY inbox_item_is_voided ON tasks.inbox_item AS RESTRICTIVE FOR UPDATE TO mc_tasks_engine
    USING (state = 1) WITH CHECK (state IN (1, 3));
