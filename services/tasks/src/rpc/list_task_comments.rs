//! ListTaskComments: what people said about a task, the oldest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListTaskCommentsRequest, ListTaskCommentsResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::{comment, task};

pub(super) async fn list_task_comments(
    api: &Api,
    request: Request<ListTaskCommentsRequest>,
) -> Result<ListTaskCommentsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::task(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    task::get(&mut tx, id).await?.ok_or(Error::NotFound(request.parent))?;
    let mut comments = comment::list(&mut tx, id, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut comments, |comment| comment.comment_id);
    Ok(ListTaskCommentsResponse {
        task_comments: comments.iter().map(view::comment).collect(),
        next_page_token,
    })
}
