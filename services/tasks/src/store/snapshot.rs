//! Snapshots of folds: a worker that takes a run reads the snapshot and the events behind it, where that is less than all of
//! them. A snapshot that cannot be read, or does not fit the journal, is passed over: the journal is the truth.

use mc_chassis::db::Database;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::domain::fold::{FoldError, RunFold, SNAPSHOT_VERSION};
use crate::domain::id::{RunId, WorkspaceId};
use crate::store::journal;

/// Events behind the last snapshot after which a run that goes on is worth another one.
pub const EVERY: i64 = 500;
/// Events behind the last snapshot after which a run that rests is worth another one; and what a journal must have for a
/// snapshot to be looked for. What is shorter is read in one page as fast as any snapshot (`examples/fold_bench.rs`).
pub const AT_REST: i64 = 100;
/// Bytes of a snapshot at most: of a run that has more to remember, the journal is read.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Events that are read at once.
const PAGE: i64 = 500;

/// A run as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The fold.
    pub fold: RunFold,
    /// `seq` of the snapshot that it was begun with; 0 if the whole journal was read.
    pub snapshot_seq: i64,
    /// Events that were read.
    pub events: i64,
}

/// Why a run could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// It is no journal of a run.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// There is none.
    #[error("the journal is empty")]
    Empty,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Journal(error.into())
    }
}

/// Folds a run's journal, of which `head_seq` is known to be there, from its snapshot on if that serves.
pub async fn load(
    database: &Database,
    workspace: WorkspaceId,
    run: RunId,
    head_seq: i64,
) -> Result<Loaded, Error> {
    if head_seq >= AT_REST {
        let mut tx = database.read(workspace.uuid()).await?;
        let kept = read(&mut tx, run).await?;
        drop(tx);
        if let Some(fold) = kept {
            let snapshot_seq = fold.head_seq();
            match read_on(database, workspace, run, Some(fold)).await {
                Err(Error::Fold(error)) => {
                    tracing::warn!(%run, snapshot_seq, %error, "the journal does not go on from the snapshot; read whole");
                }
                read => {
                    let fold = read?;
                    let events = fold.head_seq() - snapshot_seq;
                    return Ok(Loaded { fold, snapshot_seq, events });
                }
            }
        }
    }
    let fold = read_on(database, workspace, run, None).await?;
    Ok(Loaded { events: fold.head_seq(), fold, snapshot_seq: 0 })
}

/// Keeps a snapshot of what is committed, in place of an older one. False if it is too large to be kept.
pub async fn keep(connection: &mut PgConnection, fold: &RunFold) -> Result<bool, sqlx::Error> {
    let content = fold.to_snapshot();
    if content.len() > MAX_BYTES {
        return Ok(false);
    }
    sqlx::query(include_str!("../../queries/keep_snapshot.sql"))
        .bind(fold.brief().run.uuid())
        .bind(fold.head_seq())
        .bind(version())
        .bind(Sha256::digest(&content).to_vec())
        .bind(content)
        .execute(connection)
        .await?;
    Ok(true)
}

/// The snapshot of a run; none if there is none that can be relied on.
async fn read(connection: &mut PgConnection, run: RunId) -> Result<Option<RunFold>, sqlx::Error> {
    let row: Option<(i64, Vec<u8>, Vec<u8>)> =
        sqlx::query_as(include_str!("../../queries/read_snapshot.sql"))
            .bind(run.uuid())
            .bind(version())
            .fetch_optional(connection)
            .await?;
    let Some((seq, sha256, content)) = row else { return Ok(None) };
    if Sha256::digest(&content).as_slice() != sha256 {
        tracing::warn!(%run, seq, "the snapshot is damaged; the journal is read whole");
        return Ok(None);
    }
    match RunFold::from_snapshot(&content) {
        Ok(fold) if fold.head_seq() == seq && fold.brief().run == run => Ok(Some(fold)),
        Ok(_) => {
            tracing::warn!(%run, seq, "the snapshot is of something else; the journal is read whole");
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(%run, seq, %error, "the snapshot cannot be read; the journal is read whole");
            Ok(None)
        }
    }
}

/// Folds what is behind, page by page, each in a short transaction of its own.
async fn read_on(
    database: &Database,
    workspace: WorkspaceId,
    run: RunId,
    mut fold: Option<RunFold>,
) -> Result<RunFold, Error> {
    loop {
        let after = fold.as_ref().map_or(0, RunFold::head_seq);
        let mut tx = database.read(workspace.uuid()).await?;
        let records = journal::page(&mut tx, run, after, PAGE).await?;
        drop(tx);
        if records.is_empty() {
            return fold.ok_or(Error::Empty);
        }
        for record in &records {
            match &mut fold {
                None => fold = Some(RunFold::begin(record)?),
                Some(fold) => fold.apply(record)?,
            }
        }
    }
}

fn version() -> i32 {
    SNAPSHOT_VERSION.cast_signed()
}
