//! GetWorkspace: reads one tenant.

use mc_chassis::auth::Caller;
use mc_chassis::names;
use mc_proto::identity::v1::{GetWorkspaceRequest, GetWorkspaceResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::workspaces;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: GetWorkspaceRequest,
) -> Result<GetWorkspaceResponse, Error> {
    let [id] = names::parse("name", "workspaces/*", &request.name)?;
    caller.in_workspace(id)?;
    let mut tx = identity.database.read(id).await?;
    let workspace = workspaces::read(&mut tx, id).await?.ok_or(Error::NotFound(request.name))?;
    Ok(GetWorkspaceResponse { workspace: Some(convert::workspace(workspace)) })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use crate::testing::{Fixture, fields, outcome, parent};

    use super::*;

    #[tokio::test]
    async fn members_read_it_and_others_find_nothing() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.workspaces();
        let request = |name: &str| GetWorkspaceRequest { name: name.into() };
        let read = outcome(client.get_workspace(fixture.ada(request(&parent()))).await).expect("get");
        assert_eq!(read.workspace.expect("workspace").name, parent());
        let failure =
            outcome(client.get_workspace(fixture.bob(request(&parent()))).await).expect_err("foreign");
        assert_eq!(failure.code(), Code::NotFound);
        let failure =
            outcome(client.get_workspace(fixture.ada(request("home"))).await).expect_err("malformed");
        assert_eq!(fields(&failure), ["name"]);
    }
}
