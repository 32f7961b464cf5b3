//! Proof by SQL that no serving role of a schema gets at another workspace's rows: what the catalogue says, and what each
//! role can do.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{TestDatabase, database};
use crate::db::{Database, Schema, Tx};

/// The workspace that a role works in, with one row in each table.
const OURS: Uuid = Uuid::from_u128(0xaaaa_aaaa_aaaa_7aaa_8aaa_aaaa_aaaa_aaaa);
/// The other, with three.
const THEIRS: Uuid = Uuid::from_u128(0xbbbb_bbbb_bbbb_7bbb_8bbb_bbbb_bbbb_bbbb);

/// An exception from the rule, with its reason. One that excepts nothing fails the check, so that the list stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exempt {
    login: Option<&'static str>,
    table: &'static str,
    reason: &'static str,
    only: Option<Verb>,
}

/// What a login can do to rows of a workspace that is not its transaction's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read them.
    See,
    /// Lock them (`FOR UPDATE`).
    Lock,
    /// Delete them.
    Delete,
    /// Add to them.
    Add,
    /// Move its own rows to the other workspace.
    Move,
    /// Change them.
    Change,
}

impl Exempt {
    /// The table holds nothing of any one workspace, and so has no column `workspace_id`. It still has row-level security.
    pub const fn table(table: &'static str, reason: &'static str) -> Self {
        Self { login: None, table, reason, only: None }
    }

    /// This login works across workspaces in this table.
    pub const fn login(login: &'static str, table: &'static str, reason: &'static str) -> Self {
        Self { login: Some(login), table, reason, only: None }
    }
}

impl Exempt {
    /// Narrows the exemption of a login to one thing that it does across workspaces.
    #[must_use]
    pub const fn only(self, verb: Verb) -> Self {
        Self { only: Some(verb), ..self }
    }

    fn covers(&self, login: Option<&str>, table: &str, verb: Option<Verb>) -> bool {
        self.login == login && self.table == table && (self.only.is_none() || self.only == verb)
    }
}

/// Migrates a fresh database and fails with every way in which a serving role could get at another workspace's rows.
///
/// By the catalogue: every table has row-level security, enabled and forced, and belongs to the owner; logins own nothing,
/// bypass nothing and are members of nothing; nothing is granted to PUBLIC or to another service's roles. By trial, under each
/// login, with a workspace and without: rows of another workspace cannot be seen, added, changed, taken over or deleted.
///
/// # Panics
/// With the findings.
pub async fn assert_isolation(schema: &'static Schema, exemptions: &[Exempt]) {
    let findings = isolation_findings(schema, exemptions).await;
    assert!(
        findings.is_empty(),
        "workspaces of the schema {} are not isolated:\n  {}",
        schema.name(),
        findings.join("\n  ")
    );
}

/// The findings of [`assert_isolation`], as sentences.
pub async fn isolation_findings(schema: &'static Schema, exemptions: &[Exempt]) -> Vec<String> {
    let kit = database(&[schema]).await;
    let roles: Vec<String> = schema.logins().iter().map(|login| schema.role(login)).collect();
    let mut findings: Vec<String> = sqlx::query_scalar(include_str!("queries/isolation_catalogue.sql"))
        .bind(schema.name())
        .bind(schema.owner())
        .bind(&roles)
        .fetch_all(&kit.admin())
        .await
        .expect("read the catalogue");
    let tables: Vec<(String, bool, bool)> = sqlx::query_as(include_str!("queries/isolation_tables.sql"))
        .bind(schema.name())
        .fetch_all(&kit.admin())
        .await
        .expect("list the tables");
    let mut unused = exemptions.to_vec();
    let mut exempt = |login: Option<&str>, table: &str, verb: Option<Verb>| {
        unused.retain(|it| !it.covers(login, table, verb));
        exemptions.iter().any(|it| it.covers(login, table, verb))
    };
    let mut owned = Vec::new();
    for (table, lacks_default, of_workspace) in tables {
        if of_workspace {
            seed(&kit, schema, &table, lacks_default).await;
            owned.push(table);
        } else if !exempt(None, &table, None) {
            findings.push(format!("table {table} has no column workspace_id and is not exempt"));
        }
    }
    for login in schema.logins() {
        let db = kit.login(schema.name(), login).await;
        for table in &owned {
            let found = trial(&db, schema, login, table).await;
            let told = found.into_iter().filter(|(verb, _)| !exempt(Some(login), table, Some(*verb)));
            findings.extend(told.map(|(_, finding)| finding));
        }
    }
    findings.extend(unused.into_iter().map(|it| {
        let login = it.login.map_or_else(String::new, |login| format!("login {login} in "));
        format!("the exemption of {login}{} excepts nothing ({})", it.table, it.reason)
    }));
    findings
}

