-- Approval rules: calls of an agent that people need not be asked about again. They are never changed, only revoked, and
-- never deleted: journals name them.
CREATE TABLE tasks.approval_rule (
    rule_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    tool text NOT NULL,
    -- A list of conditions, written by the service alone. As text, so that equal patterns are equal.
    conditions_json text NOT NULL,
    note text NOT NULL DEFAULT '' CHECK (char_length(note) <= 500),
    creator uuid NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz,
    -- The inbox item whose decision made it.
    item_id uuid,
    use_count bigint NOT NULL DEFAULT 0,
    last_use_time timestamptz,
    revoke_time timestamptz,
    revoker uuid,
    CONSTRAINT approval_rule_is_revoked_by_somebody CHECK ((revoke_time IS NULL) = (revoker IS NULL))
);

-- Ids are UUIDv7: the newest first is the greatest id first.
CREATE INDEX approval_rule_by_workspace ON tasks.approval_rule (workspace_id, rule_id DESC);
CREATE INDEX approval_rule_by_agent ON tasks.approval_rule (workspace_id, agent_id, rule_id DESC);
-- What a worker looks through before it asks; a use changes no column of it.
CREATE INDEX approval_rule_in_force ON tasks.approval_rule (workspace_id, agent_id, tool) WHERE revoke_time IS NULL;

ALTER TABLE tasks.approval_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.approval_rule FORCE ROW LEVEL SECURITY;
CREATE POLICY approval_rule_of_workspace ON tasks.approval_rule TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);

-- People make and revoke rules, and the engine counts their uses.
GRANT SELECT, INSERT, UPDATE (revoke_time, revoker) ON tasks.approval_rule TO mc_tasks_api;
GRANT SELECT (rule_id, workspace_id, agent_id, tool, conditions_json, creator, expire_time, use_count, last_use_time,
        revoke_time), UPDATE (use_count, last_use_time)
    ON tasks.approval_rule TO mc_tasks_engine;
