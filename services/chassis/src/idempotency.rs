//! Once per request id: a repeated request gets the first one's reply, kept in the transaction that did the work.
//!
//! Replies are kept for at least [`KEPT_FOR`]. A request that is repeated while the first one is still at work waits for it.

use prost::Message;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use tonic::Code;
use uuid::Uuid;

use crate::db::{self, Schema, Tx};
use crate::error::{Failure, reason};

/// How long a reply is kept at least. Later requests of the same workspace sweep out what is older.
pub const KEPT_FOR: time::Duration = time::Duration::hours(24);
/// Length of a request id at most, in characters.
pub const REQUEST_ID_MAX: usize = 128;
/// Old replies that one new request sweeps out at most: more than it adds, so that the table shrinks.
const SWEPT: i64 = 4;

/// Whose request it is and what it asks for. Two callers may use the same request id.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The service's schema.
    pub schema: &'static Schema,
    /// The transaction's workspace; none for operations outside any.
    pub workspace: Option<Uuid>,
    /// Who asks: `caller.actor()`.
    pub actor: &'a str,
    /// The method: `CreateAgent`.
    pub operation: &'static str,
    /// The client's id of the request; empty if it gave none, and then nothing is kept.
    pub request_id: &'a str,
}

/// What a request id turned out to mean.
#[derive(Debug)]
pub enum Claim<M> {
    /// The request is new: do the work, then [`Fresh::keep`] its reply in the same transaction.
    Fresh(Fresh),
    /// It was done before, with this reply.
    Replay(M),
}

/// The duty to keep the reply.
#[derive(Debug)]
#[must_use = "keep the reply, or the request cannot be repeated"]
pub struct Fresh(Option<Slot>);

#[derive(Debug)]
struct Slot {
    table: String,
    workspace: Option<Uuid>,
    actor: String,
    operation: &'static str,
    request_id: String,
}

/// Why a request id could not be honoured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The id stands for another request.
    #[error("the request id {request_id:?} was used for another {operation}")]
    Reused {
        /// The method.
        operation: &'static str,
        /// The id.
        request_id: String,
    },
    /// The id is too long, or holds what no id may.
    #[error("the request id is malformed")]
    Malformed(Failure),
    /// The database failed.
    #[error("look up the request id")]
    Database(#[from] sqlx::Error),
    /// The stored reply is none.
    #[error("read the stored reply")]
    Reply(#[from] prost::DecodeError),
    /// One transaction has claimed the same id twice.
    #[error("the request id {0:?} was claimed twice in one transaction")]
    Twice(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Reused { .. } => Self::new(
                Code::AlreadyExists,
                reason::IDEMPOTENCY_KEY_REUSED,
                format!("{error}; use a new one for a new request"),
            ),
            Error::Malformed(failure) => failure,
            Error::Database(error) => db::failure(error),
            Error::Reply(_) | Error::Twice(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "idempotency record");
                Self::internal()
            }
        }
    }
}

/// Holds a request id to the contract: at most [`REQUEST_ID_MAX`] visible ASCII characters; none at all is fine. [`once`]
/// does so too; this is for telling it along with what else is wrong.
pub fn check(request_id: &str) -> Result<(), Failure> {
    if request_id.len() <= REQUEST_ID_MAX && request_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Failure::invalid("request_id", format!("must be 1 to {REQUEST_ID_MAX} visible ASCII characters")))
}

/// Does the work once: `work` runs in the transaction if the request is new; its reply is kept, or returned if it was kept
/// before. The caller commits.
pub async fn once<Q, M, E, W>(
    tx: &mut Tx,
    key: Key<'_>,
    request: &Q,
    now: OffsetDateTime,
    work: W,
) -> Result<M, E>
where
    Q: Message,
    M: Message + Default,
    E: From<Error>,
    W: AsyncFnOnce(&mut Tx) -> Result<M, E>,
{
    match claim(tx, key, request, now).await? {
        Claim::Replay(reply) => Ok(reply),
        Claim::Fresh(fresh) => {
            let reply = work(tx).await?;
            fresh.keep(tx, &reply).await?;
            Ok(reply)
        }
    }
}

