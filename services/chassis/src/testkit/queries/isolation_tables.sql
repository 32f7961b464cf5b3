-- The tables of schema $1 that serving roles work with; the last column says whether rows carry their workspace.
SELECT c.relname::text,
    c.relkind = 'p' AND coalesce((SELECT partdefid = 0 FROM pg_partitioned_table WHERE partrelid = c.oid), false),
    EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT IN ('_migrations', '_chassis_migrations')
ORDER BY 1
