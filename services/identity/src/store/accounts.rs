//! Rows of `identity.account`.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::account::{Account, Email};
use crate::error::Error;

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Uuid,
    email: String,
    display_name: String,
    password_hash: String,
    create_time: OffsetDateTime,
}

impl Row {
    fn into_account(self) -> Result<(Account, String), Error> {
        let email = Email::parse(&self.email).ok_or(Error::Stored("address"))?;
        let account = Account {
            user: self.user_id,
            email,
            display_name: self.display_name,
            create_time: self.create_time,
        };
        Ok((account, self.password_hash))
    }
}

/// Adds an account. The transaction is about its person.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    account: &Account,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identity.account (user_id, email, display_name, password_hash, create_time)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(account.user)
    .bind(account.email.as_str())
    .bind(&account.display_name)
    .bind(password_hash)
    .bind(account.create_time)
    .execute(tx)
    .await
    .map(drop)
}

/// The account behind an address, with its password's hash. The transaction is about the address.
pub(crate) async fn by_email(
    tx: &mut PgConnection,
    email: &Email,
) -> Result<Option<(Account, String)>, Error> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM identity.account WHERE email = $1")
        .bind(email.as_str())
        .fetch_optional(tx)
        .await?;
    row.map(Row::into_account).transpose()
}

/// A person's account. The transaction is about the person.
pub(crate) async fn read(tx: &mut PgConnection, user: Uuid) -> Result<Option<Account>, Error> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM identity.account WHERE user_id = $1")
        .bind(user)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(Row::into_account).transpose()?.map(|(account, _)| account))
}

/// Stores a stronger hash of the same password.
pub(crate) async fn set_password_hash(
    tx: &mut PgConnection,
    user: Uuid,
    hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE identity.account SET password_hash = $2 WHERE user_id = $1")
        .bind(user)
        .bind(hash)
        .execute(tx)
        .await
        .map(drop)
}
