-- People, workspaces, bearers, credentials, the keys that sign caller tokens, and the audit trail.
--
-- WHO SEES WHICH ROW. Every table has row-level security, forced. A transaction of mc_identity_api says what it is about
-- in settings that end with it, and sees no row that it cannot name:
--   mc.workspace  a workspace: its own rows, its members, tokens and credentials (as in every other schema);
--   mc.user       a person: the account, its memberships, its sessions. People belong to no workspace, so their rows
--                 cannot be bound to one; they are bound to the person instead;
--   mc.email      an address that somebody signs in with: the account behind it, to be read only;
--   mc.bearer     the SHA-256 (hex) of a bearer: the row of that bearer, to be read only. Possession is the permission.
-- A transaction that sets none of them sees nothing of people or workspaces. There is no statement with which the
-- serving role could list accounts, sessions or tokens.
-- Two tables are exempt, each for a reason that stands at its policy: caller_key and sign_in_window.
-- mc_identity_relay is the background role: it moves outbox records into the audit trail and removes what has expired.
-- It reads no account, no token hash that still works and no credential.

CREATE FUNCTION identity.this_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('mc.workspace', true), '')::uuid $$;
CREATE FUNCTION identity.this_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('mc.user', true), '')::uuid $$;
CREATE FUNCTION identity.this_email() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('mc.email', true), '') $$;
CREATE FUNCTION identity.this_bearer() RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT decode(nullif(current_setting('mc.bearer', true), ''), 'hex') $$;

GRANT EXECUTE ON FUNCTION identity.this_workspace(), identity.this_user(), identity.this_email(), identity.this_bearer()
    TO mc_identity_api, mc_identity_relay;

-- People ---------------------------------------------------------------------------------------------------------------

CREATE TABLE identity.account (
    user_id       uuid        PRIMARY KEY,
    email         text        NOT NULL CONSTRAINT account_email_key UNIQUE CHECK (email = lower(email)),
    display_name  text        NOT NULL,
    -- PHC string of argon2id.
    password_hash text        NOT NULL,
    create_time   timestamptz NOT NULL
);
ALTER TABLE identity.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.account FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON identity.account FOR ALL TO mc_identity_api USING (user_id = identity.this_user());
CREATE POLICY signing_in ON identity.account FOR SELECT TO mc_identity_api USING (email = identity.this_email());
GRANT SELECT, INSERT ON identity.account TO mc_identity_api;
-- A stronger hash of the same password is all that changes in this slice.
GRANT UPDATE (password_hash) ON identity.account TO mc_identity_api;

-- One sign-in and everything that was renewed from it.
CREATE TABLE identity.session (
    session_id  uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES identity.account,
    create_time timestamptz NOT NULL,
    end_time    timestamptz,
    end_reason  text        CHECK (end_reason IN ('signed_out', 'refresh_reused')),
    CHECK ((end_time IS NULL) = (end_reason IS NULL))
);
ALTER TABLE identity.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.session FORCE ROW LEVEL SECURITY;
CREATE POLICY own_session ON identity.session FOR ALL TO mc_identity_api USING (user_id = identity.this_user());
GRANT SELECT, INSERT ON identity.session TO mc_identity_api;
GRANT UPDATE (end_time, end_reason) ON identity.session TO mc_identity_api;

CREATE TABLE identity.session_token (
    token_hash  bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id  uuid        NOT NULL REFERENCES identity.session ON DELETE CASCADE,
    user_id     uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('session', 'refresh')),
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    -- When a refresh token was traded in. It stays until it would have expired, so that a second use is recognised.
    use_time    timestamptz
);
CREATE INDEX session_token_expiry ON identity.session_token (expire_time);
CREATE INDEX session_token_session ON identity.session_token (session_id);
ALTER TABLE identity.session_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.session_token FORCE ROW LEVEL SECURITY;
CREATE POLICY presented ON identity.session_token FOR SELECT TO mc_identity_api
    USING (token_hash = identity.this_bearer());
