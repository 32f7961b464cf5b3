//! A transaction bound to a workspace, begun in one round trip and safe to cancel at any await.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A transaction in progress. Dropped without [`Tx::commit`], it is rolled back.
///
/// After a statement has failed, PostgreSQL turns a commit into a rollback without saying so: let the error end the
/// transaction, or run what may fail in a savepoint (`tx.begin()`).
pub struct Tx {
    connection: PoolConnection<Postgres>,
    open: bool,
}

impl Tx {
    pub(super) async fn begin(
        pool: &PgPool,
        access: Access,
        workspace: Option<Uuid>,
    ) -> Result<Self, sqlx::Error> {
        let begin = match access {
            Access::Read => "BEGIN READ ONLY",
            Access::Write => "BEGIN",
        };
        // A UUID prints as hex digits and hyphens, so nothing in it needs quoting. SET LOCAL ends with the transaction,
        // which is all that transaction pooling allows. Without a workspace nothing is set: the value is NULL or ''.
        let statement = match workspace {
            Some(workspace) => {
                AssertSqlSafe(format!("{begin}; SET LOCAL mc.workspace = '{workspace}'")).into_sql_str()
            }
            None => begin.into_sql_str(),
        };
        let mut opening = Opening(Some(pool.acquire().await?));
        if let Some(connection) = &mut opening.0 {
            PgTransactionManager::begin(connection, Some(statement)).await?;
        }
        let connection = opening.0.take().ok_or(sqlx::Error::BeginFailed)?;
        Ok(Self { connection, open: true })
    }

    /// Makes the writes durable.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::commit(&mut self.connection).await?;
        self.open = false;
        Ok(())
    }

    /// Undoes the writes and waits until that is done. Dropping does the same without waiting.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::rollback(&mut self.connection).await?;
        self.open = false;
        Ok(())
    }
}

/// A connection whose BEGIN is on its way. sqlx takes no note of a transaction before the server's answer, so a caller who
/// goes away in between would leave an open transaction, bound to a workspace, to the next user of the connection: such a
/// connection is closed instead.
struct Opening(Option<PoolConnection<Postgres>>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("open", &self.open).finish_non_exhaustive()
    }
}