/// Claims the request id in this transaction, or finds the reply of the request that did before.
pub async fn claim<Q: Message, M: Message + Default>(
    tx: &mut Tx,
    key: Key<'_>,
    request: &Q,
    now: OffsetDateTime,
) -> Result<Claim<M>, Error> {
    if key.request_id.is_empty() {
        return Ok(Claim::Fresh(Fresh(None)));
    }
    check(key.request_id).map_err(Error::Malformed)?;
    let table = format!("{}.idempotency", key.schema.name());
    let hash = Sha256::digest(request.encode_to_vec());
    // A kept reply can be swept between the two statements; it is then as if it had never been.
    loop {
        let inserted = sqlx::query(AssertSqlSafe(insert(&table, key.workspace)))
            .bind(key.workspace)
            .bind(key.actor)
            .bind(key.operation)
            .bind(key.request_id)
            .bind(hash.as_slice())
            .bind(now)
            .bind(now - KEPT_FOR)
            .bind(SWEPT)
            .execute(&mut **tx)
            .await?
            .rows_affected();
        if inserted == 1 {
            return Ok(Claim::Fresh(Fresh(Some(Slot {
                table,
                workspace: key.workspace,
                actor: key.actor.to_owned(),
                operation: key.operation,
                request_id: key.request_id.to_owned(),
            }))));
        }
        let select = format!("SELECT request_hash, reply FROM {table} WHERE {}", of_key(key.workspace));
        let kept: Option<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(AssertSqlSafe(select))
            .bind(key.workspace)
            .bind(key.actor)
            .bind(key.operation)
            .bind(key.request_id)
            .fetch_optional(&mut **tx)
            .await?;
        return match kept {
            None => continue,
            Some((kept_hash, _)) if kept_hash != hash.as_slice() => {
                Err(Error::Reused { operation: key.operation, request_id: key.request_id.to_owned() })
            }
            Some((_, Some(reply))) => Ok(Claim::Replay(M::decode(reply.as_slice())?)),
            Some((_, None)) => Err(Error::Twice(key.request_id.to_owned())),
        };
    }
}

impl Fresh {
    /// Keeps the reply, to be returned when the request is repeated.
    pub async fn keep<M: Message>(self, tx: &mut Tx, reply: &M) -> Result<(), Error> {
        let Some(slot) = self.0 else { return Ok(()) };
        let update = format!("UPDATE {} SET reply = $5 WHERE {}", slot.table, of_key(slot.workspace));
        sqlx::query(AssertSqlSafe(update))
            .bind(slot.workspace)
            .bind(slot.actor)
            .bind(slot.operation)
            .bind(slot.request_id)
            .bind(reply.encode_to_vec())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// Sweeps out some old replies of the workspace and puts the claim in, in one round trip.
fn insert(table: &str, workspace: Option<Uuid>) -> String {
    let of_workspace = of_workspace(workspace);
    format!(
        "WITH swept AS (
             DELETE FROM {table} WHERE ctid = ANY (ARRAY (
                 SELECT ctid FROM {table} WHERE {of_workspace} AND created_at < $7 LIMIT $8 FOR UPDATE SKIP LOCKED)))
         INSERT INTO {table} (workspace_id, actor, operation, request_id, request_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT idempotency_key DO NOTHING"
    )
}

fn of_key(workspace: Option<Uuid>) -> String {
    format!("{} AND actor = $2 AND operation = $3 AND request_id = $4", of_workspace(workspace))
}

/// Two texts, because an index serves `=` and `IS NULL` but not `IS NOT DISTINCT FROM`.
fn of_workspace(workspace: Option<Uuid>) -> &'static str {
    if workspace.is_some() { "workspace_id = $1" } else { "workspace_id IS NULL AND $1::uuid IS NULL" }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use time::macros::datetime;

    use super::*;
    use crate::db::Database;
    use crate::db::tests::WIDGETS;
    use crate::testkit;

    const A: Uuid = Uuid::from_u128(0xa);
    const NOW: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    fn key(request_id: &str) -> Key<'_> {
        Key { schema: &WIDGETS, workspace: Some(A), actor: "users/1", operation: "CreateWidget", request_id }
    }

    /// Requests and replies are strings here: prost implements Message for String.
    async fn create(
        db: &Database,
        key: Key<'_>,
        request: &str,
        now: OffsetDateTime,
        reply: &str,
    ) -> Result<String, Failure> {
        let mut tx = match key.workspace {
            Some(workspace) => db.begin(workspace).await,
            None => db.begin_open().await,
        }
        .map_err(db::failure)?;
        let reply =
            once(&mut tx, key, &request.to_owned(), now, async |_| Ok::<_, Failure>(reply.to_owned()))
                .await?;
        tx.commit().await.map_err(db::failure)?;
        Ok(reply)
    }

