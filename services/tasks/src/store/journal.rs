//! Reading journals.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::event::bound::{Whole, whole_of};
use crate::domain::event::{DecodeError, Event, Record};
use crate::domain::id::{ArtifactId, RunId};
use crate::store::artifact;

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
    /// The journal has an event cut, and the whole of it is gone.
    #[error("the whole of event {seq}, artifact {artifact}, is missing")]
    Missing {
        /// Its place.
        seq: i64,
        /// Where it was.
        artifact: ArtifactId,
    },
}

/// A record as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The record; cut, where it is large.
    pub record: Record,
    /// Then the artifact with the whole of it.
    pub whole: Option<ArtifactId>,
}

pub(crate) const JOURNAL_PAGE: &str = include_str!("../../queries/journal_page.sql");

/// Events after `after_seq`, in order and whole: at most `limit`, and fewer where they are large. Empty means that there are
/// none. The transaction's workspace must be the run's.
pub async fn page(
    connection: &mut PgConnection,
    run: RunId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    let mut bytes = 0;
    for (seq, mut body, at) in rows(connection, run, after_seq, limit).await? {
        let whole = read_whole(seq, &body)?;
        bytes += whole.map_or(body.len() as u64, |whole| whole.size_bytes);
        // The first one always comes, however large.
        if bytes > PAGE_BYTES as u64 && !records.is_empty() {
            break;
        }
        if let Some(whole) = whole {
            body = fetch(connection, seq, whole).await?;
        }
        records.push(record(seq, at, &body)?);
    }
    Ok(records)
}

/// The same, with what is large cut.
pub async fn shown_page(
    connection: &mut PgConnection,
    run: RunId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Shown>, Error> {
    let rows = rows(connection, run, after_seq, limit).await?;
    let shown = |(seq, body, at): (i64, String, OffsetDateTime)| {
        let whole = read_whole(seq, &body)?.map(|whole| whole.artifact);
        Ok(Shown { record: record(seq, at, &body)?, whole })
    };
    rows.into_iter().map(shown).collect()
}

async fn rows(
    connection: &mut PgConnection,
    run: RunId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<(i64, String, OffsetDateTime)>, sqlx::Error> {
    sqlx::query_as(JOURNAL_PAGE)
        .bind(run.uuid())
        .bind(after_seq)
        .bind(limit)
        .bind(PAGE_BYTES)
        .fetch_all(connection)
        .await
}

fn record(seq: i64, at: OffsetDateTime, body: &str) -> Result<Record, Error> {
    let event = Event::from_json(body).map_err(|source| Error::Decode { seq, source })?;
    Ok(Record { seq, at, event })
}

/// Most events do not have the word in them, so they are parsed but once.
fn read_whole(seq: i64, body: &str) -> Result<Option<Whole>, Error> {
    if !body.contains("\"whole\"") {
        return Ok(None);
    }
    whole_of(body).map_err(|source| Error::Decode { seq, source })
}

async fn fetch(connection: &mut PgConnection, seq: i64, whole: Whole) -> Result<String, Error> {
    let missing = || Error::Missing { seq, artifact: whole.artifact };
    let (_, content) = artifact::content(connection, whole.artifact).await?.ok_or_else(missing)?;
    String::from_utf8(content).map_err(|_| missing())
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
