-- Codes that sign a person in once, by a link. A code belongs to its person, as their sessions do (see the first migration).

CREATE TABLE identity.sign_in_code (
    code_hash       bytea       PRIMARY KEY CHECK (length(code_hash) = 32),
    user_id         uuid        NOT NULL REFERENCES identity.account,
    -- The session or API token that it was made with; the code is worth nothing once that is not.
    maker_id        uuid        NOT NULL,
    -- Where the maker is, if it is an API token: its row is seen by its workspace alone.
    maker_workspace uuid,
    create_time     timestamptz NOT NULL,
    expire_time     timestamptz NOT NULL,
    use_time        timestamptz,
    -- The first time that it came again: it is audited once, so that nobody fills the trail with it.
    reuse_time      timestamptz
);
CREATE INDEX sign_in_code_expiry ON identity.sign_in_code (expire_time);
ALTER TABLE identity.sign_in_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.sign_in_code FORCE ROW LEVEL SECURITY;
CREATE POLICY presented ON identity.sign_in_code FOR SELECT TO mc_identity_api
    USING (code_hash = identity.this_bearer());
CREATE POLICY own_code ON identity.sign_in_code FOR ALL TO mc_identity_api USING (user_id = identity.this_user());
GRANT SELECT, INSERT ON identity.sign_in_code TO mc_identity_api;
GRANT UPDATE (use_time, reuse_time) ON identity.sign_in_code TO mc_identity_api;
-- The background role sees and removes only what stopped working a day ago.
CREATE POLICY long_expired ON identity.sign_in_code FOR ALL TO mc_identity_relay
    USING (expire_time < now() - interval '1 day');
GRANT SELECT (expire_time), DELETE ON identity.sign_in_code TO mc_identity_relay;
