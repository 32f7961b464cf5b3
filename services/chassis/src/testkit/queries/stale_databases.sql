-- $1, $2: seconds since 1970 before which test databases and templates are stale.
SELECT d.datname::text, d.datistemplate
FROM pg_database d
WHERE (d.datname ~ '^mc_test_[0-9]+_[0-9a-f]{12}$'
       AND split_part(d.datname, '_', 3)::bigint < $1
       -- A long debugging session keeps its database.
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid))
   OR (d.datname ~ '^mc_template_[0-9a-f]{20}$'
       AND coalesce(shobj_description(d.oid, 'pg_database'), '0') ~ '^[0-9]+$'
       AND coalesce(shobj_description(d.oid, 'pg_database'), '0')::bigint < $2)
