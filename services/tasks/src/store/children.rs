//! Children: runs that another run handed work to. They are made in the transaction of the record that says so, and their end
//! goes into the parent's mailbox in the transaction of that end.
//!
//! Rows of runs are locked from below: a child, then its parent; a run, then the one at the top. So nobody who ends, is told of
//! an end, or hands work on waits for somebody who waits for them.

use mc_chassis::db::Tx;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::{
    ArtifactRef, ChildEnd, ChildEnded, Event, MAX_ARTIFACTS, MAX_CHILD_TEXT_CHARS, Queued, RunError,
};
use crate::domain::family::MAX_LIVE_IN_TREE;
use crate::domain::id::{ArtifactId, RunId, UserId};
use crate::domain::order::LetterContent;
use crate::store::mailbox::{self, Posted};
use crate::store::run;
use crate::store::task::{self, Content};

/// A run that is to be made for work that was handed over, and its task.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChild {
    /// What it is pinned to; the brief has its lineage.
    pub queued: Queued,
    /// What its task says.
    pub task: Content,
}

/// Makes children, each with its task, in the transaction that journals it. False, and nothing is made, if more would live in
/// the tree then than may: two runs of a tree that hand work on at once queue up at the row of the run at the top.
pub(super) async fn begin(
    tx: &mut Tx,
    children: &[NewChild],
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let Some(lineage) = children.first().and_then(|child| child.queued.brief.lineage) else {
        return Ok(true);
    };
    sqlx::query("SELECT FROM tasks.run WHERE run_id = $1 FOR NO KEY UPDATE")
        .bind(lineage.root.uuid())
        .execute(&mut **tx)
        .await?;
    let more = i64::try_from(children.len()).unwrap_or(i64::MAX);
    if live_in_tree(tx, lineage.root).await?.saturating_add(more) > MAX_LIVE_IN_TREE {
        return Ok(false);
    }
    for child in children {
        let brief = &child.queued.brief;
        task::insert(tx, brief.workspace, brief.task.task, &child.task, brief.starter, at).await?;
        run::insert(tx, &child.queued, at).await?;
        task::begin_run(tx, brief.task.task, brief.run, at).await?;
    }
    Ok(true)
}

/// How many runs live below the one at the top of a tree.
pub async fn live_in_tree(connection: &mut PgConnection, root: RunId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM tasks.run WHERE root_run = $1 AND end_time IS NULL")
        .bind(root.uuid())
        .fetch_one(connection)
        .await
}

/// Children of a run that live, whatever its journal says.
pub async fn live_of(connection: &mut PgConnection, parent: RunId) -> Result<Vec<RunId>, sqlx::Error> {
    let children: Vec<Uuid> = sqlx::query_scalar(
        "SELECT child.run_id FROM tasks.run parent
         JOIN tasks.run child ON child.root_run = coalesce(parent.root_run, parent.run_id) AND child.parent_run = $1
         WHERE parent.run_id = $1 AND child.end_time IS NULL AND child.root_run IS NOT NULL",
    )
    .bind(parent.uuid())
    .fetch_all(connection)
    .await?;
    Ok(children.into_iter().map(RunId::new).collect())
}

#[derive(sqlx::FromRow)]
struct EndedRow {
    parent_run: Uuid,
    starter: Uuid,
    steps: i32,
    total_tokens: i64,
    cost_nano_usd: i64,
    estimated_cost_nano_usd: i64,
    unpriced_calls: i32,
}

/// Tells the parent of a run that it has ended, in the transaction of that end. None if it has no parent, or one that has ended
/// for good, or one that was told before: a child that is retried ends for its parent but once.
pub(super) async fn tell_parent(
    tx: &mut Tx,
    run: RunId,
    end: &Event,
    at: OffsetDateTime,
) -> Result<Option<Posted>, sqlx::Error> {
    let row: Option<EndedRow> = sqlx::query_as(
        "SELECT parent_run, starter, steps, total_tokens, cost_nano_usd, estimated_cost_nano_usd, unpriced_calls
         FROM tasks.run WHERE run_id = $1 AND parent_run IS NOT NULL",
    )
    .bind(run.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(to) = mailbox::lock_parent(tx, RunId::new(row.parent_run)).await? else { return Ok(None) };
    if mailbox::has_letter(tx, to.run, run.uuid()).await? {
        return Ok(None);
    }
    let (end, summary, error) = match end {
        Event::Succeeded(event) => (ChildEnd::Succeeded, cut(&event.summary), None),
        Event::Failed(event) => {
            let error = RunError::new(event.error.reason.as_str(), cut(&event.error.message));
            (ChildEnd::Failed, String::new(), Some(error))
        }
        Event::Cancelled(event) => {
            let error = RunError::new("RUN_CANCELLED", cut(&event.reason));
            (ChildEnd::Cancelled, String::new(), Some(error))
        }
        _ => return Ok(None),
    };
    let (artifacts, more_artifacts) = artifacts(tx, run).await?;
    let ended = ChildEnded {
        run,
        end,
        summary,
        error,
        steps: u32::try_from(row.steps).unwrap_or(0),
        total_tokens: row.total_tokens,
        cost_nano_usd: row.cost_nano_usd,
        estimated_cost_nano_usd: row.estimated_cost_nano_usd,
        unpriced_calls: u32::try_from(row.unpriced_calls).unwrap_or(0),
        artifacts,
        more_artifacts,
    };
    let letter = LetterContent::ChildEnded(Box::new(ended));
    mailbox::post(tx, to, UserId::new(row.starter), &letter, at).await.map(Some)
}

/// The newest artifact of each path, as many as are named, and how many there are besides.
async fn artifacts(tx: &mut Tx, run: RunId) -> Result<(Vec<ArtifactRef>, u32), sqlx::Error> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT DISTINCT ON (path) artifact_id, path FROM tasks.artifact WHERE run_id = $1 ORDER BY path, revision DESC",
    )
    .bind(run.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let more = u32::try_from(rows.len().saturating_sub(MAX_ARTIFACTS)).unwrap_or(u32::MAX);
    let named = rows.into_iter().take(MAX_ARTIFACTS);
    let named = named.map(|(artifact, path)| ArtifactRef { artifact: ArtifactId::new(artifact), path });
    Ok((named.collect(), more))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHILD_TEXT_CHARS) {
        Some((end, _)) => format!("{} [cut here]", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_behind_the_last_character_that_is_kept() {
        let long = "é".repeat(MAX_CHILD_TEXT_CHARS);
        assert_eq!(cut(&long), long);
        assert_eq!(cut(&format!("{long}é")), format!("{long} [cut here]"));
    }
}
