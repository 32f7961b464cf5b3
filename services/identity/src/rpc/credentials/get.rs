//! GetCredential: what is known about a credential, never the secret.

use mc_chassis::auth::Caller;
use mc_proto::identity::v1::{GetCredentialRequest, GetCredentialResponse};

use super::CREDENTIAL;
use crate::error::Error;
use crate::rpc::{Identity, convert, resource_of};
use crate::store::credentials;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: GetCredentialRequest,
) -> Result<GetCredentialResponse, Error> {
    let (workspace, id) = resource_of(caller, CREDENTIAL, &request.name)?;
    let mut tx = identity.database.read(workspace).await?;
    let credential = credentials::read(&mut tx, workspace, id).await?.ok_or(Error::NotFound(request.name))?;
    Ok(GetCredentialResponse { credential: Some(convert::credential(credential)) })
}
