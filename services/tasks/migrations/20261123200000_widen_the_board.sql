-- The board: what presses, what belongs together, what waits for what, when it is due, what people say, and how it is found.
ALTER TABLE tasks.task
    -- Numbers of missioncontrol.tasks.v1.TaskPriority: 1 low, 2 normal, 3 high, 4 urgent.
    ADD COLUMN priority smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 4),
    -- Normalised by the service: lower case, sorted, each once.
    ADD COLUMN labels text[] NOT NULL DEFAULT '{}' CHECK (cardinality(labels) <= 20),
    -- The task that it is a part of. Changed under the lock of the workspace's graph alone: see store/board.rs.
    ADD COLUMN parent_task uuid CHECK (parent_task <> task_id),
    ADD COLUMN due_time timestamptz,
    -- What lists go by: without a due time a task is due last of all. A column of its own, since coalesce() is not taken for
    -- leakproof, and under row-level security an index on it would go unused.
    ADD COLUMN due_order timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(due_time, 'infinity'::timestamptz)) STORED,
    ADD COLUMN source_url text CHECK (char_length(source_url) BETWEEN 1 AND 2000),
    ADD COLUMN source_ref text NOT NULL DEFAULT '' CHECK (char_length(source_ref) <= 200),
    ADD COLUMN comment_count integer NOT NULL DEFAULT 0 CHECK (comment_count BETWEEN 0 AND 1000),
    ADD CONSTRAINT task_source_has_a_url CHECK (source_url IS NOT NULL OR source_ref = '');

-- One for each order of a list, in either direction.
CREATE INDEX task_by_update ON tasks.task (workspace_id, update_time, task_id);
CREATE INDEX task_by_due ON tasks.task (workspace_id, due_order, task_id);
CREATE INDEX task_by_priority ON tasks.task (workspace_id, priority, task_id);
CREATE INDEX task_by_parent ON tasks.task (workspace_id, parent_task, task_id) WHERE parent_task IS NOT NULL;

-- What has to be done before what: `blocker_id` before `task_id`. Changed under the lock of the workspace's graph alone.
CREATE TABLE tasks.task_dependency (
    task_id uuid NOT NULL,
    blocker_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    PRIMARY KEY (task_id, blocker_id),
    CONSTRAINT task_dependency_is_on_another CHECK (task_id <> blocker_id)
);

CREATE TABLE tasks.task_comment (
    comment_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    task_id uuid NOT NULL,
    author uuid NOT NULL,
    -- Markdown, as it was written.
    text text NOT NULL CHECK (octet_length(text) BETWEEN 1 AND 16384),
    create_time timestamptz NOT NULL
);
-- Ids are UUIDv7: the oldest first is the least id first.
CREATE INDEX task_comment_by_task ON tasks.task_comment (task_id, comment_id);

-- What a task is found by: its words, and its workspace as a word of its own, so that one index narrows down both.
CREATE TABLE tasks.task_search (
    task_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    document tsvector NOT NULL
);
CREATE INDEX task_search_by_word ON tasks.task_search USING gin (document);

ALTER TABLE tasks.task_dependency ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_dependency FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_comment ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_comment FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_search FORCE ROW LEVEL SECURITY;

