//! ListRunCommands: the orders that people gave to a run, with their receipts, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListRunCommandsRequest, ListRunCommandsResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view_people};
use crate::store::{mailbox, run};

pub(super) async fn list_run_commands(
    api: &Api,
    request: Request<ListRunCommandsRequest>,
) -> Result<ListRunCommandsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::run(&caller, "parent", &request.parent)?;
    let page = Page::<i64>::parse(request.page_size, &request.page_token)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    run::get(&mut tx, id).await?.ok_or(Error::NotFound(request.parent))?;
    let mut commands = mailbox::orders(&mut tx, id, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut commands, |command| command.number);
    Ok(ListRunCommandsResponse {
        commands: commands.iter().map(view_people::command).collect(),
        next_page_token,
    })
}
