//! The server's gate: no RPC of the contract is reached without the permission that the contract asks for.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::Failure;
use crate::auth::{Caller, Verifier};

/// Puts the gate in front of a service.
#[derive(Debug, Clone)]
pub struct AuthLayer(Arc<Verifier>);

impl AuthLayer {
    /// A gate that verifies callers with `verifier`.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { inner, verifier: self.0.clone() }
    }
}

/// The gate.
#[derive(Debug, Clone)]
pub struct Auth<S> {
    inner: S,
    verifier: Arc<Verifier>,
}

impl<S> Service<http::Request<Body>> for Auth<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The clone that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let verifier = self.verifier.clone();
        Box::pin(async move {
            // What the contract does not know (health, reflection) carries no data of anybody's.
            match mc_proto::rpc::permissions().get(request.uri().path()).map(String::as_str) {
                None | Some("public") => {}
                Some(permission) => match admit(&verifier, request.headers(), permission).await {
                    Ok(caller) => {
                        request.extensions_mut().insert(caller);
                    }
                    Err(failure) => return Ok(Status::from(failure).into_http()),
                },
            }
            inner.call(request).await
        })
    }
}

async fn admit(verifier: &Verifier, headers: &http::HeaderMap, permission: &str) -> Result<Caller, Failure> {
    let caller = verifier.caller(headers).await?;
    if permission == "authenticated" || caller.may(permission) {
        Ok(caller)
    } else {
        Err(Failure::permission_denied(permission))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use time::macros::datetime;
    use tonic::Code;
    use tower::ServiceExt;
    use uuid::Uuid;

    use super::*;
    use crate::auth::testing::TestAuth;
    use crate::auth::{Role, SERVICE_HEADER};
    use crate::clock::FixedClock;

    const USER: Uuid = Uuid::from_u128(1);
    const WORKSPACE: Uuid = Uuid::from_u128(2);
    const START_TASK: &str = "/missioncontrol.tasks.v1.TaskService/StartTask";

    fn auth() -> (TestAuth, Arc<FixedClock>) {
        let clock = FixedClock::at(datetime!(2026-01-01 0:00 UTC));
        (TestAuth::new(clock.clone()), clock)
    }

    /// Calls `path` at the tasks service and tells who the handler saw, or why it was not reached.
    async fn call(
        auth: &TestAuth,
        path: &str,
        header: Option<(&str, String)>,
    ) -> Result<Option<Caller>, Code> {
        let handler = tower::service_fn(|request: http::Request<Body>| async move {
            let mut response = http::Response::new(Body::empty());
            if let Some(caller) = request.extensions().get::<Caller>() {
                response.extensions_mut().insert(caller.clone());
            }
            Ok::<_, Infallible>(response)
        });
        let gate = AuthLayer::new(auth.verifier("tasks")).layer(handler);
        let mut request = http::Request::builder().uri(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = gate.oneshot(request.body(Body::empty()).expect("request")).await.expect("infallible");
        match Status::from_header_map(response.headers()) {
            Some(status) => Err(status.code()),
            None => Ok(response.extensions().get::<Caller>().cloned()),
        }
    }

    fn bearer(token: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {token}"))
    }

    #[tokio::test]
    async fn only_a_caller_with_the_permission_reaches_the_handler() {
        let (auth, clock) = auth();
        let operator = auth.token(USER, WORKSPACE, Role::Operator);
        let seen = call(&auth, START_TASK, Some(bearer(&operator))).await.expect("admitted").expect("caller");
        assert_eq!((seen.workspace(), seen.actor()), (Some(WORKSPACE), format!("users/{USER}")));

        let viewer = auth.token(USER, WORKSPACE, Role::Viewer);
        assert_eq!(call(&auth, START_TASK, Some(bearer(&viewer))).await, Err(Code::PermissionDenied));
        assert_eq!(call(&auth, START_TASK, None).await, Err(Code::Unauthenticated));
        assert_eq!(call(&auth, START_TASK, Some(bearer("nonsense"))).await, Err(Code::Unauthenticated));
        assert_eq!(
            call(&auth, START_TASK, Some(("authorization", operator.clone()))).await,
            Err(Code::Unauthenticated)
        );

        clock.advance(time::Duration::minutes(5));
        assert_eq!(call(&auth, START_TASK, Some(bearer(&operator))).await, Err(Code::Unauthenticated));
    }

    #[tokio::test]
    async fn remembered_token_is_still_refused_once_it_has_expired() {
        let (auth, clock) = auth();
        let verifier = auth.verifier("tasks");
        let mut headers = http::HeaderMap::new();
        let token = auth.token(USER, WORKSPACE, Role::Viewer);
        headers.insert("authorization", format!("Bearer {token}").parse().expect("ascii"));
        verifier.caller(&headers).await.expect("fresh");
        verifier.caller(&headers).await.expect("remembered");
        clock.advance(time::Duration::minutes(5));
        verifier.caller(&headers).await.expect_err("expired");
    }

    #[tokio::test]
    async fn service_token_is_good_for_its_audience_alone() {
        let (auth, _) = auth();
        let token = |audience: &str| {
            let request = auth.service("gateway").request(audience, ());
            let value =
                request.metadata().get(SERVICE_HEADER).expect("header").to_str().expect("ascii").to_owned();
            Some((SERVICE_HEADER, value))
        };
        // The gateway is known here, and may not start tasks on its own account.
        assert_eq!(call(&auth, START_TASK, token("tasks")).await, Err(Code::PermissionDenied));
        assert_eq!(call(&auth, START_TASK, token("llm")).await, Err(Code::Unauthenticated));
    }

    #[tokio::test]
    async fn run_assertion_of_another_service_is_refused() {
        let (auth, clock) = auth();
        let run = TestAuth::run(WORKSPACE, Uuid::from_u128(3), USER);
        let request = auth.service("tasks").request_for_run("llm", &run, ());
        let caller =
            auth.verifier("llm").caller(request.metadata().as_ref()).await.expect("tasks asserts its run");
        assert_eq!(caller, Caller::Run(run));
        clock.advance(time::Duration::minutes(2));
        auth.verifier("llm").caller(request.metadata().as_ref()).await.expect_err("expired");
    }

    #[tokio::test]
    async fn what_the_contract_does_not_know_and_what_is_public_passes_without_a_caller() {
        let (auth, _) = auth();
        assert_eq!(call(&auth, "/grpc.health.v1.Health/Check", None).await, Ok(None));
        assert_eq!(call(&auth, "/missioncontrol.identity.v1.AuthService/SignIn", None).await, Ok(None));
    }
}
