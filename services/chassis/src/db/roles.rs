//! The roles of a schema: an owner that cannot log in, and logins that own nothing and bypass nothing.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::{ConnectError, Schema, scram};
use crate::ids::Ambient;

/// A serving role's statement is cancelled after this.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A serving role waits this long for a lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// A serving role's transaction that does nothing for this long is ended: it would hold back vacuum, and with it the queue.
pub const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Roles are one list for the whole cluster, so migrations of other databases may be changing the same ones right now;
/// PostgreSQL then refuses with one of a few errors instead of waiting. Trying again settles it.
const ATTEMPTS: u32 = 20;

/// Makes the owner and the logins, where missing, and gives the logins their settings.
///
/// They are role settings because a session's own settings do not survive transaction pooling.
pub(super) async fn ensure(connection: &mut PgConnection, schema: &Schema) -> Result<(), sqlx::Error> {
    let owner = schema.owner();
    create(connection, &owner, "NOLOGIN").await?;
    // From PostgreSQL 16 on, who makes a role may grant it but not become it, unless that is granted too.
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(&mut *connection)
        .await?;
    let privilege = if version >= 160_000 { "SET" } else { "MEMBER" };
    let may_become: bool = sqlx::query_scalar("SELECT pg_has_role(current_user, $1, $2)")
        .bind(&owner)
        .bind(privilege)
        .fetch_one(&mut *connection)
        .await?;
    if !may_become {
        let options = if version >= 160_000 { " WITH SET TRUE, INHERIT FALSE" } else { "" };
        settle(connection, &format!("GRANT {owner} TO CURRENT_USER{options}")).await?;
    }
    for login in schema.logins() {
        let role = schema.role(login);
        create(connection, &role, "LOGIN").await?;
        configure(connection, &role).await?;
    }
    Ok(())
}

/// Sets a login's password.
pub(super) async fn set_password(
    connection: &mut PgConnection,
    role: &str,
    password: &str,
) -> Result<(), sqlx::Error> {
    let hashed = scram::verifier(password, &Ambient::system().ids.bytes());
    let quoted: String = sqlx::query_scalar("SELECT quote_literal($1)")
        .bind(hashed.as_deref().unwrap_or(password))
        .fetch_one(&mut *connection)
        .await?;
    settle(connection, &format!("ALTER ROLE {role} PASSWORD {quoted}")).await
}

async fn create(connection: &mut PgConnection, role: &str, attributes: &str) -> Result<(), sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(role)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        return Ok(());
    }
    match settle(connection, &format!("CREATE ROLE {role} {attributes}")).await {
        // Another database's migration was faster: duplicate_object, or unique_violation when it was a matter of moments.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42710" | "23505")) => {
            Ok(())
        }
        other => other,
    }
}

async fn configure(connection: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let milliseconds = |limit: Duration| limit.as_millis().to_string();
    for (name, value) in [
        ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
        ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
        ("idle_in_transaction_session_timeout", milliseconds(IDLE_IN_TRANSACTION_TIMEOUT)),
        // What is served are short statements. One whose cost is estimated high, because a table has grown, would be
        // compiled each time: most of a second for what takes a millisecond.
        ("jit", "off".to_owned()),
    ] {
        let setting = format!("{name}={value}");
        let present: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
             WHERE s.setdatabase = 0 AND r.rolname = $1 AND $2 = ANY (s.setconfig))",
        )
        .bind(role)
        .bind(&setting)
        .fetch_one(&mut *connection)
        .await?;
        if !present {
            settle(connection, &format!("ALTER ROLE {role} SET {name} = {value}")).await?;
        }
    }
    Ok(())
}

/// Runs a statement about roles until no other database's migration is in its way.
async fn settle(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt < ATTEMPTS && is_concurrent_change(&error) => {
                // The server waits, so that nobody needs a clock here.
                sqlx::query("SELECT pg_sleep(random() * 0.05)").execute(&mut *connection).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_concurrent_change(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    match error.code().as_deref() {
        // "tuple concurrently updated" and "tuple concurrently deleted" have no code of their own.
        Some("XX000") => error.message().starts_with("tuple concurrently"),
        // Two first settings of one role, two first grants of one membership.
        Some("23505") => error.table().is_some_and(|table| table != "pg_authid"),
        Some("40P01") => true,
        _ => false,
    }
}

/// Why a role may not serve.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database role {role} {because}, so row-level security would not hold: \
     serve as one of the roles that `migrate` makes (mc_<schema>_<login>), and keep the administrator's URL for migrations"
)]
pub struct UnsafeRole {
    /// The role.
    pub role: String,
    /// What it can.
    pub because: String,
}

pub(super) async fn refuse_unsafe(pool: &PgPool) -> Result<(), ConnectError> {
    let (role, above, owned): (String, Option<String>, Option<String>) =
        sqlx::query_as(include_str!("queries/unsafe_role.sql")).fetch_one(pool).await?;
    let because = match (above, owned) {
        (Some(above), _) if above == role => "is a superuser or has BYPASSRLS".to_owned(),
        (Some(above), _) => format!("is a member of {above}, a superuser or one with BYPASSRLS"),
        (None, Some(table)) => format!("owns the table {table} or is a member of its owner"),
        (None, None) => return Ok(()),
    };
    Err(UnsafeRole { role, because }.into())
}
