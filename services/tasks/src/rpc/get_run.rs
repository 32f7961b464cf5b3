//! GetRun: reads a run.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetRunRequest, GetRunResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view_limits};
use crate::store::{park, run};

pub(super) async fn get_run(api: &Api, request: Request<GetRunRequest>) -> Result<GetRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::run(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let run = run::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    let parks = park::list_for(&mut tx, workspace, std::slice::from_ref(&run)).await?;
    Ok(GetRunResponse { run: Some(view_limits::run(&run, &parks)) })
}
