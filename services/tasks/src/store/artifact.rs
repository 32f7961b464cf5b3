//! Artifacts: what runs leave behind.

use sha2::{Digest, Sha256};
use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{ArtifactId, RunId, WorkspaceId};
use crate::store::append::WholeEvent;

/// Bytes of one artifact at most.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// An artifact to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// Its id.
    pub artifact: ArtifactId,
    /// Path within the run, 1 to 255 characters.
    pub path: String,
    /// Media type.
    pub media_type: String,
    /// Content, at most [`MAX_BYTES`].
    pub content: Vec<u8>,
}

/// What is known about an artifact, without its content.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Artifact {
    /// Its id.
    pub artifact_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The run that wrote it.
    pub run_id: Uuid,
    /// Path within the run.
    pub path: String,
    /// Counts writes to the path, from 1.
    pub revision: i32,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size_bytes: i64,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// When it was written.
    pub create_time: OffsetDateTime,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT artifact_id, workspace_id, run_id, path, revision, media_type, size_bytes, sha256, create_time ",
            "FROM tasks.artifact ",
            $rest
        )
    };
}

/// Writes an artifact as the next revision of its path. The transaction must hold the run's row.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    run: RunId,
    artifact: &NewArtifact,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../../queries/insert_artifact.sql"))
        .bind(artifact.artifact.uuid())
        .bind(workspace.uuid())
        .bind(run.uuid())
        .bind(&artifact.path)
        .bind(&artifact.media_type)
        .bind(Sha256::digest(&artifact.content).to_vec())
        .bind(&artifact.content)
        .bind(at)
        .execute(connection)
        .await
        .map(drop)
}

/// Keeps the whole of an event that the journal has cut, as an artifact that goes with the journal: no list has it.
pub async fn insert_event(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    run: RunId,
    seq: i64,
    whole: &WholeEvent,
    at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO tasks.artifact
             (artifact_id, workspace_id, run_id, path, revision, media_type, sha256, content, create_time, event_seq)
         VALUES ($1, $2, $3, '.events/' || $4 || '.json', 1, 'application/json', $5, $6, $7, $4)",
    )
    .bind(whole.artifact.uuid())
    .bind(workspace.uuid())
    .bind(run.uuid())
    .bind(seq)
    .bind(Sha256::digest(&whole.json).to_vec())
    .bind(whole.json.as_bytes())
    .bind(at)
    .execute(connection)
    .await
    .map(drop)
}

/// An artifact of the transaction's workspace.
pub async fn get(
    connection: &mut PgConnection,
    artifact: ArtifactId,
) -> Result<Option<Artifact>, sqlx::Error> {
    sqlx::query_as(select!("WHERE artifact_id = $1")).bind(artifact.uuid()).fetch_optional(connection).await
}

/// The newest revision of a path of a run.
pub async fn newest(
    connection: &mut PgConnection,
    run: RunId,
    path: &str,
) -> Result<Option<Artifact>, sqlx::Error> {
    sqlx::query_as(select!("WHERE run_id = $1 AND path = $2 ORDER BY revision DESC LIMIT 1"))
        .bind(run.uuid())
        .bind(path)
        .fetch_optional(connection)
        .await
}

/// Content of the newest revision of a path of a run.
pub async fn newest_content(
    connection: &mut PgConnection,
    run: RunId,
    path: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT content FROM tasks.artifact WHERE run_id = $1 AND path = $2 ORDER BY revision DESC LIMIT 1",
    )
    .bind(run.uuid())
    .bind(path)
    .fetch_optional(connection)
    .await
}

/// Media type and content of an artifact of the transaction's workspace.
pub async fn content(
    connection: &mut PgConnection,
    artifact: ArtifactId,
) -> Result<Option<(String, Vec<u8>)>, sqlx::Error> {
    sqlx::query_as("SELECT media_type, content FROM tasks.artifact WHERE artifact_id = $1")
        .bind(artifact.uuid())
        .fetch_optional(connection)
        .await
}

/// Artifacts that agents wrote in the transaction's workspace, or of one run of it, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    run: Option<RunId>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Artifact>, sqlx::Error> {
    let mut query = QueryBuilder::new(select!("WHERE workspace_id = "));
    query.push_bind(workspace.uuid());
    if let Some(run) = run {
        query.push(" AND run_id = ").push_bind(run.uuid());
    }
    if let Some(after) = after {
        query.push(" AND artifact_id < ").push_bind(after);
    }
    // The whole of a large event is part of the journal.
    query.push(" AND event_seq IS NULL ORDER BY artifact_id DESC LIMIT ").push_bind(limit);
    query.build_query_as().fetch_all(connection).await
}