CREATE POLICY task_dependency_of_workspace ON tasks.task_dependency TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY task_comment_of_workspace ON tasks.task_comment TO mc_tasks_api
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
CREATE POLICY task_search_of_workspace ON tasks.task_search TO mc_tasks_api, mc_tasks_engine
    USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid)
    WITH CHECK (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
-- `@@` is not leakproof, so under a policy that restricts rows its index goes unused. The one function below reads as the
-- owner, which no one logs in as, and restricts them itself.
CREATE POLICY task_search_is_searched ON tasks.task_search FOR SELECT TO mc_tasks_owner USING (true);

GRANT SELECT, INSERT, DELETE ON tasks.task_dependency TO mc_tasks_api;
-- Nobody changes what was said.
GRANT SELECT, INSERT, DELETE ON tasks.task_comment TO mc_tasks_api;
-- Written by the trigger below, as whoever writes the task. Nobody reads a document but the function.
GRANT SELECT (task_id, workspace_id), INSERT, UPDATE (document) ON tasks.task_search TO mc_tasks_api;
GRANT INSERT ON tasks.task_search TO mc_tasks_engine;

-- The words of a task, and its workspace as one: no text makes a word that begins with a blank.
CREATE FUNCTION tasks.task_document(workspace_id uuid, title text, brief text, labels text[], acceptance_checks text[])
    RETURNS tsvector
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT setweight(to_tsvector('pg_catalog.english', title), 'A')
            || setweight(to_tsvector('pg_catalog.english', array_to_string(labels, ' ')), 'B')
            || setweight(to_tsvector('pg_catalog.english', brief), 'C')
            || setweight(to_tsvector('pg_catalog.english', array_to_string(acceptance_checks, ' ')), 'D')
            || array_to_tsvector(ARRAY[' ' || workspace_id::text])
    $$;

-- By a trigger, so that no statement that writes a task can forget it.
CREATE FUNCTION tasks.note_task_words() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO tasks.task_search (task_id, workspace_id, document)
            VALUES (NEW.task_id, NEW.workspace_id,
                tasks.task_document(NEW.workspace_id, NEW.title, NEW.brief, NEW.labels, NEW.acceptance_checks));
        ELSE
            UPDATE tasks.task_search
            SET document = tasks.task_document(NEW.workspace_id, NEW.title, NEW.brief, NEW.labels, NEW.acceptance_checks)
            WHERE task_id = NEW.task_id;
        END IF;
        RETURN NULL;
    END
    $$;
CREATE TRIGGER task_words_of_new AFTER INSERT ON tasks.task
    FOR EACH ROW EXECUTE FUNCTION tasks.note_task_words();
CREATE TRIGGER task_words_of_changed AFTER UPDATE OF title, brief, labels, acceptance_checks ON tasks.task
    FOR EACH ROW WHEN ((OLD.title, OLD.brief, OLD.labels, OLD.acceptance_checks)
        IS DISTINCT FROM (NEW.title, NEW.brief, NEW.labels, NEW.acceptance_checks))
    EXECUTE FUNCTION tasks.note_task_words();

-- Ids of the tasks with these words (the grammar of websearch_to_tsquery), of the transaction's workspace and no other:
-- none without one. REVIEWED: it reads past row-level security, so its two conditions on the workspace are what keeps
-- workspaces apart here; and whoever calls it gets at rows of tasks.task by these ids under the policies of that table.
CREATE FUNCTION tasks.search_tasks(words text) RETURNS SETOF uuid
    LANGUAGE sql STABLE STRICT SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.task_id
        FROM tasks.task_search s
        WHERE s.document @@ (websearch_to_tsquery('pg_catalog.english', $1)
                && quote_literal(' ' || nullif(current_setting('mc.workspace', true), '')::uuid::text)::tsquery)
            AND s.workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid
    $$;

REVOKE EXECUTE ON FUNCTION tasks.task_document(uuid, text, text, text[], text[]), tasks.note_task_words(), tasks.search_tasks(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tasks.task_document(uuid, text, text, text[], text[]) TO mc_tasks_api, mc_tasks_engine;
GRANT EXECUTE ON FUNCTION tasks.search_tasks(text) TO mc_tasks_api;

-- Of tasks that are there already. The owner is bound by the policies too, unless for this once.
ALTER TABLE tasks.task NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.task_search NO FORCE ROW LEVEL SECURITY;
INSERT INTO tasks.task_search (task_id, workspace_id, document)
SELECT task_id, workspace_id, tasks.task_document(workspace_id, title, brief, labels, acceptance_checks) FROM tasks.task;
ALTER TABLE tasks.task_search FORCE ROW LEVEL SECURITY;
ALTER TABLE tasks.task FORCE ROW LEVEL SECURITY;