/// Puts rows of both workspaces into a table, whatever its constraints want: policies do not depend on them, and the database
/// is thrown away.
async fn seed(kit: &TestDatabase, schema: &Schema, table: &str, lacks_default: bool) {
    let name = format!("{}.{table}", schema.name());
    let mut owner: PgConnection =
        PgConnection::connect(&kit.admin_url()).await.expect("connect as administrator");
    let mut statements = vec![format!("SET ROLE {}", schema.owner())];
    statements.extend(
        sqlx::query_scalar::<_, String>(include_str!("queries/isolation_loosen.sql"))
            .bind(&name)
            .fetch_all(&mut owner)
            .await
            .expect("list the constraints"),
    );
    if lacks_default {
        statements.push(format!("CREATE TABLE {name}_isolation PARTITION OF {name} DEFAULT"));
    }
    statements.push(format!(
        "INSERT INTO {name} (workspace_id) VALUES ('{OURS}'), ('{THEIRS}'), ('{THEIRS}'), ('{THEIRS}')"
    ));
    statements.push(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement.clone()))
            .execute(&mut owner)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// What a login can do to the rows of the other workspace.
async fn trial(db: &Database, schema: &Schema, login: &str, table: &str) -> Vec<(Verb, String)> {
    let name = format!("{}.{table}", schema.name());
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT quote_ident(attname) FROM pg_attribute
         WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
           AND has_column_privilege(attrelid, attnum, 'UPDATE') AND attname <> 'workspace_id' LIMIT 1",
    )
    .bind(&name)
    .fetch_all(db.pool())
    .await
    .expect("list the columns that may be changed");
    let mut attempts = vec![
        (Verb::See, format!("SELECT FROM {name}")),
        (Verb::Lock, format!("SELECT FROM {name} FOR UPDATE")),
        (Verb::Delete, format!("DELETE FROM {name}")),
        (Verb::Add, format!("INSERT INTO {name} (workspace_id) VALUES ('{THEIRS}')")),
        (Verb::Move, format!("UPDATE {name} SET workspace_id = '{THEIRS}'")),
    ];
    // Without WHERE or an old value, so that nothing but the policy for UPDATE is asked.
    attempts.extend(
        columns.first().map(|column| (Verb::Change, format!("UPDATE {name} SET {column} = DEFAULT"))),
    );
    let mut findings = Vec::new();
    for workspace in [Some(OURS), None] {
        for (verb, statement) in &attempts {
            let mut tx = match workspace {
                Some(workspace) => db.begin(workspace).await,
                None => db.begin_open().await,
            }
            .expect("begin");
            // Ours is one row; what adds to theirs must touch none.
            let allowed = u64::from(workspace.is_some() && !matches!(verb, Verb::Add | Verb::Move));
            let place = if workspace.is_some() { "in one workspace" } else { "without a workspace" };
            // The relay is the one that works in no workspace, by the chassis' own policies.
            if workspace.is_none() && table == "outbox" && *verb != Verb::Add {
                continue;
            }
            match touched(&mut tx, statement).await {
                Ok(rows) if rows > allowed => {
                    findings.push((*verb, format!("login {login} can {verb} in {name}, {place}")));
                }
                Ok(_) => {}
                Err(error) if code(&error) == "42501" => {}
                Err(error) => {
                    findings
                        .push((*verb, format!("login {login} could not try to {verb} in {name}: {error}")));
                }
            }
        }
    }
    findings
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::See => "see rows of another",
            Self::Lock => "lock rows of another",
            Self::Delete => "delete rows of another",
            Self::Add => "add rows to another",
            Self::Move => "move its rows to another",
            Self::Change => "change rows of another",
        })
    }
}

