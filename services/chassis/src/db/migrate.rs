//! Migrations: schema, roles, the chassis' tables and the service's, over a direct connection, safe when several start.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqlSafeStr};

use super::{Schema, roles};

/// Key of the advisory lock under which a database is migrated: "mcmigrat" in ASCII.
const LOCK: i64 = 0x6d63_6d69_6772_6174;

/// What chassis adds to every schema; `{schema}` stands for its name. Version, name, statements.
const CHASSIS: [(i64, &str, &str); 2] = [
    (
        20_261_123_070_000,
        "create idempotency",
        include_str!("../../migrations/20261123070000_create_idempotency.sql"),
    ),
    (20_261_123_070_100, "create outbox", include_str!("../../migrations/20261123070100_create_outbox.sql")),
];

/// Passwords by login (`api`, `engine`). A login without one keeps what it has.
#[derive(Clone, Default)]
pub struct Passwords(BTreeMap<String, String>);

impl Passwords {
    /// Leaves every password as it is.
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// Gives a login a password.
    #[must_use]
    pub fn set(mut self, login: impl Into<String>, password: impl Into<String>) -> Self {
        self.0.insert(login.into(), password.into());
        self
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement of the preparation failed.
    #[error("{step}")]
    Step {
        /// What was being done.
        step: String,
        /// What PostgreSQL said.
        source: sqlx::Error,
    },
    /// A migration failed, or one that was applied has been changed since.
    #[error("migrate the schema {schema}")]
    Migration {
        /// The schema.
        schema: &'static str,
        /// What sqlx said.
        source: sqlx::migrate::MigrateError,
    },
    /// The server is too old.
    #[error("PostgreSQL 15 or later is needed; this server is {0}")]
    OldServer(String),
    /// There is a schema of this name that is not ours.
    #[error(
        "the database has a schema {schema} that belongs to {owner}: \
         use a database of its own, or drop or rename that schema"
    )]
    ForeignSchema {
        /// The schema.
        schema: &'static str,
        /// Its owner.
        owner: String,
    },
    /// Passwords for a login that the schema does not have.
    #[error("the schema {schema} has no login {login}; it has {known:?}")]
    UnknownLogin {
        /// The schema.
        schema: &'static str,
        /// The login that was named.
        login: String,
        /// The logins that there are.
        known: &'static [&'static str],
    },
}

/// Brings one service's schema up to date: makes roles and schema where missing, then runs what has not run yet.
///
/// `admin_url` must reach PostgreSQL itself, not PgBouncer, as a superuser or a role with CREATEROLE that may create schemas in
/// the database. Several may run at the same time, in one database or in many of one cluster. A database that is ahead of this
/// program is left as it is: the release before must be able to run on it.
pub async fn migrate(admin_url: &str, schema: &Schema, passwords: &Passwords) -> Result<(), MigrateError> {
    let name = schema.name();
    if let Some(login) = passwords.0.keys().find(|login| !schema.logins().contains(&login.as_str())) {
        return Err(MigrateError::UnknownLogin {
            schema: name,
            login: login.clone(),
            known: schema.logins(),
        });
    }
    let step = |step: &str| {
        let step = format!("{step} (schema {name})");
        move |source| MigrateError::Step { step, source }
    };
    let options = PgConnectOptions::from_str(admin_url).map_err(step("read the migration URL"))?;
    let options = options.application_name(&format!("migrate {name}"));
    let mut connection = options.connect().await.map_err(step("connect to migrate"))?;
    let (version, text): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(step("ask for the version"))?;
    if version < 150_000 {
        return Err(MigrateError::OldServer(text));
    }
    // Ends with the connection, so that nothing is left behind whatever happens here.
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await
        .map_err(step("wait for other migrations"))?;
    run(&mut connection, "SET client_min_messages = warning; SET lock_timeout = '30s'")
        .await
        .map_err(step("prepare the session"))?;

    roles::ensure(&mut connection, schema).await.map_err(step("make the roles"))?;
    for (login, password) in &passwords.0 {
        roles::set_password(&mut connection, &schema.role(login), password)
            .await
            .map_err(step("set the passwords"))?;
    }
    ensure_schema(&mut connection, schema, &step).await?;

    let owner = schema.owner();
    run(&mut connection, &format!("SET ROLE {owner}; SET search_path = {name}"))
        .await
        .map_err(step("become the owner"))?;
    run(&mut connection, &shut_out_public(schema)).await.map_err(step("grant access to the schema"))?;
    let failed = |source| MigrateError::Migration { schema: name, source };
    migrator(chassis_migrations(name), format!("{name}._chassis_migrations"))
        .run(&mut connection)
        .await
        .map_err(failed)?;
    run(&mut connection, &grant_chassis(schema)).await.map_err(step("grant access to the outbox"))?;
    migrator(schema.migrations().iter().cloned().collect(), format!("{name}._migrations"))
        .run(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(step("end the session"))
}

async fn ensure_schema<F, E>(
    connection: &mut PgConnection,
    schema: &Schema,
    step: &F,
) -> Result<(), MigrateError>
where
    F: Fn(&str) -> E,
    E: FnOnce(sqlx::Error) -> MigrateError,
{
    let owner: Option<String> =
        sqlx::query_scalar("SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = $1")
            .bind(schema.name())
            .fetch_optional(&mut *connection)
            .await
            .map_err(step("look for the schema"))?;
    match owner {
        None => run(connection, &format!("CREATE SCHEMA {} AUTHORIZATION {}", schema.name(), schema.owner()))
            .await
            .map_err(step("create the schema")),
        Some(owner) if owner == schema.owner() => Ok(()),
        Some(owner) => Err(MigrateError::ForeignSchema { schema: schema.name(), owner }),
    }
}

/// Functions are executable by everybody unless that is taken back; tables and schemas are not.
fn shut_out_public(schema: &Schema) -> String {
    let (name, owner) = (schema.name(), schema.owner());
    let usage = |login: &&str| format!("GRANT USAGE ON SCHEMA {name} TO {};", schema.role(login));
    let grants: String = schema.logins().iter().map(usage).collect();
    format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
         REVOKE ALL ON SCHEMA {name} FROM PUBLIC; {grants}"
    )
}

fn grant_chassis(schema: &Schema) -> String {
    let name = schema.name();
    let grant = |login: &&str| {
        let role = schema.role(login);
        format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.idempotency TO {role};
             GRANT SELECT, INSERT, UPDATE (attempts, due_at), DELETE ON {name}.outbox TO {role};"
        )
    };
    schema.logins().iter().map(grant).collect()
}

/// Everything that is done to a schema besides its migrations, for telling whether a template database is current.
#[cfg(any(test, feature = "testkit"))]
pub(crate) fn preparation(schema: &Schema) -> String {
    shut_out_public(schema) + &grant_chassis(schema)
}

/// The chassis' migrations for one schema.
pub(crate) fn chassis_migrations(schema: &str) -> Vec<Migration> {
    let migration = |(version, description, sql): (i64, &'static str, &str)| {
        let sql = AssertSqlSafe(sql.replace("{schema}", schema)).into_sql_str();
        Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, sql, false)
    };
    CHASSIS.into_iter().map(migration).collect()
}

fn migrator(migrations: Vec<Migration>, table: String) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(table);
    migrator.set_ignore_missing(true);
    // This session holds the lock of its own already.
    migrator.set_locking(false);
    migrator
}

/// Runs statements made of checked names only.
async fn run(connection: &mut PgConnection, statements: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.map(drop)
}
