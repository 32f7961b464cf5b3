//! PostgreSQL as services use it: one pool per serving role, every transaction bound to a workspace, no session state.
//!
//! Everything but migrations passes PgBouncer's transaction pooling (1.21 or later with `max_prepared_statements` > 0).

mod failure;
pub(crate) mod migrate;
#[cfg(test)]
mod pooled_tests;
mod roles;
mod schema;
mod scram;
#[cfg(test)]
pub(crate) mod tests;
mod tx;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
use uuid::Uuid;

use crate::config::{self, DatabaseSettings};

pub use failure::{constraint, failure, is_constraint, is_unavailable};
pub use migrate::{MigrateError, Passwords, migrate};
pub use roles::{IDLE_IN_TRANSACTION_TIMEOUT, LOCK_TIMEOUT, STATEMENT_TIMEOUT, UnsafeRole};
pub use schema::Schema;
pub use tx::Tx;

/// A connection idle for longer than this is pinged before it is used, so that one that died unnoticed is replaced.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// How to reach the database as one serving role.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://mc_tasks_api:…@host:5432/database`; may point at PgBouncer.
    pub url: String,
    /// Connections at most; a replica's share of what the server allows.
    pub max_connections: u32,
    /// How long a caller waits for a connection before it is told UNAVAILABLE.
    pub acquire_timeout: Duration,
    /// Shown in `pg_stat_activity`: the service's name.
    pub application_name: String,
}

impl Settings {
    /// Ten connections, a wait of three seconds.
    pub fn new(url: impl Into<String>, application_name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            application_name: application_name.into(),
        }
    }
}

impl Settings {
    /// The pool that a program's settings ask for.
    pub fn from_config(settings: &DatabaseSettings, application_name: &str) -> Result<Self, config::Invalid> {
        Ok(Self {
            max_connections: settings.database_connections,
            acquire_timeout: settings.database_patience,
            ..Self::new(settings.url()?.expose(), application_name)
        })
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL holds a password.
        f.debug_struct("Settings")
            .field("url", &"…")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("application_name", &self.application_name)
            .finish()
    }
}

/// A pool of connections as one serving role.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// Connects, and refuses a role that could get round row-level security.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let database = Self::lazy(settings)?;
        roles::refuse_unsafe(&database.pool).await?;
        Ok(database)
    }

    /// A pool that connects when it is first used; [`Database::verify`] is left to the caller.
    pub fn lazy(settings: &Settings) -> Result<Self, sqlx::Error> {
        // PostgreSQL 12 and later print floats exactly without `extra_float_digits`, which PgBouncer refuses.
        let options = PgConnectOptions::from_str(&settings.url)?
            .application_name(&settings.application_name)
            .extra_float_digits(None);
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.acquire_timeout)
            .max_lifetime(Duration::from_mins(30))
            .idle_timeout(Duration::from_mins(5))
            // The ping before every use would be a round trip per transaction.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > PING_AFTER_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Refuses a role that could get round row-level security: superuser, BYPASSRLS, or owner of a table.
    pub async fn verify(&self) -> Result<(), ConnectError> {
        roles::refuse_unsafe(&self.pool).await
    }

    /// Begins a transaction that sees one workspace. One round trip.
    pub async fn begin(&self, workspace: Uuid) -> Result<Tx, sqlx::Error> {
        Tx::begin(&self.pool, tx::Access::Write, Some(workspace)).await
    }

    /// Begins a transaction without a workspace: policies show what they allow without one. One round trip.
    pub async fn begin_open(&self) -> Result<Tx, sqlx::Error> {
        Tx::begin(&self.pool, tx::Access::Write, None).await
    }

    /// Begins a read-only transaction that sees one workspace. Drop it when the rows are there: its end costs the caller
    /// no round trip.
    pub async fn read(&self, workspace: Uuid) -> Result<Tx, sqlx::Error> {
        Tx::begin(&self.pool, tx::Access::Read, Some(workspace)).await
    }

    /// The pool itself, for single statements on tables that need no workspace.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Closes every connection once it is given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("connections", &self.pool.size())
            .field("idle", &self.pool.num_idle())
            .finish()
    }
}

/// Why a service does not start on this database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It cannot be reached, or refuses the login.
    #[error("connect to the database")]
    Sqlx(#[from] sqlx::Error),
    /// The role could get round row-level security.
    #[error(transparent)]
    UnsafeRole(#[from] UnsafeRole),
}
