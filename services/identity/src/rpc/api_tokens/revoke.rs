//! RevokeApiToken: ends one of the caller's own tokens, and the sessions that were opened with it.

use mc_chassis::auth::Caller;
use mc_proto::identity::v1::{RevokeApiTokenRequest, RevokeApiTokenResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert, person, resource_of};
use crate::store::{api_tokens, audit, scope, sessions};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: RevokeApiTokenRequest,
) -> Result<RevokeApiTokenResponse, Error> {
    let person = person(caller)?;
    let (workspace, id) = resource_of(caller, "workspaces/*/tokens/*", &request.name)?;
    let now = identity.ambient.clock.now();
    let mut tx = identity.database.begin(workspace).await?;
    let token = api_tokens::revoke(&mut tx, workspace, person.user, id, now).await?;
    let token = token.ok_or(Error::NotFound(request.name))?;
    scope::user(&mut tx, person.user).await?;
    sessions::end_of_token(&mut tx, id, now).await?;
    let event = identity.event(caller, "apiToken.revoke", token.name(), &token.display_name);
    audit::note(&mut tx, workspace, &event).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(RevokeApiTokenResponse { api_token: Some(convert::api_token(token)) })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_chassis::clock::Clock as _;
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{BOB, EMAIL, Fixture, PASSWORD, WORKSPACE, outcome, parent, with_bearer};

    use super::*;

    #[tokio::test]
    async fn revoked_token_fails_at_once_and_revoking_it_again_succeeds() {
        let fixture = Fixture::populated().await;
        let token = pb::ApiToken { display_name: "ci".into(), ..Default::default() };
        let message = pb::CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
        let made = outcome(fixture.tokens().create_api_token(fixture.ada(message)).await).expect("create");
        let name = made.api_token.expect("token").name;
        let mut client = fixture.tokens();

        let message = RevokeApiTokenRequest { name: name.clone() };
        let bob = fixture.auth.request(BOB, WORKSPACE, Role::Viewer, message.clone());
        let failure = outcome(client.revoke_api_token(bob).await).expect_err("somebody else's");
        assert_eq!((failure.code(), failure.resource()), (Code::NotFound, Some(name.as_str())));

        let revoked = outcome(client.revoke_api_token(fixture.ada(message.clone())).await).expect("revoke");
        fixture.clock.advance(time::Duration::SECOND);
        let again = outcome(client.revoke_api_token(fixture.ada(message)).await).expect("again");
        assert_eq!(again, revoked);
        let failure = fixture.exchange(&made.secret, &parent()).await.expect_err("revoked");
        assert_eq!((failure.code(), failure.reason()), (Code::Unauthenticated, "TOKEN_REVOKED"));
    }

    /// Signs in by a code that is made with `bearer`.
    async fn sign_in_with(fixture: &Fixture, bearer: &str) -> pb::Session {
        let caller = fixture.exchange(bearer, "").await.expect("exchange");
        let mut client = fixture.real_auth_client();
        let request = with_bearer(&caller, pb::CreateSignInCodeRequest {});
        let code = outcome(client.create_sign_in_code(request).await).expect("create").code;
        let request = pb::ExchangeSignInCodeRequest { code };
        let reply = outcome(client.exchange_sign_in_code(request).await).expect("exchange");
        reply.session.expect("session")
    }

    async fn session_of(fixture: &Fixture, bearer: &str) -> String {
        sign_in_with(fixture, bearer).await.session_token
    }

    #[tokio::test]
    async fn sessions_that_go_back_to_a_token_are_over_when_it_expires() {
        let fixture = Fixture::populated().await;
        let lives = time::Duration::minutes(90);
        let expiry = fixture.clock.now() + lives;
        let expire_time = prost_types::Timestamp { seconds: expiry.unix_timestamp(), nanos: 0 };
        let token =
            pb::ApiToken { display_name: "ci".into(), expire_time: Some(expire_time), ..Default::default() };
        let message = pb::CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
        let made = outcome(fixture.tokens().create_api_token(fixture.ada(message)).await).expect("create");
        let direct = sign_in_with(&fixture, &made.secret).await;
        assert_eq!(direct.refresh_expire_time, Some(expire_time), "no later than the token");

        fixture.clock.advance(time::Duration::minutes(50));
        let renewed = fixture.refresh(&direct.refresh_token).await.expect("refresh");
        assert_eq!(
            (renewed.expire_time, renewed.refresh_expire_time),
            (Some(expire_time), Some(expire_time))
        );
        assert_eq!(fixture.refresh(&direct.refresh_token).await.expect("again"), renewed);
        let through_it = sign_in_with(&fixture, &renewed.session_token).await;

        fixture.clock.advance(time::Duration::minutes(40) - time::Duration::SECOND);
        fixture.exchange(&renewed.session_token, "").await.expect("alive to the end");
        fixture.clock.advance(time::Duration::SECOND);
        for over in [&renewed, &through_it] {
            let failure = fixture.exchange(&over.session_token, "").await.expect_err("over");
            assert_eq!(failure.reason(), "TOKEN_EXPIRED");
            let failure = fixture.refresh(&over.refresh_token).await.expect_err("over for good");
            assert_eq!(failure.reason(), "TOKEN_EXPIRED");
        }
    }

    #[tokio::test]
    async fn sessions_that_go_back_to_a_token_end_with_it_and_others_do_not() {
        let fixture = Fixture::populated().await;
        let token = pb::ApiToken { display_name: "laptop".into(), ..Default::default() };
        let message = pb::CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
        let made = outcome(fixture.tokens().create_api_token(fixture.ada(message)).await).expect("create");
        let direct = session_of(&fixture, &made.secret).await;
        let through_it = session_of(&fixture, &direct).await;
        let by_password = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in").session_token;
        let beside = session_of(&fixture, &by_password).await;

        let message = RevokeApiTokenRequest { name: made.api_token.expect("token").name };
        outcome(fixture.tokens().revoke_api_token(fixture.ada(message)).await).expect("revoke");
        for ended in [&direct, &through_it] {
            let failure = fixture.exchange(ended, "").await.expect_err("ended");
            assert_eq!(failure.reason(), "TOKEN_REVOKED");
        }
        for alive in [&by_password, &beside] {
            fixture.exchange(alive, "").await.expect("alive");
        }
    }
}
