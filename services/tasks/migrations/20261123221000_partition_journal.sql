-- The journal by ranges of run ids. They are UUIDv7, so ranges of ids are ranges of time: what is read or appended of one run
-- is in one partition, and what is old goes by dropping a table. No row is moved: the table that was is the first partition.

-- The first id that a UUIDv7 of this time can be.
CREATE FUNCTION tasks.first_id_at(at timestamptz) RETURNS uuid
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

-- When a UUIDv7 was made.
CREATE FUNCTION tasks.time_of_id(id uuid) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) $$;

ALTER TABLE tasks.journal RENAME TO journal_first;
ALTER TABLE tasks.journal_first RENAME CONSTRAINT journal_pkey TO journal_first_pkey;
ALTER INDEX tasks.journal_step RENAME TO journal_step_first;
DROP POLICY journal_read ON tasks.journal_first;
DROP POLICY journal_begin ON tasks.journal_first;
DROP POLICY journal_append ON tasks.journal_first;
REVOKE ALL ON tasks.journal_first FROM mc_tasks_api, mc_tasks_engine;

CREATE TABLE tasks.journal (
    LIKE tasks.journal_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    CONSTRAINT journal_pkey PRIMARY KEY (run_id, seq)
) PARTITION BY RANGE (run_id);
CREATE UNIQUE INDEX journal_step ON tasks.journal (run_id, step_key, kind, attempt);

ALTER TABLE tasks.journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal FORCE ROW LEVEL SECURITY;
CREATE POLICY journal_read ON tasks.journal FOR SELECT TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY journal_begin ON tasks.journal FOR INSERT TO mc_tasks_api
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- The append takes the workspace from the run row that it fences on, never from its caller, and one statement appends for
-- runs of several workspaces: a check against one workspace here would cost a round trip for each and add nothing.
CREATE POLICY journal_append ON tasks.journal FOR INSERT TO mc_tasks_engine WITH CHECK (true);
-- Nobody updates. Partitions are granted to nobody: rows are reached through the table alone, under its policies.
GRANT SELECT, INSERT ON tasks.journal TO mc_tasks_api, mc_tasks_engine;

-- The partitions and their bounds: what is from `from_id` on and below `to_id`. Null is an open end; the default has two.
CREATE FUNCTION tasks.journal_partitions() RETURNS TABLE (name text, from_id uuid, to_id uuid, is_default boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT c.relname::text,
            (regexp_match(bound, 'FROM \(''([0-9a-f-]{36})''\)'))[1]::uuid,
            (regexp_match(bound, 'TO \(''([0-9a-f-]{36})''\)'))[1]::uuid,
            bound = 'DEFAULT'
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) bound
        WHERE i.inhparent = 'tasks.journal'::regclass
        ORDER BY 2 NULLS FIRST
    $$;

-- The owner is bound by the policies too, unless for this once.
ALTER TABLE tasks.journal_first NO FORCE ROW LEVEL SECURITY;
CREATE TABLE tasks.journal_default PARTITION OF tasks.journal DEFAULT;
ALTER TABLE tasks.journal_default RENAME CONSTRAINT journal_default_pkey TO journal_default_key;
ALTER INDEX tasks.journal_default_run_id_step_key_kind_attempt_idx RENAME TO journal_step_default;
DO $$
DECLARE
    -- The next Monday, in UTC: the first partition has all that is there now and what comes this week.
    bound CONSTANT uuid := tasks.first_id_at(date_bin('7 days', clock_timestamp(), '2026-01-05 00:00:00+00') + interval '7 days');
