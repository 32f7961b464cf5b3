-- Members' own channels, channels by mail, times when a channel is told of nothing that can wait, and messages that gather several.
ALTER TABLE tasks.channel
    DROP CONSTRAINT channel_format_check,
    -- Besides: 3 mail.
    ADD CONSTRAINT channel_format_check CHECK (format BETWEEN 1 AND 3),
    -- Whose own it is; the workspace's when absent.
    ADD COLUMN owner uuid,
    -- From and to are minutes of the day on the clock of the zone; all of it or nothing.
    ADD COLUMN quiet_zone text CHECK (char_length(quiet_zone) BETWEEN 1 AND 64),
    ADD COLUMN quiet_start_min smallint CHECK (quiet_start_min BETWEEN 0 AND 1439),
    ADD COLUMN quiet_end_min smallint CHECK (quiet_end_min BETWEEN 0 AND 1439),
    -- On which days they begin: 1 Monday to 7 Sunday. Never empty: every day is written out.
    ADD COLUMN quiet_days smallint[] CHECK (cardinality(quiet_days) BETWEEN 1 AND 7),
    -- What cannot wait.
    ADD COLUMN urgent_kinds smallint[] NOT NULL DEFAULT '{}' CHECK (cardinality(urgent_kinds) <= 8),
    -- How long what happens is gathered.
    ADD COLUMN digest_s integer NOT NULL DEFAULT 0 CHECK (digest_s BETWEEN 0 AND 86400),
    ADD CONSTRAINT channel_quiet_hours_are_whole
        CHECK (num_nulls(quiet_zone, quiet_start_min, quiet_end_min, quiet_days) IN (0, 4)),
    -- Mail goes to the address of an account and nowhere else.
    ADD CONSTRAINT channel_by_mail_is_somebodys CHECK (format <> 3 OR owner IS NOT NULL);

ALTER TABLE tasks.channel_content
    -- There is nothing secret of mail, and no address: identity knows that of the owner's account.
    ALTER COLUMN credential_id DROP NOT NULL;

ALTER TABLE tasks.delivery
    -- It waits, or has waited, for the end of quiet hours or for others.
    ADD COLUMN held boolean NOT NULL DEFAULT false,
    -- Under which id it goes out with others; they are tried and settled together.
    ADD COLUMN digest_id uuid;
CREATE INDEX delivery_of_digest ON tasks.delivery (channel_id, digest_id) WHERE state = 1 AND digest_id IS NOT NULL;

GRANT UPDATE (quiet_zone, quiet_start_min, quiet_end_min, quiet_days, urgent_kinds, digest_s) ON tasks.channel TO mc_tasks_api;
GRANT UPDATE (held, digest_id) ON tasks.delivery TO mc_tasks_api;
GRANT SELECT (owner, quiet_zone, quiet_start_min, quiet_end_min, quiet_days, urgent_kinds, digest_s) ON tasks.channel
    TO mc_tasks_engine;
GRANT SELECT (held, digest_id), UPDATE (held, digest_id) ON tasks.delivery TO mc_tasks_engine;
