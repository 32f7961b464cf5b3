//! DeleteCredential: deletes a credential with its secret.

use mc_chassis::auth::Caller;
use mc_proto::identity::v1::{DeleteCredentialRequest, DeleteCredentialResponse};

use super::CREDENTIAL;
use crate::error::Error;
use crate::rpc::{Identity, resource_of};
use crate::store::{audit, credentials};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: DeleteCredentialRequest,
) -> Result<DeleteCredentialResponse, Error> {
    let (workspace, id) = resource_of(caller, CREDENTIAL, &request.name)?;
    let mut tx = identity.database.begin(workspace).await?;
    if !credentials::delete(&mut tx, workspace, id).await? {
        return Err(Error::NotFound(request.name));
    }
    let event = identity.event(caller, "credential.delete", request.name, "");
    audit::note(&mut tx, workspace, &event).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(DeleteCredentialResponse {})
}