async fn touched(tx: &mut Tx, statement: &str) -> Result<u64, sqlx::Error> {
    Ok(sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut **tx).await?.rows_affected())
}

fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.unwrap_or_default().into_owned()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType, Migrator};

    use super::*;
    use crate::db::tests::WIDGETS;

    #[tokio::test]
    async fn an_isolated_schema_passes() {
        assert_isolation(&WIDGETS, &[]).await;
    }

    #[tokio::test]
    async fn an_exemption_that_excepts_nothing_is_a_finding() {
        let exempt = [Exempt::login("api", "note", "once"), Exempt::table("gone", "removed")];
        let findings = isolation_findings(&WIDGETS, &exempt).await;
        assert_eq!(
            findings,
            [
                "the exemption of login api in note excepts nothing (once)",
                "the exemption of gone excepts nothing (removed)"
            ]
        );
    }

    const GOOD: &str = "
        CREATE TABLE leaky.t (id uuid PRIMARY KEY, workspace_id uuid NOT NULL, n int CHECK (n > 0));
        ALTER TABLE leaky.t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE leaky.t FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON leaky.t USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
        GRANT SELECT, INSERT, UPDATE, DELETE ON leaky.t TO mc_leaky_api;";

    /// A schema that differs from a good one by one mistake.
    async fn with(mistake: &str) -> Vec<String> {
        let sql = AssertSqlSafe(format!("{GOOD}{mistake}")).into_sql_str();
        let migration = Migration::new(1, Cow::Borrowed("t"), MigrationType::Simple, sql, false);
        let migrations: &'static Migrator = Box::leak(Box::new(Migrator::with_migrations(vec![migration])));
        let schema: &'static Schema = Box::leak(Box::new(Schema::new("leaky", migrations, &["api"])));
        isolation_findings(schema, &[]).await
    }

    #[tokio::test]
    async fn every_mistake_is_found() {
        assert_eq!(with("").await, Vec::<String>::new());
        for (mistake, finding) in [
            (
                "ALTER TABLE leaky.t DISABLE ROW LEVEL SECURITY",
                "table leaky.t has row-level security not enabled",
            ),
            (
                "ALTER TABLE leaky.t DISABLE ROW LEVEL SECURITY",
                "login api can see rows of another in leaky.t, in one workspace",
            ),
            (
                "ALTER TABLE leaky.t NO FORCE ROW LEVEL SECURITY",
                "table leaky.t has row-level security that is not forced on its owner",
            ),
            ("DROP POLICY own ON leaky.t", "leaky.t has no policy, so nobody can use it"),
            (
                "CREATE POLICY all_rows ON leaky.t FOR SELECT USING (true)",
                "login api can see rows of another in leaky.t, without a workspace",
            ),
            (
                "CREATE POLICY all_rows ON leaky.t FOR INSERT WITH CHECK (true)",
                "login api can add rows to another in leaky.t, in one workspace",
            ),
            (
                "CREATE POLICY all_rows ON leaky.t FOR UPDATE USING (true) WITH CHECK (true)",
                "login api can change rows of another in leaky.t, in one workspace",
            ),
            (
                "CREATE POLICY all_rows ON leaky.t FOR UPDATE USING (false) WITH CHECK (true)",
                "login api can move its rows to another in leaky.t, in one workspace",
            ),
            (
                "CREATE POLICY all_rows ON leaky.t FOR DELETE USING (true)",
                "login api can delete rows of another in leaky.t, in one workspace",
            ),
            ("GRANT SELECT ON leaky.t TO PUBLIC", "leaky.t is granted to PUBLIC (SELECT)"),
            ("GRANT SELECT (n) ON leaky.t TO PUBLIC", "leaky.t.n is granted to PUBLIC (SELECT)"),
            ("GRANT USAGE ON SCHEMA leaky TO PUBLIC", "schema leaky is granted to PUBLIC (USAGE)"),
            (
                "GRANT SELECT ON leaky.t TO pg_monitor",
                "leaky.t is granted to pg_monitor, a role of somebody else (SELECT)",
            ),
            ("GRANT TRUNCATE ON leaky.t TO mc_leaky_api", "leaky.t is granted to mc_leaky_api with TRUNCATE"),
            (
                "GRANT SELECT ON leaky._migrations TO mc_leaky_api",
                "leaky._migrations is granted to login mc_leaky_api, but must not be to any",
            ),
            ("CREATE TABLE leaky.u (n int)", "table u has no column workspace_id and is not exempt"),
            (
                "CREATE VIEW leaky.v AS SELECT * FROM leaky.t",
                "view leaky.v reads as its owner: create it WITH (security_invoker = true)",
            ),
            (
                "CREATE MATERIALIZED VIEW leaky.m AS SELECT * FROM leaky.t; GRANT SELECT ON leaky.m TO mc_leaky_api",
                "materialized view leaky.m is granted, and row-level security does not apply to it",
            ),
            (
                "CREATE FUNCTION leaky.f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
                "function leaky.f() is SECURITY DEFINER and sets no search_path",
            ),
            (
                "CREATE FUNCTION leaky.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION leaky.f() TO PUBLIC",
                "function leaky.f() is granted to PUBLIC (EXECUTE)",
            ),
        ] {
            let findings = with(mistake).await;
            assert!(
                findings.iter().any(|it| it == finding),
                "{mistake}: {finding:?} is not in {findings:#?}"
            );
        }
    }

    #[tokio::test]
    async fn a_partitioned_table_and_one_full_of_constraints_can_be_tried() {
        let findings = with(
            "CREATE TABLE leaky.parted (id uuid, workspace_id uuid NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id);
             CREATE TABLE leaky.parted_1 PARTITION OF leaky.parted
                 FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('80000000-0000-0000-0000-000000000000');
             ALTER TABLE leaky.parted ENABLE ROW LEVEL SECURITY;
             ALTER TABLE leaky.parted FORCE ROW LEVEL SECURITY;
             CREATE POLICY own ON leaky.parted USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
             GRANT SELECT, INSERT ON leaky.parted TO mc_leaky_api;
             CREATE TABLE leaky.strict (
                 seq bigint GENERATED ALWAYS AS IDENTITY, workspace_id uuid NOT NULL, t_id uuid NOT NULL REFERENCES leaky.t,
                 kind text NOT NULL CHECK (kind <> ''), size int GENERATED ALWAYS AS (length(kind)) STORED,
                 PRIMARY KEY (workspace_id, seq), UNIQUE (kind), EXCLUDE USING btree (t_id WITH =));
             CREATE UNIQUE INDEX ON leaky.strict ((true));
             CREATE FUNCTION leaky.deny() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
             CREATE TRIGGER deny BEFORE INSERT OR UPDATE OR DELETE ON leaky.strict FOR EACH ROW EXECUTE FUNCTION leaky.deny();
             ALTER TABLE leaky.strict ENABLE ROW LEVEL SECURITY;
             ALTER TABLE leaky.strict FORCE ROW LEVEL SECURITY;
             CREATE POLICY own ON leaky.strict USING (workspace_id = nullif(current_setting('mc.workspace', true), '')::uuid);
             GRANT SELECT, INSERT, UPDATE, DELETE ON leaky.strict TO mc_leaky_api;",
        )
        .await;
        assert_eq!(findings, Vec::<String>::new());
    }
}
