-- Statements after which a table takes a row of which only the workspace is known. $1: the table, qualified.
SELECT statement FROM (
    SELECT 1, format('ALTER TABLE %s DISABLE TRIGGER USER, NO FORCE ROW LEVEL SECURITY', $1::regclass)
    UNION ALL
    SELECT 2, format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
    FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('c', 'f', 'p', 'u', 'x') AND coninhcount = 0
    UNION ALL
    SELECT 3, format('DROP INDEX IF EXISTS %s', indexrelid::regclass)
    FROM pg_index WHERE indrelid = $1::regclass AND indisunique
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    UNION ALL
    SELECT 4, format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', attrelid::regclass, attname)
    FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped
      AND attidentity = '' AND attname <> 'workspace_id'
) AS loosening (step, statement)
ORDER BY step
