//! The cache of caller tokens: who is asked how often, and how soon a revocation counts.

use std::sync::atomic::AtomicUsize;

use mc_chassis::auth::SigningKey;
use mc_chassis::clock::{Clock, FixedClock};
use mc_proto::identity::v1::auth_service_server::AuthServiceServer;
use mc_proto::identity::v1::*;
use time::macros::datetime;
use tonic::{Request, Response, Status};
use tower::util::BoxCloneSyncService;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-23 08:00 UTC);

/// Identity as far as the edge knows it. Tokens that start with `bad` are refused.
#[derive(Debug, Clone)]
struct Identity {
    asked: Arc<AtomicUsize>,
    clock: Arc<FixedClock>,
    lifetime: Arc<Mutex<Duration>>,
    revoked: Arc<Mutex<bool>>,
    gate: Arc<tokio::sync::Semaphore>,
}

#[tonic::async_trait]
impl auth_service_server::AuthService for Identity {
    async fn exchange_token(
        &self,
        request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        assert!(request.metadata().contains_key("x-mc-service"), "the edge names itself");
        let _open = self.gate.acquire().await.expect("open");
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let message = request.into_inner();
        if message.token.starts_with("bad") || *self.revoked.lock().expect("lock") {
            return Err(Failure::unauthenticated("unknown token").into());
        }
        let expiry = self.clock.now() + *self.lifetime.lock().expect("lock");
        Ok(Response::new(ExchangeTokenResponse {
            caller_token: format!("{}.{}.{count}", message.token, message.workspace.replace('/', ".")),
            expire_time: Some(prost_types::Timestamp { seconds: expiry.unix_timestamp(), nanos: 0 }),
        }))
    }

