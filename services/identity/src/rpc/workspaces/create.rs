//! CreateWorkspace: makes a tenant; the caller becomes its owner.

use mc_chassis::Failure;
use mc_chassis::auth::{Caller, Role};
use mc_chassis::error::both;
use mc_chassis::idempotency::{self, Key};
use mc_proto::identity::v1::{CreateWorkspaceRequest, CreateWorkspaceResponse};

use crate::domain::text::display_name;
use crate::error::Error;
use crate::rpc::{Identity, convert, person};
use crate::store::{scope, workspaces};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: CreateWorkspaceRequest,
) -> Result<CreateWorkspaceResponse, Error> {
    let person = person(caller)?;
    // A call bound to a workspace, as an API token's always is, has no say outside it.
    if person.workspace.is_some() {
        return Err(Error::SessionNeeded);
    }
    let name = request.workspace.clone().unwrap_or_default().display_name;
    both(
        display_name("workspace.display_name", &name).map_err(Failure::from),
        idempotency::check(&request.request_id),
    )?;

    let now = identity.ambient.clock.now();
    let id = identity.ambient.ids.uuid();
    let actor = caller.actor();
    let key = Key {
        schema: &crate::SCHEMA,
        workspace: None,
        actor: &actor,
        operation: "CreateWorkspace",
        request_id: &request.request_id,
    };
    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, person.user).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        scope::workspace(tx, Some(id)).await?;
        let workspace = workspaces::insert(tx, id, &name, now).await?;
        workspaces::insert_member(tx, id, person.user, Role::Owner, now).await?;
        // The reply is kept outside any workspace, where a repeated request looks for it.
        scope::workspace(tx, None).await?;
        Ok::<_, Error>(CreateWorkspaceResponse { workspace: Some(convert::workspace(workspace)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{ADA, EMAIL, Fixture, PASSWORD, fields, outcome};

    use super::*;

    fn message(name: &str, request_id: &str) -> CreateWorkspaceRequest {
        let workspace = pb::Workspace { display_name: name.into(), ..Default::default() };
        CreateWorkspaceRequest { workspace: Some(workspace), request_id: request_id.into() }
    }

    #[tokio::test]
    async fn maker_becomes_owner_and_a_repeated_request_makes_one() {
        let fixture = Fixture::populated().await;
        let create = async |request| {
            outcome(fixture.workspaces().create_workspace(fixture.outside(ADA, request)).await)
        };
        let made = create(message("Lab", "r1")).await.expect("create").workspace.expect("workspace");
        assert_eq!((made.display_name.as_str(), made.etag.as_str()), ("Lab", "r1"));
        let again = create(message("Lab", "r1")).await.expect("again").workspace.expect("workspace");
        assert_eq!(again, made);
        let failure = create(message("Lap", "r1")).await.expect_err("another");
        assert_eq!(failure.reason(), "IDEMPOTENCY_KEY_REUSED");
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let caller = fixture.exchange(&session.session_token, &made.name).await.expect("a member now");
        assert_eq!(fixture.opened(&caller).await.person.role, Some(Role::Owner));
    }

    #[tokio::test]
    async fn bound_callers_and_bad_names_are_refused() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.workspaces();
        let failure =
            outcome(client.create_workspace(fixture.ada(message("Lab", ""))).await).expect_err("bound");
        assert_eq!((failure.code(), failure.reason()), (Code::FailedPrecondition, "SESSION_NEEDED"));
        for name in ["", " ", &"n".repeat(81), "a\nb"] {
            let request = fixture.outside(ADA, message(name, "ü"));
            let failure = outcome(client.create_workspace(request).await).expect_err(name);
            assert_eq!(fields(&failure), ["workspace.display_name", "request_id"]);
        }
        outcome(client.create_workspace(fixture.outside(ADA, message(&"n".repeat(80), ""))).await)
            .expect("at the edge");
        let service = fixture.auth.service("llm").request("identity", message("Lab", ""));
        let failure = outcome(client.create_workspace(service).await).expect_err("a service");
        assert_eq!(failure.code(), Code::PermissionDenied);
    }
}
