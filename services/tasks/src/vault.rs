//! Identity's credential vault, as far as channels need it: people put secrets into it, and the dispatcher takes them out.

use mc_chassis::auth::{ServiceIdentity, forward};
use mc_chassis::client::Upstream;
use mc_chassis::{Failure, names, sized};
use mc_proto::identity::v1::credential_service_client::CredentialServiceClient;
use mc_proto::identity::v1::{
    CreateCredentialRequest, Credential, DeleteCredentialRequest, ResolveCredentialRequest,
};
use tonic::metadata::MetadataMap;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::id::WorkspaceId;

/// Characters of a credential's name.
const NAME_CHARS: usize = 80;

/// The vault on behalf of the person whose call carried the metadata; it checks what that person may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vault<'a> {
    pub(crate) identity: &'a Upstream,
    pub(crate) metadata: &'a MetadataMap,
    pub(crate) workspace: WorkspaceId,
}

impl Vault<'_> {
    /// Puts a secret in, under a name that people can tell what it is for.
    pub(crate) async fn put(&self, name: &str, secret: &str) -> Result<Uuid, Failure> {
        let request = CreateCredentialRequest {
            parent: format!("workspaces/{}", self.workspace),
            credential: Some(Credential {
                display_name: name.chars().take(NAME_CHARS).collect(),
                ..Credential::default()
            }),
            secret: secret.to_owned(),
            request_id: String::new(),
        };
        let reply = sized!(CredentialServiceClient::new(self.identity.unary()))
            .create_credential(forward(self.metadata, request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        let name = reply.into_inner().credential.unwrap_or_default().name;
        let [_, credential] = names::parse("credential.name", "workspaces/*/credentials/*", &name)?;
        Ok(credential)
    }

    /// Takes secrets out for good that nothing refers to any more. One that stays behind harms nobody, so this does not fail.
    pub(crate) async fn forget(&self, credentials: impl IntoIterator<Item = Uuid>) {
        for credential in credentials {
            let name = format!("workspaces/{}/credentials/{credential}", self.workspace);
            let deleted = sized!(CredentialServiceClient::new(self.identity.unary()))
                .delete_credential(forward(self.metadata, DeleteCredentialRequest { name }))
                .await;
            if let Err(status) = deleted {
                let failure = Failure::from_status(&status);
                tracing::warn!(%failure, %credential, "delete a credential that no channel needs any more");
            }
        }
    }
}

/// Hands out a secret for its use; identity writes that into its audit trail.
pub(crate) async fn open(
    identity: &Upstream,
    service: &ServiceIdentity,
    workspace: Uuid,
    credential: Uuid,
    purpose: String,
) -> Result<Zeroizing<String>, Failure> {
    let name = format!("workspaces/{workspace}/credentials/{credential}");
    let request = service.request_in(identity.name(), workspace, ResolveCredentialRequest { name, purpose });
    let reply = sized!(CredentialServiceClient::new(identity.unary()))
        .resolve_credential(request)
        .await
        .map_err(|status| Failure::from_status(&status))?;
    Ok(Zeroizing::new(reply.into_inner().secret))
}
