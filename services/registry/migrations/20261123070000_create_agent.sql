-- Agents (team members) with their drafts, and the versions that were published of them.

CREATE TABLE registry.agent (
    workspace_id   uuid        NOT NULL,
    agent_id       uuid        NOT NULL,
    display_name   text        NOT NULL,
    role           text        NOT NULL,
    avatar         text        NOT NULL,
    -- The draft, as domain::Spec writes it.
    spec           jsonb       NOT NULL,
    -- Number of the newest version; 0 while none is published.
    latest_version integer     NOT NULL DEFAULT 0 CHECK (latest_version >= 0),
    -- Rises with every change; the etag is made of it.
    revision       bigint      NOT NULL DEFAULT 1,
    create_time    timestamptz NOT NULL,
    update_time    timestamptz NOT NULL,
    -- Set once the agent is off the team. The row stays, because versions refer to it.
    delete_time    timestamptz,
    -- Ids are UUIDv7: this index is also the order of ListAgents.
    PRIMARY KEY (workspace_id, agent_id)
);

-- What a run is pinned to. A row never changes and never goes away.
CREATE TABLE registry.agent_version (
    workspace_id uuid        NOT NULL,
    agent_id     uuid        NOT NULL,
    version      integer     NOT NULL CHECK (version >= 1),
    display_name text        NOT NULL,
    spec         jsonb       NOT NULL,
    publisher    uuid        NOT NULL,
    note         text        NOT NULL,
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, agent_id, version),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES registry.agent
);

ALTER TABLE registry.agent ENABLE ROW LEVEL SECURITY;
ALTER TABLE registry.agent FORCE ROW LEVEL SECURITY;
ALTER TABLE registry.agent_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE registry.agent_version FORCE ROW LEVEL SECURITY;

CREATE POLICY own_workspace ON registry.agent FOR ALL TO mc_registry_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY own_workspace ON registry.agent_version FOR ALL TO mc_registry_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);

-- No DELETE: an agent is taken off the team by its delete_time.
GRANT SELECT, INSERT, UPDATE ON registry.agent TO mc_registry_api;
-- No UPDATE and no DELETE: what is published stays as it is.
GRANT SELECT, INSERT ON registry.agent_version TO mc_registry_api;

-- The grants bind the serving role; the trigger binds everyone else, the owner in a later migration included.
CREATE FUNCTION registry.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'published versions are immutable' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.agent_version
    FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_change();
