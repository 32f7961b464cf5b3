-- What the catalogue says against the isolation of a schema's workspaces; one row a finding, none if all is well.
-- $1: schema. $2: its owner. $3: its logins' roles.
WITH relation AS (
    SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1
), granted AS (
    SELECT r.name, a.grantee, a.privilege_type, r.relkind
    FROM relation r CROSS JOIN LATERAL aclexplode(r.relacl) a
    UNION ALL
    SELECT r.name || '.' || t.attname, a.grantee, a.privilege_type, r.relkind
    FROM relation r JOIN pg_attribute t ON t.attrelid = r.oid CROSS JOIN LATERAL aclexplode(t.attacl) a
    UNION ALL
    SELECT 'schema ' || n.nspname, a.grantee, a.privilege_type, 'n'
    FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a
    WHERE n.nspname = $1
    UNION ALL
    -- Without an ACL everybody may execute.
    SELECT 'function ' || p.oid::regprocedure::text, a.grantee, a.privilege_type, 'f'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE n.nspname = $1
)
SELECT format('table %s has row-level security %s', name,
    CASE WHEN relrowsecurity THEN 'that is not forced on its owner' ELSE 'not enabled' END)
FROM relation
-- The lists of migrations, on which no login has any privilege: see below.
WHERE relkind IN ('r', 'p') AND relname NOT IN ('_migrations', '_chassis_migrations')
  -- A partition is reached through its parent, unless it is granted by itself.
  AND NOT (relispartition AND relacl IS NULL)
  AND NOT (relrowsecurity AND relforcerowsecurity)
UNION ALL
SELECT format('%s has no policy, so nobody can use it', name)
FROM relation
WHERE relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition
  AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = relation.oid)
UNION ALL
SELECT format('%s belongs to %s and not to %s', name, pg_get_userbyid(relowner), $2)
FROM relation WHERE pg_get_userbyid(relowner) <> $2
UNION ALL
SELECT format('%s is granted to login %s, but must not be to any', name, grantee::regrole)
FROM granted WHERE name IN ($1 || '._migrations', $1 || '._chassis_migrations') AND pg_get_userbyid(grantee) <> $2
UNION ALL
SELECT format('%s is granted to PUBLIC (%s)', name, privilege_type) FROM granted WHERE grantee = 0
UNION ALL
SELECT format('%s is granted to %s, a role of somebody else (%s)', name, pg_get_userbyid(grantee), privilege_type)
FROM granted WHERE grantee <> 0 AND pg_get_userbyid(grantee) <> ALL ($3 || $2)
UNION ALL
-- TRUNCATE knows no policies; REFERENCES tells of rows; TRIGGER runs code as others.
SELECT format('%s is granted to %s with %s', name, pg_get_userbyid(grantee), privilege_type)
FROM granted
WHERE relkind IN ('r', 'p') AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
  AND pg_get_userbyid(grantee) = ANY ($3)
UNION ALL
SELECT format('view %s reads as its owner: create it WITH (security_invoker = true)', name)
FROM relation WHERE relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false)
UNION ALL
SELECT format('materialized view %s is granted, and row-level security does not apply to it', name)
FROM relation WHERE relkind = 'm' AND EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee <> relowner)
UNION ALL
SELECT format('function %s is SECURITY DEFINER and sets no search_path', p.oid::regprocedure)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prosecdef
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
UNION ALL
SELECT format('role %s is a superuser or has BYPASSRLS, CREATEROLE, CREATEDB or REPLICATION', rolname)
FROM pg_roles
WHERE rolname = ANY ($3 || $2) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
UNION ALL
SELECT format('role %s %s log in', rolname, CASE WHEN rolcanlogin THEN 'must not' ELSE 'cannot' END)
FROM pg_roles WHERE rolname = ANY ($3 || $2) AND rolcanlogin <> (rolname = ANY ($3))
UNION ALL
SELECT format('role %s is a member of %s', m.member::regrole, m.roleid::regrole)
FROM pg_auth_members m WHERE pg_get_userbyid(m.member) = ANY ($3 || $2)
UNION ALL
SELECT format('login %s owns %s', pg_get_userbyid(relowner), name) FROM relation WHERE pg_get_userbyid(relowner) = ANY ($3)
UNION ALL
SELECT format('login %s owns function %s', pg_get_userbyid(p.proowner), p.oid::regprocedure)
FROM pg_proc p WHERE pg_get_userbyid(p.proowner) = ANY ($3)