    #[tokio::test]
    async fn a_repeated_request_gets_the_first_reply() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        assert_eq!(create(&db, key("r1"), "red", NOW, "first").await.unwrap(), "first");
        assert_eq!(create(&db, key("r1"), "red", NOW, "second").await.unwrap(), "first");
        assert_eq!(create(&db, key("r2"), "red", NOW, "third").await.unwrap(), "third");
        for other in [
            Key { actor: "users/2", ..key("r1") },
            Key { operation: "DeleteWidget", ..key("r1") },
            Key { workspace: Some(Uuid::from_u128(0xb)), ..key("r1") },
            Key { workspace: None, ..key("r1") },
        ] {
            assert_eq!(create(&db, other, "blue", NOW, "other").await.unwrap(), "other");
            assert_eq!(create(&db, other, "blue", NOW, "again").await.unwrap(), "other");
        }
    }

    #[tokio::test]
    async fn without_a_request_id_the_work_is_done_each_time() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        assert_eq!(create(&db, key(""), "red", NOW, "first").await.unwrap(), "first");
        assert_eq!(create(&db, key(""), "red", NOW, "second").await.unwrap(), "second");
    }

    #[tokio::test]
    async fn a_request_id_cannot_stand_for_another_request() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        create(&db, key("r1"), "red", NOW, "first").await.unwrap();
        let refused = create(&db, key("r1"), "blue", NOW, "second").await.unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
    }

    #[tokio::test]
    async fn a_request_id_has_128_characters_at_most() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        let (fits, too_long) = ("x".repeat(REQUEST_ID_MAX), "x".repeat(REQUEST_ID_MAX + 1));
        create(&db, key(&fits), "red", NOW, "first").await.unwrap();
        let refused = create(&db, key(&too_long), "red", NOW, "first").await.unwrap_err();
        assert_eq!(refused.violations()[0].field, "request_id");
    }

    #[tokio::test]
    async fn failed_work_leaves_the_request_id_free() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        let mut tx = db.begin(A).await.unwrap();
        let failed: Result<String, Failure> =
            once(&mut tx, key("r1"), &"red".to_owned(), NOW, async |_| Err(Failure::internal())).await;
        assert!(failed.is_err());
        drop(tx);
        assert_eq!(create(&db, key("r1"), "red", NOW, "second").await.unwrap(), "second");
    }

    #[tokio::test]
    async fn ten_requests_at_once_do_the_work_once() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        let done = AtomicU32::new(0);
        let one = async || {
            let mut tx = db.begin(A).await.unwrap();
            let work =
                async |_: &mut Tx| Ok::<_, Failure>(format!("reply {}", done.fetch_add(1, Ordering::SeqCst)));
            let reply = once(&mut tx, key("r1"), &"red".to_owned(), NOW, work).await.unwrap();
            tx.commit().await.unwrap();
            reply
        };
        let replies = futures::future::join_all((0..10).map(|_| one())).await;
        assert_eq!(replies, vec!["reply 0"; 10]);
    }

    #[tokio::test]
    async fn old_replies_are_swept_out_by_later_requests() {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "api").await;
        for id in 0..6 {
            create(&db, key(&format!("old-{id}")), "red", NOW, "old").await.unwrap();
        }
        let at_the_edge = NOW + KEPT_FOR;
        assert_eq!(create(&db, key("old-0"), "red", at_the_edge, "new").await.unwrap(), "old");
        let past_it = at_the_edge + time::Duration::SECOND;
        assert_eq!(create(&db, key("new-1"), "red", past_it, "new").await.unwrap(), "new");
        assert_eq!(create(&db, key("new-2"), "red", past_it, "new").await.unwrap(), "new");
        let left: Vec<String> = sqlx::query_scalar("SELECT request_id FROM widgets.idempotency ORDER BY 1")
            .fetch_all(&kit.admin())
            .await
            .unwrap();
        assert_eq!(left, ["new-1", "new-2"]);
    }

    /// tonic handlers must be `Send`: this has to compile, with a closure that borrows and awaits.
    #[test]
    fn once_is_send() {
        fn is_send<T: Send>(_: impl FnOnce(Database, String) -> T) {}
        is_send(|db, reply| async move {
            let mut tx = db.begin(A).await.map_err(db::failure)?;
            let work = async |tx: &mut Tx| {
                sqlx::query("SELECT $1").bind(&reply).execute(&mut **tx).await.map_err(db::failure)?;
                Ok::<_, Failure>(reply.clone())
            };
            let reply = once(&mut tx, key("r"), &"red".to_owned(), NOW, work).await?;
            tx.commit().await.map_err(db::failure)?;
            Ok::<_, Failure>(reply)
        });
    }
}
