//! CredentialService: secrets that people write and only services read.

mod create;
mod delete;
mod get;
mod list;
mod resolve;
mod rotate;

use mc_proto::identity::v1 as pb;
use pb::credential_service_server::CredentialService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Identity, serve};
use crate::vault::Place;

const CREDENTIAL: &str = "workspaces/*/credentials/*";

/// Where a credential's secret is stored; the names are those of the schema.
fn place<'a>(workspace: &'a str, credential: &'a str) -> Place<'a> {
    Place { workspace, table: "credential", record: credential, field: "secret" }
}

/// Seals a secret for its row.
fn seal(identity: &Identity, workspace: Uuid, id: Uuid, secret: &str) -> crate::vault::Sealed {
    let (workspace, id) = (workspace.to_string(), id.to_string());
    crate::vault::Sealed::seal(
        &identity.ring,
        &identity.ambient.ids,
        place(&workspace, &id),
        secret.as_bytes(),
    )
}

#[tonic::async_trait]
impl CredentialService for Identity {
    async fn create_credential(
        &self,
        request: Request<pb::CreateCredentialRequest>,
    ) -> Result<Response<pb::CreateCredentialResponse>, Status> {
        serve!(self, request, create::handle)
    }

    async fn get_credential(
        &self,
        request: Request<pb::GetCredentialRequest>,
    ) -> Result<Response<pb::GetCredentialResponse>, Status> {
        serve!(self, request, get::handle)
    }

    async fn list_credentials(
        &self,
        request: Request<pb::ListCredentialsRequest>,
    ) -> Result<Response<pb::ListCredentialsResponse>, Status> {
        serve!(self, request, list::handle)
    }

    async fn rotate_credential(
        &self,
        request: Request<pb::RotateCredentialRequest>,
    ) -> Result<Response<pb::RotateCredentialResponse>, Status> {
        serve!(self, request, rotate::handle)
    }

    async fn delete_credential(
        &self,
        request: Request<pb::DeleteCredentialRequest>,
    ) -> Result<Response<pb::DeleteCredentialResponse>, Status> {
        serve!(self, request, delete::handle)
    }

    async fn resolve_credential(
        &self,
        request: Request<pb::ResolveCredentialRequest>,
    ) -> Result<Response<pb::ResolveCredentialResponse>, Status> {
        serve!(self, request, resolve::handle)
    }
}
