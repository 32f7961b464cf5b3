SELECT
    current_user::text,
    -- MEMBER and not USAGE: what SET ROLE could reach counts, inherited or not.
    (SELECT rolname::text FROM pg_roles
     WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER')
     ORDER BY rolname <> current_user LIMIT 1),
    (SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
       AND pg_has_role(current_user, c.relowner, 'MEMBER')
     ORDER BY c.oid LIMIT 1)