CREATE POLICY own_token ON identity.session_token FOR ALL TO mc_identity_api USING (user_id = identity.this_user());
GRANT SELECT, INSERT ON identity.session_token TO mc_identity_api;
GRANT UPDATE (use_time) ON identity.session_token TO mc_identity_api;
-- The background role sees and removes only what stopped working a day ago.
CREATE POLICY long_expired ON identity.session_token FOR ALL TO mc_identity_relay
    USING (expire_time < now() - interval '1 day');
GRANT SELECT (expire_time), DELETE ON identity.session_token TO mc_identity_relay;

-- Exempt from naming a row: it holds no personal data (keys are hashes) and has to be counted before anybody is known.
CREATE TABLE identity.sign_in_window (
    key_hash     bytea       PRIMARY KEY CHECK (length(key_hash) = 32),
    window_start timestamptz NOT NULL,
    attempts     integer     NOT NULL CHECK (attempts >= 0)
);
ALTER TABLE identity.sign_in_window ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.sign_in_window FORCE ROW LEVEL SECURITY;
CREATE POLICY counting ON identity.sign_in_window FOR ALL TO mc_identity_api, mc_identity_relay USING (true);
GRANT SELECT, INSERT, UPDATE ON identity.sign_in_window TO mc_identity_api;
GRANT SELECT, DELETE ON identity.sign_in_window TO mc_identity_relay;

-- Workspaces -----------------------------------------------------------------------------------------------------------

CREATE TABLE identity.workspace (
    workspace_id uuid        PRIMARY KEY,
    display_name text        NOT NULL,
    -- Rises with every change; the etag is made of it.
    revision     bigint      NOT NULL DEFAULT 1,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL
);

CREATE TABLE identity.membership (
    workspace_id uuid        NOT NULL REFERENCES identity.workspace,
    user_id      uuid        NOT NULL REFERENCES identity.account,
    role         text        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'owner')),
    create_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX membership_user ON identity.membership (user_id, workspace_id);
ALTER TABLE identity.membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.membership FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity.membership FOR ALL TO mc_identity_api
    USING (workspace_id = identity.this_workspace());
CREATE POLICY own_memberships ON identity.membership FOR SELECT TO mc_identity_api
    USING (user_id = identity.this_user());
GRANT SELECT, INSERT ON identity.membership TO mc_identity_api;

ALTER TABLE identity.workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.workspace FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity.workspace FOR ALL TO mc_identity_api
    USING (workspace_id = identity.this_workspace());
CREATE POLICY joined_workspaces ON identity.workspace FOR SELECT TO mc_identity_api
    USING (workspace_id IN (SELECT m.workspace_id FROM identity.membership m WHERE m.user_id = identity.this_user()));
GRANT SELECT, INSERT ON identity.workspace TO mc_identity_api;
GRANT UPDATE (display_name, revision, update_time) ON identity.workspace TO mc_identity_api;

CREATE TABLE identity.api_token (
    workspace_id uuid        NOT NULL REFERENCES identity.workspace,
    token_id     uuid        NOT NULL,
    user_id      uuid        NOT NULL REFERENCES identity.account,
    display_name text        NOT NULL,
    scopes       text[]      NOT NULL,
    token_hash   bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    hint         text        NOT NULL,
    create_time  timestamptz NOT NULL,
    expire_time  timestamptz NOT NULL,
    revoke_time  timestamptz,
    PRIMARY KEY (workspace_id, token_id)
);
CREATE INDEX api_token_owner ON identity.api_token (workspace_id, user_id, token_id);
ALTER TABLE identity.api_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.api_token FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity.api_token FOR ALL TO mc_identity_api
    USING (workspace_id = identity.this_workspace());
CREATE POLICY presented ON identity.api_token FOR SELECT TO mc_identity_api
    USING (token_hash = identity.this_bearer());
GRANT SELECT, INSERT ON identity.api_token TO mc_identity_api;
GRANT UPDATE (revoke_time) ON identity.api_token TO mc_identity_api;

