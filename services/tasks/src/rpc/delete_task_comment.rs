//! DeleteTaskComment: takes back what the caller said.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{DeleteTaskCommentRequest, DeleteTaskCommentResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names};
use crate::store::{comment, task};

pub(super) async fn delete_task_comment(
    api: &Api,
    request: Request<DeleteTaskCommentRequest>,
) -> Result<DeleteTaskCommentResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id, comment) = names::comment(&caller, "name", &name)?;
    let user = caller.user()?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    // The task first, since it counts them.
    task::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(name.clone()))?;
    let stored = comment::get(&mut tx, id, comment).await?.ok_or_else(|| Error::NotFound(name.clone()))?;
    if stored.author != user {
        return Err(Error::CommentOfAnother(name));
    }
    comment::delete(&mut tx, workspace, id, comment).await?;
    tx.commit().await?;
    Ok(DeleteTaskCommentResponse {})
}
