//! ExchangeToken: a session token or an API token for a caller token in one workspace.

use mc_chassis::auth::{CALLER_TOKEN_TTL, Caller, CallerToken, Person};
use mc_chassis::error::both;
use mc_chassis::{Failure, names};
use mc_proto::identity::v1::{ExchangeTokenRequest, ExchangeTokenResponse};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::bearer::{Bearer, Kind};
use crate::domain::session::Standing;
use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::{api_tokens, scope, sessions, workspaces};

pub(super) async fn handle(
    identity: &Identity,
    _: &Caller,
    request: ExchangeTokenRequest,
) -> Result<ExchangeTokenResponse, Error> {
    let present =
        if request.token.is_empty() { Err(Failure::invalid("token", "is required")) } else { Ok(()) };
    let ((), workspace) = both(present, workspace(&request.workspace))?;
    let bearer = Bearer::parse(&request.token).ok_or(Error::TokenInvalid)?;

    let now = identity.ambient.clock.now();
    let (person, bearer_expire_time) = match bearer.kind() {
        Kind::Session => by_session(identity, &bearer, workspace, now).await?,
        Kind::ApiToken => by_api_token(identity, &bearer, workspace, now).await?,
        Kind::Refresh | Kind::SignInCode => return Err(Error::TokenInvalid),
    };
    // JWT times are whole seconds; rounding down keeps the caller token from outliving its bearer.
    let expire_time = (now + CALLER_TOKEN_TTL).min(bearer_expire_time).truncate_to_second();
    let caller_token = CallerToken::sign(&identity.signing.signing().await?, person, now, expire_time);
    Ok(ExchangeTokenResponse { caller_token, expire_time: Some(convert::timestamp(expire_time)) })
}

fn workspace(name: &str) -> Result<Option<Uuid>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let [workspace] = names::parse("workspace", "workspaces/*", name)?;
    Ok(Some(workspace))
}

