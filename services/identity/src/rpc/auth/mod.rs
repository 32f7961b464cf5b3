//! AuthService: signing in and out, and turning bearers into caller tokens.

mod create_sign_in_code;
mod delegate_token;
mod exchange_sign_in_code;
mod exchange_token;
mod get_me;
mod list_caller_keys;
mod refresh;
mod sign_in;
mod sign_out;

use mc_proto::identity::v1 as pb;
use pb::auth_service_server::AuthService;
use tonic::{Request, Response, Status};

use super::{Identity, serve};

#[tonic::async_trait]
impl AuthService for Identity {
    async fn sign_in(
        &self,
        request: Request<pb::SignInRequest>,
    ) -> Result<Response<pb::SignInResponse>, Status> {
        let client = sign_in::client_address(request.metadata());
        Ok(Response::new(sign_in::handle(self, client, request.into_inner()).await?))
    }

    async fn create_sign_in_code(
        &self,
        request: Request<pb::CreateSignInCodeRequest>,
    ) -> Result<Response<pb::CreateSignInCodeResponse>, Status> {
        serve!(self, request, create_sign_in_code::handle)
    }

    async fn exchange_sign_in_code(
        &self,
        request: Request<pb::ExchangeSignInCodeRequest>,
    ) -> Result<Response<pb::ExchangeSignInCodeResponse>, Status> {
        Ok(Response::new(exchange_sign_in_code::handle(self, request.into_inner()).await?))
    }

    async fn refresh(
        &self,
        request: Request<pb::RefreshRequest>,
    ) -> Result<Response<pb::RefreshResponse>, Status> {
        Ok(Response::new(refresh::handle(self, request.into_inner()).await?))
    }

    async fn sign_out(
        &self,
        request: Request<pb::SignOutRequest>,
    ) -> Result<Response<pb::SignOutResponse>, Status> {
        serve!(self, request, sign_out::handle)
    }

    async fn get_me(
        &self,
        request: Request<pb::GetMeRequest>,
    ) -> Result<Response<pb::GetMeResponse>, Status> {
        serve!(self, request, get_me::handle)
    }

    async fn exchange_token(
        &self,
        request: Request<pb::ExchangeTokenRequest>,
    ) -> Result<Response<pb::ExchangeTokenResponse>, Status> {
        serve!(self, request, exchange_token::handle)
    }

    async fn delegate_token(
        &self,
        request: Request<pb::DelegateTokenRequest>,
    ) -> Result<Response<pb::DelegateTokenResponse>, Status> {
        serve!(self, request, delegate_token::handle)
    }

    async fn list_caller_keys(
        &self,
        _: Request<pb::ListCallerKeysRequest>,
    ) -> Result<Response<pb::ListCallerKeysResponse>, Status> {
        Ok(Response::new(list_caller_keys::handle(self).await?))
    }
}
