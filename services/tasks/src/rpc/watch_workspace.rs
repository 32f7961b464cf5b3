//! WatchWorkspace: what changes in a workspace, from any place that is kept and on as it happens.

use futures::StreamExt;
use futures::stream::BoxStream;
use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{WatchWorkspaceRequest, WatchWorkspaceResponse};
use tonic::{Request, Status};

use crate::domain::id::WorkspaceId;
use crate::error::Error;
use crate::rpc::list_run_events::cursor;
use crate::rpc::watch_run::access;
use crate::rpc::{Api, names};
use crate::store::activity;
use crate::watch::ActivityRequest;

pub(super) async fn watch_workspace(
    api: &Api,
    request: Request<WatchWorkspaceRequest>,
) -> Result<BoxStream<'static, Result<WatchWorkspaceResponse, Status>>, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let workspace = names::parent(&caller, "name", &request.name)?;
    let after_seq = request.after_seq.map(cursor).transpose()?;
    let after_seq = place(api, workspace, after_seq).await?;
    let request = ActivityRequest { workspace, after_seq, access: access(api, caller, metadata) };
    let stream = api.watcher.watch_activity(request).await;
    Ok(stream.map(|update| update.map_err(Status::from)).boxed())
}

/// Where the watch begins: where the caller says, if that is still there, else now.
async fn place(api: &Api, workspace: WorkspaceId, after_seq: Option<i64>) -> Result<i64, Error> {
    let mut tx = api.database.read(workspace.uuid()).await?;
    let head = activity::head(&mut tx, workspace).await?;
    let Some(after_seq) = after_seq.filter(|after_seq| *after_seq != head) else { return Ok(head) };
    if after_seq > head {
        let text = format!("the workspace has no such change yet; its newest is {head}");
        return Err(Failure::invalid("after_seq", text).into());
    }
    let oldest_seq = activity::oldest(&mut tx, workspace).await?.unwrap_or(head + 1);
    if oldest_seq > after_seq + 1 {
        return Err(Error::CursorExpired { after_seq, oldest_seq });
    }
    Ok(after_seq)
}