    async fn sign_in(&self, _: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn create_sign_in_code(
        &self,
        _: Request<CreateSignInCodeRequest>,
    ) -> Result<Response<CreateSignInCodeResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn exchange_sign_in_code(
        &self,
        _: Request<ExchangeSignInCodeRequest>,
    ) -> Result<Response<ExchangeSignInCodeResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn refresh(&self, _: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn sign_out(&self, _: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Result<Response<GetMeResponse>, Status> {
        Err(Status::unimplemented("not part of this test"))
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

fn rig() -> (Arc<Authenticator>, Identity) {
    let clock = FixedClock::at(NOW);
    let identity = Identity {
        asked: Arc::default(),
        clock: clock.clone(),
        lifetime: Arc::new(Mutex::new(Duration::minutes(5))),
        revoked: Arc::default(),
        gate: Arc::new(tokio::sync::Semaphore::new(1_000)),
    };
    let server = tonic::service::Routes::new(AuthServiceServer::new(identity.clone())).prepare();
    let channel: Channel = BoxCloneSyncService::new(
        tower::ServiceExt::<http::Request<tonic::body::Body>>::map_err(server, |never| match never {}),
    );
    let service = ServiceIdentity::new("gateway", SigningKey::from_seed([7; 32]), clock.clone());
    (Arc::new(Authenticator::new(channel, service, clock)), identity)
}

async fn ask(
    auth: &Authenticator,
    bearer: &str,
    workspace: &str,
    freshness: Freshness,
) -> Result<String, Failure> {
    auth.authorization(bearer, workspace, freshness)
        .await
        .map(|value| value.to_str().expect("ASCII").to_owned())
}

#[tokio::test]
async fn token_is_kept_per_bearer_and_workspace() {
    let (auth, identity) = rig();
    for _ in 0..3 {
        assert_eq!(
            ask(&auth, "t", "workspaces/a", Freshness::Call).await.expect("known"),
            "Bearer t.workspaces.a.1"
        );
    }
    assert_eq!(
        ask(&auth, "t", "workspaces/b", Freshness::Call).await.expect("known"),
        "Bearer t.workspaces.b.2"
    );
    assert_eq!(
        ask(&auth, "u", "workspaces/a", Freshness::Call).await.expect("known"),
        "Bearer u.workspaces.a.3"
    );
    assert_eq!(identity.asked.load(Ordering::SeqCst), 3);
    let printed = format!("{auth:?}");
    assert!(!printed.contains("Bearer t") && !printed.contains("t.workspaces"), "{printed}");
}

#[tokio::test]
async fn revocation_counts_at_the_bound_and_for_streams_at_half_of_it() {
    let (auth, identity) = rig();
    ask(&auth, "t", "", Freshness::Call).await.expect("known");
    *identity.revoked.lock().expect("lock") = true;
    identity.clock.advance(STREAM_RECHECK - Duration::milliseconds(1));
    ask(&auth, "t", "", Freshness::Stream).await.expect("still fresh for a stream");
    identity.clock.advance(Duration::milliseconds(1));
    ask(&auth, "t", "", Freshness::Call).await.expect("still fresh for a call");
    assert_eq!(
        ask(&auth, "t", "", Freshness::Stream).await.expect_err("asked again").reason(),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        ask(&auth, "t", "", Freshness::Call).await.expect_err("forgotten").reason(),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn call_uses_a_token_until_the_bound_and_not_at_it() {
    let (auth, identity) = rig();
    ask(&auth, "t", "", Freshness::Call).await.expect("known");
    *identity.revoked.lock().expect("lock") = true;
    identity.clock.advance(REVOCATION_BOUND - Duration::milliseconds(1));
    ask(&auth, "t", "", Freshness::Call).await.expect("within the bound");
    identity.clock.advance(Duration::milliseconds(1));
    ask(&auth, "t", "", Freshness::Call).await.expect_err("at the bound");
}

#[tokio::test]
async fn token_is_not_used_close_to_its_end_nor_after_the_clock_was_set_back() {
    let (auth, identity) = rig();
    *identity.lifetime.lock().expect("lock") = Duration::seconds(15);
    ask(&auth, "t", "", Freshness::Call).await.expect("known");
    identity.clock.advance(Duration::seconds(5));
    assert_eq!(ask(&auth, "t", "", Freshness::Call).await.expect("renewed"), "Bearer t..2");
    identity.clock.advance(Duration::seconds(-60));
    assert_eq!(ask(&auth, "t", "", Freshness::Call).await.expect("renewed"), "Bearer t..3");
}

#[tokio::test]
async fn many_at_once_ask_once_and_share_the_answer() {
    for bearer in ["good", "bad"] {
        let (auth, identity) = rig();
        let closed = identity.gate.acquire_many(1_000).await.expect("open");
        let calls = futures::future::join_all((0..50).map(|_| ask(&auth, bearer, "", Freshness::Call)));
        let (answers, ()) = tokio::join!(calls, async {
            tokio::task::yield_now().await;
            drop(closed);
        });
        assert!(answers.iter().all(|answer| answer.is_ok() == (bearer == "good")), "{answers:?}");
        assert_eq!(identity.asked.load(Ordering::SeqCst), 1, "{bearer}");
    }
}

#[tokio::test]
async fn refused_bearers_take_no_place_and_absurd_ones_are_not_even_asked_about() {
    let (auth, identity) = rig();
    for number in 0..10 {
        ask(&auth, &format!("bad{number}"), "", Freshness::Call).await.expect_err("refused");
    }
    assert!(auth.slots.lock().expect("lock").is_empty());
    for bearer in ["", "a b", "é", &"t".repeat(MAX_BEARER_BYTES + 1)] {
        assert_eq!(ask(&auth, bearer, "", Freshness::Call).await.expect_err("refused"), refusal());
    }
    assert_eq!(identity.asked.load(Ordering::SeqCst), 10);
    ask(&auth, &"t".repeat(MAX_BEARER_BYTES), "", Freshness::Call).await.expect("the longest that is taken");
}

#[test]
fn bearer_is_read_whatever_the_case_of_its_scheme() {
    assert_eq!(bearer("Bearer x"), Some("x"));
    assert_eq!(bearer("bearer  x "), Some("x"));
    assert_eq!(bearer("Basic x"), None);
    assert_eq!(bearer("x"), None);
}
