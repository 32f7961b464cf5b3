//! A fresh database per test, cloned from a template that is migrated once per content of its schemas.

use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::db::{self, Database, Passwords, Schema};
use crate::ids::Ambient;

/// Password of every login in a test cluster.
const PASSWORD: &str = "mc-test";
/// Key of the advisory lock around templates, held in the database that the URL names: "mctestkt" in ASCII.
const LOCK: i64 = 0x6d63_7465_7374_6b74;
/// What a killed test left behind is dropped by a later test after this.
const STALE_AFTER: Duration = Duration::from_mins(30);
/// A template that nobody has made anew for this long belongs to migrations that are history.
const TEMPLATE_STALE_AFTER: Duration = Duration::from_hours(24);

/// A database of one test; dropped with this value, with whatever is still connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    base: Url,
    name: String,
    admin: PgPool,
    logins: Vec<String>,
}

/// Makes a fresh database with these schemas migrated. Needs `MC_TEST_DATABASE_URL`: a superuser on
/// a cluster that is there for tests, since roles and their passwords belong to the cluster.
///
/// # Panics
/// When that is missing or does not work: a test has nobody else to tell.
pub async fn database(schemas: &[&Schema]) -> TestDatabase {
    let base = std::env::var("MC_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "MC_TEST_DATABASE_URL is not set: run tests with `./mc test`, which starts a PostgreSQL for them, \
             or point it at one (postgres://postgres@127.0.0.1:5432/postgres)"
        )
    });
    let base = Url::parse(&base).expect("MC_TEST_DATABASE_URL is a URL");
    TestDatabase::make(base, schemas).await.expect("make a test database at MC_TEST_DATABASE_URL")
}

impl TestDatabase {
    async fn make(base: Url, schemas: &[&Schema]) -> anyhow::Result<Self> {
        let ambient = Ambient::system();
        let mut connection = PgConnectOptions::from_str(base.as_str())?.connect().await?;
        run(&mut connection, "SET client_min_messages = warning").await?;
        sweep(&mut connection).await?;

        let template = format!("mc_template_{}", fingerprint(schemas));
        let name =
            format!("mc_test_{}_{}", ambient.clock.now().unix_timestamp(), hex(&ambient.ids.bytes::<6>()));
        loop {
            // Shared: clones are made side by side, but not while a template is made or swept away.
            run(&mut connection, &format!("SELECT pg_advisory_lock_shared({LOCK})")).await?;
            let ready = is_ready(&mut connection, &template).await?;
            if ready {
                run(&mut connection, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
            }
            run(&mut connection, &format!("SELECT pg_advisory_unlock_shared({LOCK})")).await?;
            if ready {
                break;
            }
            make_template(&mut connection, &base, &template, schemas).await?;
        }
        connection.close().await?;

        let logins = schemas
            .iter()
            .flat_map(|schema| schema.logins().iter().map(|login| schema.role(login)))
            .collect();
        let admin = PgPoolOptions::new()
            .max_connections(3)
            .connect_lazy_with(PgConnectOptions::from_str(at(&base, &name, None).as_str())?);
        Ok(Self { base, name, admin, logins })
    }

    /// A pool as one login of one schema: `.login("tasks", "api")`.
    ///
    /// # Panics
    /// When the schema was not asked for, or has no such login.
    pub async fn login(&self, schema: &str, login: &str) -> Database {
        let settings = db::Settings {
            max_connections: 5,
            acquire_timeout: Duration::from_secs(10),
            ..db::Settings::new(self.url_for(schema, login), format!("test {schema}"))
        };
        Database::connect(&settings).await.expect("connect as a serving role")
    }

    /// The URL of one login of one schema.
    ///
    /// # Panics
    /// When the schema was not asked for, or has no such login.
    pub fn url_for(&self, schema: &str, login: &str) -> String {
        let role = format!("mc_{schema}_{login}");
        assert!(
            self.logins.contains(&role),
            "this test database has the logins {:?}, not {role}",
            self.logins
        );
        at(&self.base, &self.name, Some(&role)).into()
    }

    /// The administrator's pool: sees everything, so only for looking behind the scenes.
    pub fn admin(&self) -> PgPool {
        self.admin.clone()
    }

    /// The administrator's URL, as `migrate` wants it.
    pub fn admin_url(&self) -> String {
        at(&self.base, &self.name, None).into()
    }

    /// Takes the database away, as an outage does: whoever is connected is cut off, and nobody gets in until
    /// [`TestDatabase::let_in`].
    ///
    /// # Panics
    /// When the cluster does not do as it is told.
    pub async fn lock_out(&self) {
        self.allow_connections(false).await;
        self.ask(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ))
        .await;
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When the cluster does not do as it is told.
    pub async fn let_in(&self) {
        self.allow_connections(true).await;
    }

    async fn allow_connections(&self, allow: bool) {
        self.ask(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allow}", self.name)).await;
    }

    /// Asks the cluster, over a database that nobody takes away.
    async fn ask(&self, sql: &str) {
        let options = PgConnectOptions::from_str(self.base.as_str()).expect("a URL");
        let mut connection = options.connect().await.expect("connect to the cluster");
        run(&mut connection, sql).await.expect(sql);
        connection.close().await.expect("close");
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::env::var_os("MC_TEST_KEEP").is_some() {
            return;
        }
        let (base, name) = (self.base.clone(), self.name.clone());
        // A thread with a runtime of its own: the test's may be single-threaded, and under nextest the process ends with the
        // test, so this must not be left to the background.
        let dropped = std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnectOptions::from_str(base.as_str())?.connect().await?;
                // Bounded: DROP DATABASE waits for every backend of the cluster, and a connection that this test was about to
                // open cannot finish its handshake while the test's only thread stands here. The sweep gets what is left.
                run(&mut connection, "SET statement_timeout = '2s'").await?;
                run(&mut connection, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
                Ok(connection.close().await?)
            })
        })
        .join();
        if !matches!(dropped, Ok(Ok(()))) {
            tracing::warn!(database = self.name, "test database was not dropped; a later test will");
        }
    }
}

