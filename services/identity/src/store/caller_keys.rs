//! Rows of `identity.caller_key`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::vault::Sealed;

/// A key that signs caller tokens, or did.
#[derive(Debug, Clone)]
pub(crate) struct CallerKey {
    pub(crate) kid: String,
    pub(crate) public_key: [u8; 32],
    pub(crate) private_key: Sealed,
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: String,
    public_key: Vec<u8>,
    format: i16,
    key_id: String,
    wrapped_key: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// The key that signs now.
pub(crate) async fn signing(tx: &mut PgConnection) -> Result<Option<CallerKey>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT kid, public_key, format, key_id, wrapped_key, nonce, ciphertext
         FROM identity.caller_key WHERE retire_time IS NULL",
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let Row { kid, public_key, format, key_id, wrapped_key, nonce, ciphertext } = row;
        let private_key = Sealed { format, key_id, wrapped_key, nonce, ciphertext };
        Ok(CallerKey { kid, public_key: fixed(public_key)?, private_key })
    })
    .transpose()
}

/// The public keys that sign, or were retired after `since`; the one that signs comes first.
pub(crate) async fn listed(
    tx: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<(String, [u8; 32])>, sqlx::Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT kid, public_key FROM identity.caller_key WHERE retire_time IS NULL OR retire_time > $1
         ORDER BY retire_time DESC NULLS FIRST",
    )
    .bind(since)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|(kid, public_key)| Ok((kid, fixed(public_key)?))).collect()
}

/// Makes a key the one that signs, unless there is one.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    key: &CallerKey,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../../queries/insert_caller_key.sql"))
        .bind(&key.kid)
        .bind(key.public_key.as_slice())
        .bind(key.private_key.format)
        .bind(&key.private_key.key_id)
        .bind(&key.private_key.wrapped_key)
        .bind(&key.private_key.nonce)
        .bind(&key.private_key.ciphertext)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// Ends the key that signs.
pub(crate) async fn retire(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE identity.caller_key SET retire_time = $1 WHERE retire_time IS NULL")
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

fn fixed(bytes: Vec<u8>) -> Result<[u8; 32], sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("a public key has 32 bytes".into()))
}
