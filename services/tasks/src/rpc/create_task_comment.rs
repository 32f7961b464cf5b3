//! CreateTaskComment: says something about a task.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{CreateTaskCommentRequest, CreateTaskCommentResponse};
use tonic::Request;

use crate::domain::board::MAX_COMMENTS;
use crate::domain::id::{CommentId, UserId};
use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::comment::{self, NewComment};
use crate::store::task;

/// Bytes of a comment at most.
const TEXT_BYTES: usize = 16 * 1024;

pub(super) async fn create_task_comment(
    api: &Api,
    request: Request<CreateTaskCommentRequest>,
) -> Result<CreateTaskCommentResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::task(&caller, "parent", &request.parent)?;
    let author = UserId::new(caller.user()?);
    let asked =
        request.task_comment.as_ref().ok_or_else(|| Failure::invalid("task_comment", "is required"))?;
    check(&asked.text)?;
    let now = api.ambient.clock.now();

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "CreateTaskComment",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let task = task::lock(tx, id).await?.ok_or_else(|| Error::NotFound(request.parent.clone()))?;
        if task.comment_count >= MAX_COMMENTS {
            let (name, limit) = (request.parent.clone(), i64::from(MAX_COMMENTS));
            return Err(Error::TaskLimit { name, what: "comments", limit });
        }
        let comment = CommentId::new(api.ambient.ids.uuid());
        let new = NewComment { comment, task: id, author, text: &asked.text };
        let made = comment::insert(tx, workspace, new, now).await?;
        Ok(CreateTaskCommentResponse { task_comment: Some(view::comment(&made)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}

fn check(text: &str) -> Result<(), Failure> {
    const FIELD: &str = "task_comment.text";
    if text.trim().is_empty() || text.len() > TEXT_BYTES {
        let why = format!("must have 1 to {TEXT_BYTES} bytes, not blanks alone, and has {}", text.len());
        return Err(Failure::invalid(FIELD, why));
    }
    if text.contains('\0') {
        return Err(Failure::invalid(FIELD, "must not contain U+0000"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_held_at_its_edges() {
        for fine in ["a", " a\n\n```\nb\n```\n", &"x".repeat(TEXT_BYTES)] {
            check(fine).expect("fine");
        }
        for wrong in ["", " \n", "a\0", &"x".repeat(TEXT_BYTES + 1)] {
            assert_eq!(check(wrong).expect_err("wrong").violations()[0].field, "task_comment.text");
        }
    }
}
