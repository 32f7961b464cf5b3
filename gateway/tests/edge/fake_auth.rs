//! Identity's part of the services behind the edge: each bearer that begins as ours is good until it is revoked.

use std::sync::atomic::Ordering;

use mc_chassis::Failure;
use mc_chassis::auth::Role;
use mc_proto::identity::v1::auth_service_server::AuthService;
use mc_proto::identity::v1::*;
use tonic::{Request, Response, Status};

use crate::fake::Fake;

#[tonic::async_trait]
impl AuthService for Fake {
    async fn exchange_token(
        &self,
        request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        let message = request.into_inner();
        self.0.exchanges.fetch_add(1, Ordering::SeqCst);
        if self.0.revoked.load(Ordering::SeqCst) || !message.token.starts_with("mc_") {
            return Err(Failure::unauthenticated("the token is not known").into());
        }
        if message.workspace == "workspaces/other" {
            return Err(Failure::not_found("workspaces/other").into());
        }
        let caller_token = match (&*self.0.tokens.lock().expect("lock"), message.workspace.rsplit('/').next())
        {
            (Some(tokens), Some(id)) => {
                let workspace = id.parse().unwrap_or_default();
                tokens.token(uuid::Uuid::from_u128(1), workspace, Role::Viewer)
            }
            _ => format!("caller.{}.{}", message.token, message.workspace.replace('/', ".")),
        };
        let expire_time = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
        Ok(Response::new(ExchangeTokenResponse { caller_token, expire_time }))
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        self.take("SignIn", request)?;
        Ok(Response::new(SignInResponse::default()))
    }

    async fn create_sign_in_code(
        &self,
        request: Request<CreateSignInCodeRequest>,
    ) -> Result<Response<CreateSignInCodeResponse>, Status> {
        self.take("CreateSignInCode", request)?;
        Ok(Response::new(CreateSignInCodeResponse::default()))
    }

    async fn exchange_sign_in_code(
        &self,
        request: Request<ExchangeSignInCodeRequest>,
    ) -> Result<Response<ExchangeSignInCodeResponse>, Status> {
        self.take("ExchangeSignInCode", request)?;
        Ok(Response::new(ExchangeSignInCodeResponse::default()))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        panic!("a handler that panics")
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        self.take("SignOut", request)?;
        Ok(Response::new(SignOutResponse {}))
    }

    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<GetMeResponse>, Status> {
        self.take("GetMe", request)?;
        std::future::pending().await
    }

    async fn delegate_token(
        &self,
        _: Request<DelegateTokenRequest>,
    ) -> Result<Response<DelegateTokenResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn list_caller_keys(
        &self,
        _: Request<ListCallerKeysRequest>,
    ) -> Result<Response<ListCallerKeysResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }
}
