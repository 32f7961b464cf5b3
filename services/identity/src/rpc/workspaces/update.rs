//! UpdateWorkspace: changes a tenant's settings.

use mc_chassis::auth::Caller;
use mc_chassis::error::{Violations, both};
use mc_chassis::{Failure, names};
use mc_proto::identity::v1::{UpdateWorkspaceRequest, UpdateWorkspaceResponse};

use crate::domain::text::display_name;
use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::workspaces;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: UpdateWorkspaceRequest,
) -> Result<UpdateWorkspaceResponse, Error> {
    let given = request.workspace.unwrap_or_default();
    let id = names::parse("workspace.name", "workspaces/*", &given.name);
    let mask = check_mask(&request.update_mask.unwrap_or_default().paths);
    let name = display_name("workspace.display_name", &given.display_name).map_err(Failure::from);
    let ([id], _) = both(id, both(mask, name))?;
    caller.in_workspace(id)?;

    let mut tx = identity.database.begin(id).await?;
    let Some(current) = workspaces::lock(&mut tx, id).await? else { return Err(Error::NotFound(given.name)) };
    if !given.etag.is_empty() && given.etag != current.etag() {
        return Err(Error::EtagMismatch(given.name));
    }
    let workspace = if current.display_name == given.display_name {
        current
    } else {
        workspaces::rename(&mut tx, id, &given.display_name, identity.ambient.clock.now()).await?
    };
    tx.commit().await?;
    Ok(UpdateWorkspaceResponse { workspace: Some(convert::workspace(workspace)) })
}

/// One field may change, so every accepted mask means the same.
fn check_mask(paths: &[String]) -> Result<(), Failure> {
    let mut violations = Violations::default();
    for path in paths.iter().filter(|path| *path != "display_name") {
        let path: String = path.chars().take(40).collect();
        violations.add("update_mask", format!("{path:?} cannot be changed; display_name can"));
    }
    violations.into_result().map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{ADA, Fixture, WORKSPACE, fields, outcome, parent};

    use super::*;

    fn message(name: &str, display_name: &str, etag: &str, paths: &[&str]) -> UpdateWorkspaceRequest {
        let workspace = pb::Workspace {
            name: name.into(),
            display_name: display_name.into(),
            etag: etag.into(),
            ..Default::default()
        };
        let paths = paths.iter().map(ToString::to_string).collect();
        UpdateWorkspaceRequest {
            workspace: Some(workspace),
            update_mask: Some(prost_types::FieldMask { paths }),
        }
    }

    #[tokio::test]
    async fn name_changes_with_a_fresh_etag_alone() {
        let fixture = Fixture::populated().await;
        let update =
            async |request| outcome(fixture.workspaces().update_workspace(fixture.ada(request)).await);
        let changed = update(message(&parent(), "Lab", "r1", &["display_name"])).await.expect("update");
        let changed = changed.workspace.expect("workspace");
        assert_eq!((changed.display_name.as_str(), changed.etag.as_str()), ("Lab", "r2"));
        let failure = update(message(&parent(), "Den", "r1", &[])).await.expect_err("stale");
        assert_eq!((failure.code(), failure.reason()), (Code::Aborted, "ETAG_MISMATCH"));
        let same =
            update(message(&parent(), "Lab", "", &[])).await.expect("update").workspace.expect("workspace");
        assert_eq!(same.etag, "r2", "nothing changed");
    }

    #[tokio::test]
    async fn every_broken_rule_is_named_and_only_admins_update() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.workspaces();
        let request = fixture.ada(message("x", "", "", &["name", "display_name"]));
        let failure = outcome(client.update_workspace(request).await).expect_err("broken");
        assert_eq!(fields(&failure), ["workspace.name", "update_mask", "workspace.display_name"]);
        let request =
            fixture.auth.request(ADA, WORKSPACE, Role::Operator, message(&parent(), "Lab", "", &[]));
        let failure = outcome(client.update_workspace(request).await).expect_err("operator");
        assert_eq!(failure.code(), Code::PermissionDenied);
        let failure = outcome(client.update_workspace(fixture.bob(message(&parent(), "Lab", "", &[]))).await);
        assert_eq!(failure.expect_err("foreign").code(), Code::NotFound);
    }
}
