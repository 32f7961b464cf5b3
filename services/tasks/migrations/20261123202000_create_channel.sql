-- Channels and what is delivered over them: word to people outside the app.

-- What decides whether a channel is told of something. The engine reads those of all workspaces while it writes what happens,
-- so there is no word of people in it, and no address.
CREATE TABLE tasks.channel (
    channel_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Numbers of missioncontrol.tasks.v1.ChannelFormat: 1 Standard Webhook, 2 Slack.
    format smallint NOT NULL CHECK (format BETWEEN 1 AND 2),
    -- Numbers of missioncontrol.tasks.v1.NotificationKind. Never empty: a default is written out.
    kinds smallint[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 8),
    -- All of them when empty.
    agents uuid[] NOT NULL CHECK (cardinality(agents) <= 20),
    -- How long what is asked has to stay undecided first.
    delay_s integer NOT NULL DEFAULT 0 CHECK (delay_s BETWEEN 0 AND 86400),
    include_content boolean NOT NULL DEFAULT false,
    disabled boolean NOT NULL DEFAULT false,
    -- Why, unless by people.
    disable_reason text NOT NULL DEFAULT '' CHECK (char_length(disable_reason) <= 64),
    creator uuid NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    -- Counts changes; the etag.
    revision bigint NOT NULL DEFAULT 1
);
CREATE INDEX channel_by_workspace ON tasks.channel (workspace_id, channel_id DESC);
-- What an event looks through, in the transaction that writes it: nothing at all where nobody wants to know.
CREATE INDEX channel_that_listens ON tasks.channel (workspace_id) WHERE NOT disabled;

-- Where a channel leads, and what people call it.
CREATE TABLE tasks.channel_content (
    channel_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 80),
    -- Of a Slack channel no more than the host: the whole is the secret.
    url text NOT NULL CHECK (octet_length(url) <= 2000),
    -- Of identity's vault: the signing secret, or the address of a Slack channel.
    credential_id uuid NOT NULL,
    -- The signing secret before the last rotation, and until when it signs along.
    old_credential_id uuid,
    old_secret_expire_time timestamptz,
    CONSTRAINT channel_old_secret_has_an_end CHECK ((old_credential_id IS NULL) = (old_secret_expire_time IS NULL))
);

-- One notification for one channel. Made by the statement that writes what it tells of.
CREATE TABLE tasks.delivery (
    delivery_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- In the order in which they were made, nearly.
    number bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    -- Number of missioncontrol.tasks.v1.NotificationKind.
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 9),
    -- Both absent of a test.
    run_id uuid,
    agent_id uuid,
    item_id uuid,
    -- Numbers of missioncontrol.tasks.v1.DeliveryState: 1 pending, 2 delivered, 3 dead, 4 skipped.
    state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4),
    -- Begun, whether or not they came to an end.
    attempts smallint NOT NULL DEFAULT 0,
    replays integer NOT NULL DEFAULT 0,
    -- When it is tried next.
    due_time timestamptz NOT NULL,
    -- HTTP status of the last answer; 0 if there was none.
    status_code smallint NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '' CHECK (char_length(error) <= 500),
    create_time timestamptz NOT NULL,
    settle_time timestamptz,
    CONSTRAINT delivery_is_settled_at_a_time CHECK ((state = 1) = (settle_time IS NULL))
) WITH (fillfactor = 80);
-- The dispatcher's way in: one probe for each channel that has something to send.
CREATE INDEX delivery_pending ON tasks.delivery (channel_id, due_time) WHERE state = 1;
CREATE INDEX delivery_by_workspace ON tasks.delivery (workspace_id, number DESC);
CREATE INDEX delivery_by_state ON tasks.delivery (workspace_id, state, number DESC);
CREATE INDEX delivery_by_channel ON tasks.delivery (channel_id, number DESC);
CREATE INDEX delivery_by_age ON tasks.delivery (settle_time) WHERE settle_time IS NOT NULL;

-- Whose turn it is to send over a channel: one process at a time. After failures nobody's, for a while.
CREATE TABLE tasks.channel_turn (
    channel_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Nobody else sends before.
    until timestamptz NOT NULL,
    -- Failures in a row.
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0)
);

ALTER TABLE tasks.channel ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.channel FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.channel_content ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.channel_content FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.delivery FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.channel_turn ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.channel_turn FORCE ROW LEVEL SECURITY;

CREATE POLICY channel_of_workspace ON tasks.channel TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY channel_content_of_workspace ON tasks.channel_content TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY delivery_of_workspace ON tasks.delivery TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY channel_turn_of_workspace ON tasks.channel_turn TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- One statement escalates items of many workspaces and tells their channels; one dispatcher sends for all.
CREATE POLICY channel_for_engine ON tasks.channel TO mc_tasks_engine USING (true);
CREATE POLICY delivery_for_engine ON tasks.delivery TO mc_tasks_engine USING (true);
CREATE POLICY channel_turn_for_engine ON tasks.channel_turn TO mc_tasks_engine USING (true);

GRANT SELECT, INSERT, DELETE,
    UPDATE (kinds, agents, delay_s, include_content, disabled, disable_reason, update_time, revision) ON tasks.channel
    TO mc_tasks_api;
GRANT SELECT, INSERT, DELETE, UPDATE (display_name, url, credential_id, old_credential_id, old_secret_expire_time)
    ON tasks.channel_content TO mc_tasks_api;
-- People test and replay, and delete deliveries with their channel.
GRANT SELECT, INSERT, DELETE, UPDATE (state, attempts, replays, due_time, settle_time) ON tasks.delivery TO mc_tasks_api;
GRANT SELECT (channel_id, workspace_id), DELETE ON tasks.channel_turn TO mc_tasks_api;
GRANT SELECT (channel_id, workspace_id, format, kinds, agents, delay_s, include_content, disabled, revision),
    UPDATE (disabled, disable_reason, update_time, revision) ON tasks.channel TO mc_tasks_engine;
GRANT SELECT ON tasks.channel_content TO mc_tasks_engine;
GRANT SELECT (delivery_id, number, workspace_id, channel_id, kind, run_id, agent_id, item_id, state, attempts, replays, due_time,
        create_time, settle_time), INSERT, DELETE,
    UPDATE (state, attempts, due_time, status_code, error, settle_time) ON tasks.delivery TO mc_tasks_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON tasks.channel_turn TO mc_tasks_engine;