-- Secrets --------------------------------------------------------------------------------------------------------------

-- The secret is encrypted under a data key of its own (AES-256-GCM), and that key under the key-encryption key key_id.
-- Associated data of both: `{workspace}|credential|{credential}|secret|{format}`.
CREATE TABLE identity.credential (
    workspace_id  uuid        NOT NULL REFERENCES identity.workspace,
    credential_id uuid        NOT NULL,
    display_name  text        NOT NULL,
    hint          text        NOT NULL,
    format        smallint    NOT NULL,
    key_id        text        NOT NULL,
    -- Nonce (12 bytes), ciphertext (32) and tag (16).
    wrapped_key   bytea       NOT NULL CHECK (length(wrapped_key) = 60),
    nonce         bytea       NOT NULL CHECK (length(nonce) = 12),
    -- Ciphertext and tag (16).
    ciphertext    bytea       NOT NULL CHECK (length(ciphertext) > 16),
    create_time   timestamptz NOT NULL,
    rotate_time   timestamptz NOT NULL,
    use_time      timestamptz,
    PRIMARY KEY (workspace_id, credential_id)
);
ALTER TABLE identity.credential ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.credential FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity.credential FOR ALL TO mc_identity_api
    USING (workspace_id = identity.this_workspace());
GRANT SELECT, INSERT, UPDATE, DELETE ON identity.credential TO mc_identity_api;

-- Exempt from naming a row: the keys belong to the service and not to any workspace or person, every replica needs all
-- of them, and the private halves are encrypted as credentials are (`-|caller_key|{kid}|private_key|{format}`).
CREATE TABLE identity.caller_key (
    kid         text        PRIMARY KEY,
    public_key  bytea       NOT NULL CHECK (length(public_key) = 32),
    format      smallint    NOT NULL,
    key_id      text        NOT NULL,
    wrapped_key bytea       NOT NULL CHECK (length(wrapped_key) = 60),
    nonce       bytea       NOT NULL CHECK (length(nonce) = 12),
    ciphertext  bytea       NOT NULL,
    create_time timestamptz NOT NULL,
    -- When it stopped signing. It is listed until the last token that it signed has expired.
    retire_time timestamptz
);
-- At most one key signs: of replicas that start together one makes it, and the others find it.
CREATE UNIQUE INDEX caller_key_signing ON identity.caller_key ((true)) WHERE retire_time IS NULL;
ALTER TABLE identity.caller_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.caller_key FORCE ROW LEVEL SECURITY;
CREATE POLICY fleet_wide ON identity.caller_key FOR ALL TO mc_identity_api USING (true);
GRANT SELECT, INSERT ON identity.caller_key TO mc_identity_api;
GRANT UPDATE (retire_time) ON identity.caller_key TO mc_identity_api;

-- Audit ----------------------------------------------------------------------------------------------------------------

-- hash = SHA-256(previous hash, workspace, seq as 8 bytes big-endian, body); domain/audit.rs computes it.
CREATE TABLE identity.audit_event (
    workspace_id uuid        NOT NULL,
    seq          bigint      NOT NULL CHECK (seq >= 1),
    event_id     uuid        NOT NULL,
    -- JSON, byte for byte as it was hashed.
    body         text        NOT NULL,
    hash         bytea       NOT NULL CHECK (length(hash) = 32),
    ingest_time  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, seq),
    UNIQUE (workspace_id, event_id)
);
ALTER TABLE identity.audit_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.audit_event FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity.audit_event FOR SELECT TO mc_identity_api
    USING (workspace_id = identity.this_workspace());
GRANT SELECT ON identity.audit_event TO mc_identity_api;
-- The relay chains one workspace at a time. Nobody updates or deletes.
CREATE POLICY own_workspace_relay ON identity.audit_event FOR ALL TO mc_identity_relay
    USING (workspace_id = identity.this_workspace());
GRANT SELECT, INSERT ON identity.audit_event TO mc_identity_relay;

CREATE FUNCTION identity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are immutable' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON identity.audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_change();
