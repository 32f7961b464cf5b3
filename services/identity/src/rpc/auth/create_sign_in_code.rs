//! CreateSignInCode: makes a code that signs the caller in once, elsewhere.

use mc_chassis::auth::{Caller, Person};
use mc_chassis::names;
use mc_proto::identity::v1::{CreateSignInCodeRequest, CreateSignInCodeResponse};

use crate::domain::bearer::{Bearer, Kind};
use crate::domain::sign_in_code::{Code, Maker, TTL};
use crate::error::Error;
use crate::rpc::{Identity, convert, person};
use crate::store::{audit, scope, sign_in_codes};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    _: CreateSignInCodeRequest,
) -> Result<CreateSignInCodeResponse, Error> {
    let Person { user, workspace, scopes, session, .. } = person(caller)?;
    if !scopes.is_empty() {
        return Err(Error::TokenNarrowed);
    }
    let now = identity.ambient.clock.now();
    let bearer = Bearer::issue(Kind::SignInCode, &identity.ambient.ids);
    let maker = Maker { id: *session, workspace: *workspace };
    let code = Code { user: *user, maker, expire_time: now + TTL, use_time: None, reuse_time: None };
    let event = identity.event(caller, "signInCode.create", names::user(*user), "");

    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, *user).await?;
    // A caller token outlives its bearer by up to half a minute: enough to turn a revoked one into a session of thirty days.
    sign_in_codes::lock_maker(&mut tx, maker, now).await?.ok_or(Error::TokenRevoked)?;
    sign_in_codes::insert(&mut tx, &bearer, &code, now).await?;
    audit::note_of_person(&mut tx, *user, &event, &identity.ambient.ids).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(CreateSignInCodeResponse {
        code: bearer.reveal().to_owned(),
        expire_time: Some(convert::timestamp(code.expire_time)),
    })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::testing::TestAuth;
    use mc_proto::identity::v1::{ApiToken, CreateApiTokenRequest, RevokeApiTokenRequest, SignOutRequest};
    use tonic::Code as Status;
    use uuid::Uuid;

    use crate::testing::{ADA, EMAIL, Fixture, NOW, PASSWORD, WORKSPACE, outcome, parent, with_bearer};

    use super::*;

    async fn create(
        fixture: &Fixture,
        bearer: &str,
    ) -> Result<CreateSignInCodeResponse, mc_chassis::Failure> {
        let caller = fixture.exchange(bearer, "").await.expect("exchange");
        let request = with_bearer(&caller, CreateSignInCodeRequest {});
        outcome(fixture.real_auth_client().create_sign_in_code(request).await)
    }

    async fn token(fixture: &Fixture, scopes: &[&str]) -> (String, String) {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let api_token = Some(ApiToken { display_name: "ci".into(), scopes, ..Default::default() });
        let request = CreateApiTokenRequest { parent: parent(), api_token };
        let reply = outcome(fixture.tokens().create_api_token(fixture.ada(request)).await).expect("create");
        (reply.secret, reply.api_token.expect("token").name)
    }

    #[tokio::test]
    async fn session_and_whole_token_make_codes_that_are_kept_as_hashes() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let (token, _) = token(&fixture, &[]).await;
        for bearer in [&session.session_token, &token] {
            let reply = create(&fixture, bearer).await.expect("create");
            assert!(reply.code.starts_with("mc_otc_") && reply.code.len() == 50, "256 bits");
            assert_eq!(reply.expire_time.expect("time").seconds, NOW.unix_timestamp() + 600);
            let rows: Vec<String> =
                sqlx::query_scalar("SELECT row_to_json(c)::text FROM identity.sign_in_code c")
                    .fetch_all(&fixture.kit.admin())
                    .await
                    .expect("rows");
            assert!(rows.iter().all(|row| !row.contains(&reply.code[7..])));
        }
        let told = fixture.audited("signInCode.create").await;
        assert_eq!(told, vec![(WORKSPACE, format!("users/{ADA}")); 2], "where Ada is a member");
    }

    #[tokio::test]
    async fn narrowed_token_makes_none() {
        let fixture = Fixture::populated().await;
        let (narrowed, _) = token(&fixture, &["tasks.*"]).await;
        let failure = create(&fixture, &narrowed).await.expect_err("narrowed");
        assert_eq!((failure.code(), failure.reason()), (Status::PermissionDenied, "TOKEN_NARROWED"));
    }

    #[tokio::test]
    async fn bearer_that_was_taken_back_makes_none_although_its_caller_token_lives() {
        let fixture = Fixture::populated().await;
        let (token, name) = token(&fixture, &[]).await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let of_token = fixture.exchange(&token, "").await.expect("exchange");
        let of_session = fixture.exchange(&session.session_token, "").await.expect("exchange");
        let revoke = RevokeApiTokenRequest { name };
        outcome(fixture.tokens().revoke_api_token(fixture.ada(revoke)).await).expect("revoke");
        let sign_out = with_bearer(&of_session, SignOutRequest {});
        outcome(fixture.real_auth_client().sign_out(sign_out).await).expect("sign out");
        for caller in [of_token, of_session] {
            let request = with_bearer(&caller, CreateSignInCodeRequest {});
            let failure = outcome(fixture.real_auth_client().create_sign_in_code(request).await);
            assert_eq!(failure.expect_err("taken back").reason(), "TOKEN_REVOKED");
        }
    }

    #[tokio::test]
    async fn only_people_make_codes() {
        let fixture = Fixture::populated().await;
        let run = TestAuth::run(WORKSPACE, Uuid::from_u128(7), ADA);
        let of_run =
            fixture.auth.service("tasks").request_for_run("identity", &run, CreateSignInCodeRequest {});
        let of_service = fixture.auth.service("gateway").request("identity", CreateSignInCodeRequest {});
        for request in [of_run, of_service] {
            let failure = outcome(fixture.auth_client().create_sign_in_code(request).await);
            assert_eq!(failure.expect_err("no person").code(), Status::PermissionDenied);
        }
        let nobody = outcome(fixture.auth_client().create_sign_in_code(CreateSignInCodeRequest {}).await);
        assert_eq!(nobody.expect_err("nobody").code(), Status::Unauthenticated);
    }
}