async fn by_session(
    identity: &Identity,
    bearer: &Bearer,
    workspace: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(Person, OffsetDateTime), Error> {
    let mut tx = identity.database.begin_open().await?;
    let (token, role) = sessions::find(&mut tx, bearer, workspace).await?.ok_or(Error::TokenInvalid)?;
    match token.standing(now) {
        Standing::Good => {}
        Standing::Expired => return Err(Error::TokenExpired),
        Standing::Revoked | Standing::Reused | Standing::Again { .. } => return Err(Error::TokenRevoked),
    }
    if let (Some(workspace), None) = (workspace, role) {
        return Err(Error::WorkspaceNotFound(names::workspace(workspace)));
    }
    let person = Person { user: token.user, workspace, role, scopes: Vec::new(), session: token.session };
    Ok((person, token.expire_time))
}

/// An API token is bound to its workspace: its caller tokens are too, also for calls that are about none.
async fn by_api_token(
    identity: &Identity,
    bearer: &Bearer,
    workspace: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(Person, OffsetDateTime), Error> {
    let mut tx = identity.database.begin_open().await?;
    let token = api_tokens::find(&mut tx, bearer).await?.ok_or(Error::TokenInvalid)?;
    if token.revoke_time.is_some() {
        return Err(Error::TokenRevoked);
    }
    if now >= token.expire_time {
        return Err(Error::TokenExpired);
    }
    if let Some(other) = workspace.filter(|workspace| *workspace != token.workspace) {
        return Err(Error::WorkspaceNotFound(names::workspace(other)));
    }
    scope::user(&mut tx, token.user).await?;
    let role = workspaces::role_in(&mut tx, token.workspace, token.user).await?;
    let role = role.ok_or_else(|| Error::WorkspaceNotFound(names::workspace(token.workspace)))?;
    let person = Person {
        user: token.user,
        workspace: Some(token.workspace),
        role: Some(role),
        scopes: token.scopes,
        session: token.id,
    };
    Ok((person, token.expire_time))
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_proto::identity::v1::{ApiToken, CreateApiTokenRequest, GetMeRequest};
    use time::Duration;
    use tonic::Code;

    use crate::testing::{
        ADA, EMAIL, Fixture, NOW, OTHER_WORKSPACE, PASSWORD, WORKSPACE, fields, outcome, parent, with_bearer,
    };

    use super::*;

    async fn api_token(fixture: &Fixture, scopes: &[&str]) -> (String, String) {
        let token = ApiToken {
            display_name: "ci".into(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expire_time: Some(convert::timestamp(NOW + Duration::days(1))),
            ..Default::default()
        };
        let request = CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
        let reply = outcome(fixture.tokens().create_api_token(fixture.ada(request)).await).expect("create");
        (reply.secret, reply.api_token.expect("token").name)
    }

    #[tokio::test]
    async fn session_becomes_a_caller_token_that_services_verify() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let caller = fixture.exchange(&session.session_token, &parent()).await.expect("exchange");
        let opened = fixture.opened(&caller).await;
        assert_eq!((opened.person.user, opened.person.workspace), (ADA, Some(WORKSPACE)));
        assert_eq!((opened.person.role, opened.expire_time), (Some(Role::Owner), NOW + CALLER_TOKEN_TTL));
        let me = fixture.real_auth_client().get_me(with_bearer(&caller, GetMeRequest {})).await;
        assert_eq!(outcome(me).expect("verified with its own keys").user.expect("user").email, EMAIL);

        let outside = fixture.exchange(&session.session_token, "").await.expect("exchange");
        let outside = fixture.opened(&outside).await.person;
        assert_eq!((outside.workspace, outside.role), (None, None));
    }

    #[tokio::test]
    async fn caller_token_never_outlives_its_bearer() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        fixture.clock.advance(Duration::minutes(58));
        let caller = fixture.exchange(&session.session_token, &parent()).await.expect("exchange");
        assert_eq!(fixture.opened(&caller).await.expire_time, NOW + Duration::hours(1));
        fixture.clock.advance(Duration::minutes(2));
        let failure = fixture.exchange(&session.session_token, &parent()).await.expect_err("late");
        assert_eq!((failure.code(), failure.reason()), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    }

    #[tokio::test]
    async fn workspace_of_others_is_not_found() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let (api_token, _) = api_token(&fixture, &[]).await;
        for bearer in [&session.session_token, &api_token] {
            for workspace in [OTHER_WORKSPACE, Uuid::from_u128(9)] {
                let failure =
                    fixture.exchange(bearer, &names::workspace(workspace)).await.expect_err("not a member");
                assert_eq!((failure.code(), failure.reason()), (Code::NotFound, "WORKSPACE_NOT_FOUND"));
            }
        }
    }

    #[tokio::test]
    async fn api_token_carries_its_scopes_and_stays_in_its_workspace() {
        let fixture = Fixture::populated().await;
        let (secret, name) = api_token(&fixture, &["tasks.*"]).await;
        for workspace in [parent(), String::new()] {
            let caller = fixture.exchange(&secret, &workspace).await.expect("exchange");
            let person = fixture.opened(&caller).await.person;
            assert_eq!((person.workspace, person.role), (Some(WORKSPACE), Some(Role::Owner)));
            assert_eq!(person.scopes, ["tasks.*"]);
            assert!(name.ends_with(&person.session.to_string()));
        }
        fixture.clock.advance(Duration::days(1));
        assert_eq!(fixture.exchange(&secret, &parent()).await.expect_err("late").reason(), "TOKEN_EXPIRED");
    }

    #[tokio::test]
    async fn bearer_of_who_left_the_workspace_is_worth_nothing_there() {
        let fixture = Fixture::populated().await;
        let (secret, _) = api_token(&fixture, &[]).await;
        sqlx::query("DELETE FROM identity.membership WHERE user_id = $1")
            .bind(ADA)
            .execute(&fixture.kit.admin())
            .await
            .expect("leave");
        let failure = fixture.exchange(&secret, &parent()).await.expect_err("gone");
        assert_eq!(failure.reason(), "WORKSPACE_NOT_FOUND");
    }

    #[tokio::test]
    async fn anything_but_a_bearer_is_refused() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let unknown = [format!("mc_ses_{}", "a".repeat(43)), format!("mc_pat_{}", "a".repeat(43))];
        for bad in [session.refresh_token.as_str(), "x", &unknown[0], &unknown[1]] {
            let failure = fixture.exchange(bad, "").await.expect_err(bad);
            assert_eq!((failure.code(), failure.reason()), (Code::Unauthenticated, "TOKEN_INVALID"));
        }
        let failure = fixture.exchange("", "workspaces/x").await.expect_err("empty");
        assert_eq!(fields(&failure), ["token", "workspace"]);
    }

    #[tokio::test]
    async fn only_the_gateway_may_exchange() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let message = ExchangeTokenRequest { token: session.session_token, workspace: parent() };
        let mut client = fixture.auth_client();
        let failure =
            outcome(client.exchange_token(fixture.ada(message.clone())).await).expect_err("a person");
        assert_eq!(failure.code(), Code::PermissionDenied);
        let llm = fixture.auth.service("llm").request("identity", message.clone());
        assert_eq!(
            outcome(client.exchange_token(llm).await).expect_err("llm").code(),
            Code::PermissionDenied
        );
        let failure = outcome(client.exchange_token(message).await).expect_err("nobody");
        assert_eq!(failure.code(), Code::Unauthenticated);
    }
}
