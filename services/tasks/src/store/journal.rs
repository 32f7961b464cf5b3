//! Reading journals.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::event::{DecodeError, Event, Record};
use crate::domain::id::RunId;

/// Bytes of bodies after which a page ends, so that a page of large answers still fits one gRPC message.
pub const PAGE_BYTES: i64 = 2 * 1024 * 1024;

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error("read the journal")]
    Database(#[from] sqlx::Error),
    /// An event is not one of this release's.
    #[error("read event {seq} of the journal")]
    Decode {
        /// Its place.
        seq: i64,
        /// What is wrong.
        source: DecodeError,
    },
}

/// Events after `after_seq`, in order: at most `limit`, and fewer where they are large. Empty means that there are none.
/// The transaction's workspace must be the run's.
pub async fn page(
    connection: &mut PgConnection,
    run: RunId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let rows: Vec<(i64, String, OffsetDateTime)> =
        sqlx::query_as(include_str!("../../queries/journal_page.sql"))
            .bind(run.uuid())
            .bind(after_seq)
            .bind(limit)
            .bind(PAGE_BYTES)
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(seq, body, at)| {
            let event = Event::from_json(&body).map_err(|source| Error::Decode { seq, source })?;
            Ok(Record { seq, at, event })
        })
        .collect()
}

/// Step and attempt of the model call that is under way after the event `seq`, as far as the journal up to there tells.
pub async fn open_model_call(
    connection: &mut PgConnection,
    run: RunId,
    seq: i64,
) -> Result<Option<(u32, u32)>, Error> {
    // The newest event about a model call decides; between it and `seq` there are at most the tools of one answer.
    let row: Option<(i64, String)> = sqlx::query_as(
        "SELECT seq, body::text FROM tasks.journal WHERE run_id = $1 AND seq <= $2 AND kind LIKE 'model\\_call\\_%'
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(run.uuid())
    .bind(seq)
    .fetch_optional(connection)
    .await?;
    let Some((seq, body)) = row else { return Ok(None) };
    match Event::from_json(&body).map_err(|source| Error::Decode { seq, source })? {
        Event::ModelCallStarted(call) => Ok(Some((call.step, call.attempt))),
        _ => Ok(None),
    }
}