/// Names the content of the schemas: chassis' migrations, the services', and the logins.
fn fingerprint(schemas: &[&Schema]) -> String {
    let mut schemas = schemas.to_vec();
    schemas.sort_by_key(|schema| schema.name());
    let mut hash = Sha256::new();
    for schema in schemas {
        hash.update(format!("{} {:?}", schema.name(), schema.logins()));
        let chassis = db::migrate::chassis_migrations(schema.name());
        for migration in chassis.iter().chain(schema.migrations().iter()) {
            hash.update(migration.version.to_be_bytes());
            hash.update(&migration.checksum);
        }
        hash.update(db::migrate::preparation(schema));
    }
    hex(&hash.finalize()[..10])
}

async fn is_ready(connection: &mut PgConnection, template: &str) -> anyhow::Result<bool> {
    // It is declared a template only when it is whole.
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)")
        .bind(template)
        .fetch_one(connection)
        .await?)
}

async fn make_template(
    connection: &mut PgConnection,
    base: &Url,
    template: &str,
    schemas: &[&Schema],
) -> anyhow::Result<()> {
    run(connection, &format!("SELECT pg_advisory_lock({LOCK})")).await?;
    if !is_ready(connection, template).await? {
        run(connection, &format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)")).await?;
        run(connection, &format!("CREATE DATABASE {template} TEMPLATE template0")).await?;
        let made_at = SystemClock.now().unix_timestamp();
        run(connection, &format!("COMMENT ON DATABASE {template} IS '{made_at}'")).await?;
        let url = at(base, template, None);
        for schema in schemas {
            let set = |passwords: Passwords, login: &&str| passwords.set(*login, PASSWORD);
            let passwords = schema.logins().iter().fold(Passwords::unchanged(), set);
            db::migrate(url.as_str(), schema, &passwords).await?;
        }
        run(connection, &format!("ALTER DATABASE {template} IS_TEMPLATE true ALLOW_CONNECTIONS false"))
            .await?;
    }
    run(connection, &format!("SELECT pg_advisory_unlock({LOCK})")).await
}

/// Drops what earlier tests left: databases of tests that were killed, templates of migrations that are history.
async fn sweep(connection: &mut PgConnection) -> anyhow::Result<()> {
    let free: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut *connection).await?;
    if !free {
        return Ok(());
    }
    let now = SystemClock.now().unix_timestamp();
    let stale: Vec<(String, bool)> = sqlx::query_as(include_str!("queries/stale_databases.sql"))
        .bind(now - STALE_AFTER.as_secs() as i64)
        .bind(now - TEMPLATE_STALE_AFTER.as_secs() as i64)
        .fetch_all(&mut *connection)
        .await?;
    for (name, is_template) in stale {
        if is_template {
            run(connection, &format!("ALTER DATABASE {name} IS_TEMPLATE false")).await?;
        }
        run(connection, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    }
    run(connection, &format!("SELECT pg_advisory_unlock({LOCK})")).await
}

/// The base URL with another database and, where given, another login.
fn at(base: &Url, database: &str, login: Option<&str>) -> Url {
    let mut url = base.clone();
    url.set_path(database);
    if let Some(login) = login {
        // Works for sockets as well, where the URL's host may be empty.
        url.query_pairs_mut().append_pair("user", login).append_pair("password", PASSWORD);
    }
    url
}

async fn run(connection: &mut PgConnection, statement: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