BEGIN
    -- Of an id that is no UUIDv7, or of a clock that was far ahead.
    INSERT INTO tasks.journal_default SELECT * FROM tasks.journal_first WHERE run_id >= bound;
    DELETE FROM tasks.journal_first WHERE run_id >= bound;
    EXECUTE format('ALTER TABLE tasks.journal ATTACH PARTITION tasks.journal_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END
$$;
ALTER TABLE tasks.journal_first FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.journal_default FORCE ROW LEVEL SECURITY;

-- Makes the partitions that are missing from `at` up to `ahead` of it, each `width` wide, sixteen at most; answers how many it
-- made. Appends are held up for the moment in which a table without rows is attached, and a second scheduler that comes at
-- the same time waits or gives up, and then finds nothing left to do.
-- REVIEWED: it runs as the owner, since only that may change the table. It makes empty tables, with names of its own.
CREATE FUNCTION tasks.make_journal_partitions(at timestamptz, width interval, ahead interval) RETURNS integer
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- Whatever waits for a lock here has everybody behind it wait too: rather not now.
    SET lock_timeout = '250ms'
    AS $$
DECLARE
    -- Widths are counted from here, a Monday.
    origin CONSTANT timestamptz := '2026-01-05 00:00:00+00';
    last_id CONSTANT uuid := tasks.first_id_at(at + ahead);
    from_id uuid;
    to_id uuid;
    name text;
    made integer := 0;
BEGIN
    IF width < interval '1 hour' OR width > interval '366 days' OR ahead > interval '10 years' THEN
        RAISE EXCEPTION 'a partition is an hour to 366 days wide, and none is made more than 10 years ahead'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT p.to_id INTO from_id FROM tasks.journal_partitions() p WHERE p.to_id IS NOT NULL ORDER BY 1 DESC LIMIT 1;
    IF from_id >= last_id THEN
        RETURN 0;
    END IF;
    -- Conflicts with itself, and with no reader and no writer.
    LOCK TABLE tasks.journal IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT p.to_id INTO from_id FROM tasks.journal_partitions() p WHERE p.to_id IS NOT NULL ORDER BY 1 DESC LIMIT 1;
    -- What nobody made a partition for while there was still time is in the default one, and stays there.
    from_id := greatest(from_id, tasks.first_id_at(date_bin(width, at, origin)));
    WHILE from_id < last_id AND made < 16 LOOP
        to_id := tasks.first_id_at(date_bin(width, tasks.time_of_id(from_id), origin) + width);
        name := 'journal_' || to_char(tasks.time_of_id(from_id) AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MI');
        BEGIN
            -- Apart from its parent, so that neither is locked while it is built.
            EXECUTE format('CREATE TABLE tasks.%I (LIKE tasks.journal INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
            EXECUTE format('ALTER TABLE tasks.%I ADD CONSTRAINT %I PRIMARY KEY (run_id, seq)', name, name || '_key');
            -- The name is what tells an event that is there already from any other fault: it begins like the parent's.
            EXECUTE format('CREATE UNIQUE INDEX %I ON tasks.%I (run_id, step_key, kind, attempt)',
                replace(name, 'journal_', 'journal_step_'), name);
            EXECUTE format('ALTER TABLE tasks.%I ENABLE ROW LEVEL SECURITY', name);
            EXECUTE format('ALTER TABLE tasks.%I FORCE ROW LEVEL SECURITY', name);
            EXECUTE format('ALTER TABLE tasks.journal ATTACH PARTITION tasks.%I FOR VALUES FROM (%L) TO (%L)',
                name, from_id, to_id);
        EXCEPTION WHEN check_violation OR duplicate_table THEN
            -- The default has rows of this range, of a clock that was ahead: then the range is the default's for good.
            RAISE LOG 'no partition % of tasks.journal: %', name, SQLERRM;
        END;
        -- What stays with the default is passed over too.
        made := made + 1;
        from_id := to_id;
    END LOOP;
    RETURN made;
END
$$;

REVOKE EXECUTE ON FUNCTION tasks.first_id_at(timestamptz), tasks.time_of_id(uuid), tasks.journal_partitions(),
    tasks.make_journal_partitions(timestamptz, interval, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tasks.first_id_at(timestamptz), tasks.time_of_id(uuid), tasks.journal_partitions()
    TO mc_tasks_api, mc_tasks_engine;
GRANT EXECUTE ON FUNCTION tasks.make_journal_partitions(timestamptz, interval, interval) TO mc_tasks_engine;

-- Events are bounded: what is larger is an artifact of its run, which the event names. Such a one is read with the journal.
ALTER TABLE tasks.artifact
    -- Of an event's whole body: the event's seq. Null for what the agent wrote.
    ADD COLUMN event_seq bigint,
    DROP CONSTRAINT artifact_content_check,
    ADD CONSTRAINT artifact_content_check CHECK (
        octet_length(content) <= CASE WHEN event_seq IS NULL THEN 4194304 ELSE 12582912 END);
CREATE UNIQUE INDEX artifact_of_event ON tasks.artifact (run_id, event_seq) WHERE event_seq IS NOT NULL;
