//! Rows of `identity.credential`. What is read for people never touches the columns of the secret.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::credential::Credential;
use crate::vault::Sealed;

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    credential_id: Uuid,
    display_name: String,
    hint: String,
    create_time: OffsetDateTime,
    rotate_time: OffsetDateTime,
    use_time: Option<OffsetDateTime>,
}

#[derive(sqlx::FromRow)]
struct SealedRow {
    format: i16,
    key_id: String,
    wrapped_key: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl From<SealedRow> for Sealed {
    fn from(row: SealedRow) -> Self {
        let SealedRow { format, key_id, wrapped_key, nonce, ciphertext } = row;
        Self { format, key_id, wrapped_key, nonce, ciphertext }
    }
}

impl From<Row> for Credential {
    fn from(row: Row) -> Self {
        Self {
            workspace: row.workspace_id,
            id: row.credential_id,
            display_name: row.display_name,
            hint: row.hint,
            create_time: row.create_time,
            rotate_time: row.rotate_time,
            use_time: row.use_time,
        }
    }
}

/// Adds a credential.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    credential: &Credential,
    sealed: &Sealed,
) -> Result<Credential, sqlx::Error> {
    let row: Row = sqlx::query_as(include_str!("../../queries/insert_credential.sql"))
        .bind(credential.workspace)
        .bind(credential.id)
        .bind(&credential.display_name)
        .bind(&credential.hint)
        .bind(sealed.format)
        .bind(&sealed.key_id)
        .bind(&sealed.wrapped_key)
        .bind(&sealed.nonce)
        .bind(&sealed.ciphertext)
        .bind(credential.create_time)
        .fetch_one(tx)
        .await?;
    Ok(row.into())
}

/// Reads what is known about a credential.
pub(crate) async fn read(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: Uuid,
) -> Result<Option<Credential>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT workspace_id, credential_id, display_name, hint, create_time, rotate_time, use_time
         FROM identity.credential WHERE workspace_id = $1 AND credential_id = $2",
    )
    .bind(workspace)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Credential::from))
}

/// Lists credentials behind `after`, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    workspace: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Credential>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT workspace_id, credential_id, display_name, hint, create_time, rotate_time, use_time
         FROM identity.credential WHERE workspace_id = $1 AND ($2::uuid IS NULL OR credential_id < $2)
         ORDER BY credential_id DESC LIMIT $3",
    )
    .bind(workspace)
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Credential::from).collect())
}

/// Replaces the secret; absent if there is no such credential.
pub(crate) async fn rotate(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: Uuid,
    hint: &str,
    sealed: &Sealed,
    now: OffsetDateTime,
) -> Result<Option<Credential>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(include_str!("../../queries/rotate_credential.sql"))
        .bind(workspace)
        .bind(id)
        .bind(hint)
        .bind(sealed.format)
        .bind(&sealed.key_id)
        .bind(&sealed.wrapped_key)
        .bind(&sealed.nonce)
        .bind(&sealed.ciphertext)
        .bind(now)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(Credential::from))
}

/// Deletes a credential with its secret. False if there is none.
pub(crate) async fn delete(tx: &mut PgConnection, workspace: Uuid, id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted =
        sqlx::query("DELETE FROM identity.credential WHERE workspace_id = $1 AND credential_id = $2")
            .bind(workspace)
            .bind(id)
            .execute(tx)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Takes the sealed secret out for use, and notes the time.
pub(crate) async fn use_secret(
    tx: &mut PgConnection,
    workspace: Uuid,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<Sealed>, sqlx::Error> {
    let row: Option<SealedRow> = sqlx::query_as(
        "UPDATE identity.credential SET use_time = greatest(use_time, $3)
         WHERE workspace_id = $1 AND credential_id = $2
         RETURNING format, key_id, wrapped_key, nonce, ciphertext",
    )
    .bind(workspace)
    .bind(id)
    .bind(now)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Sealed::from))
}
