//! ApiTokenService: bearers for programs.

mod create;
mod list;
mod revoke;

use mc_proto::identity::v1 as pb;
use pb::api_token_service_server::ApiTokenService;
use tonic::{Request, Response, Status};

use super::{Identity, serve};

#[tonic::async_trait]
impl ApiTokenService for Identity {
    async fn create_api_token(
        &self,
        request: Request<pb::CreateApiTokenRequest>,
    ) -> Result<Response<pb::CreateApiTokenResponse>, Status> {
        serve!(self, request, create::handle)
    }

    async fn list_api_tokens(
        &self,
        request: Request<pb::ListApiTokensRequest>,
    ) -> Result<Response<pb::ListApiTokensResponse>, Status> {
        serve!(self, request, list::handle)
    }

    async fn revoke_api_token(
        &self,
        request: Request<pb::RevokeApiTokenRequest>,
    ) -> Result<Response<pb::RevokeApiTokenResponse>, Status> {
        serve!(self, request, revoke::handle)
    }
}
