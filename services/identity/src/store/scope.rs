//! What a transaction is about: settings that end with it, and that the row-level policies compare rows with.

use std::fmt::Write;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::account::Email;
use crate::domain::bearer::Bearer;

/// Shows the rows of one person.
pub(crate) async fn user(tx: &mut PgConnection, user: Uuid) -> Result<(), sqlx::Error> {
    set(tx, "mc.user", &user.to_string()).await
}

/// Shows the account behind an address, to be read.
pub(crate) async fn email(tx: &mut PgConnection, email: &Email) -> Result<(), sqlx::Error> {
    set(tx, "mc.email", email.as_str()).await
}

/// Shows the row of a bearer, to be read.
pub(crate) async fn bearer(tx: &mut PgConnection, bearer: &Bearer) -> Result<(), sqlx::Error> {
    let hex = bearer.hash().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String never fails.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    set(tx, "mc.bearer", &hex).await
}

/// Shows the rows of one workspace; of none when absent.
pub(crate) async fn workspace(tx: &mut PgConnection, workspace: Option<Uuid>) -> Result<(), sqlx::Error> {
    let value = workspace.map(|id| id.to_string()).unwrap_or_default();
    set(tx, "mc.workspace", &value).await
}

async fn set(tx: &mut PgConnection, setting: &str, value: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config($1, $2, true)").bind(setting).bind(value).execute(tx).await.map(drop)
}
