//! CreateApiToken: makes a bearer for a program. Its secret is in this reply and nowhere else.

use std::collections::HashSet;
use std::sync::LazyLock;

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_proto::identity::v1::{CreateApiTokenRequest, CreateApiTokenResponse};

use crate::domain::api_token::{ApiToken, End, Wanted};
use crate::domain::bearer::{Bearer, Kind};
use crate::error::Error;
use crate::rpc::{Identity, convert, person, workspace_of};
use crate::store::{api_tokens, audit};

/// Every permission of the contract, and every start of one (`tasks.*`, `tasks.run.*`).
static SCOPES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut scopes = HashSet::new();
    let special = |permission: &&String| permission.contains('.');
    for permission in mc_proto::rpc::permissions().values().filter(special) {
        scopes.insert(permission.clone());
        scopes.extend(permission.match_indices('.').map(|(at, _)| format!("{}.*", &permission[..at])));
    }
    scopes
});

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: CreateApiTokenRequest,
) -> Result<CreateApiTokenResponse, Error> {
    let person = person(caller)?;
    let now = identity.ambient.clock.now();
    let given = request.api_token.unwrap_or_default();
    let wanted = Wanted {
        display_name: given.display_name,
        scopes: given.scopes,
        end: given.expire_time.map_or(End::Default, |at| convert::time(at).map_or(End::Never, End::At)),
    };
    let settled = wanted.settle(&person.scopes, |scope| SCOPES.contains(scope), now).map_err(Failure::from);
    let (workspace, (display_name, scopes, expire_time)) =
        both(workspace_of(caller, &request.parent), settled)?;

    let bearer = Bearer::issue(Kind::ApiToken, &identity.ambient.ids);
    let token = ApiToken {
        workspace,
        id: identity.ambient.ids.uuid(),
        user: person.user,
        display_name,
        scopes,
        hint: bearer.hint(),
        create_time: now,
        expire_time,
        revoke_time: None,
    };
    let event = identity.event(caller, "apiToken.create", token.name(), &token.display_name);
    let mut tx = identity.database.begin(workspace).await?;
    let token = api_tokens::insert(&mut tx, &token, &bearer).await?;
    audit::note(&mut tx, workspace, &event).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(CreateApiTokenResponse {
        api_token: Some(convert::api_token(token)),
        secret: bearer.reveal().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::{Person, Role};
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{ADA, Fixture, NOW, WORKSPACE, fields, outcome, parent, with_bearer};

    use super::*;

    fn message(scopes: &[&str]) -> CreateApiTokenRequest {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let token = pb::ApiToken { display_name: "ci".into(), scopes, ..Default::default() };
        CreateApiTokenRequest { parent: parent(), api_token: Some(token) }
    }

    #[tokio::test]
    async fn secret_is_told_once_and_kept_as_its_hash() {
        let fixture = Fixture::populated().await;
        let reply = outcome(
            fixture.tokens().create_api_token(fixture.ada(message(&["tasks.*", "llm.usage.read"]))).await,
        );
        let reply = reply.expect("create");
        let token = reply.api_token.expect("token");
        assert!(reply.secret.starts_with("mc_pat_") && reply.secret.starts_with(&token.hint));
        assert_eq!(token.hint.len(), 11);
        assert_eq!(token.user, format!("users/{ADA}"));
        assert_eq!(
            token.expire_time.expect("time").seconds,
            (NOW + time::Duration::days(90)).unix_timestamp()
        );
        let row: String = sqlx::query_scalar("SELECT row_to_json(t)::text FROM identity.api_token t")
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("row");
        assert!(!row.contains(&reply.secret[11..]));
    }

    #[tokio::test]
    async fn narrowed_bearer_makes_no_wider_one() {
        let fixture = Fixture::populated().await;
        let scopes = vec!["tasks.*".to_owned(), "identity.apiToken.manage".to_owned()];
        let person =
            Person { user: ADA, workspace: Some(WORKSPACE), role: Some(Role::Owner), scopes, session: ADA };
        let narrowed = fixture.auth.token_of(person);
        let mut client = fixture.tokens();
        let wider = with_bearer(&narrowed, message(&["tasks.task.start", "registry.*"]));
        let failure = outcome(client.create_api_token(wider).await).expect_err("wider");
        assert_eq!(fields(&failure), ["api_token.scopes[1]"]);
        let inherited =
            outcome(client.create_api_token(with_bearer(&narrowed, message(&[]))).await).expect("create");
        assert_eq!(inherited.api_token.expect("token").scopes, ["tasks.*", "identity.apiToken.manage"]);
    }

    #[tokio::test]
    async fn unknown_scopes_and_bad_ends_are_named() {
        let fixture = Fixture::populated().await;
        let mut request = message(&["public", "tasks.*", "tasks.task.*", "tasks.task.sta*", "*", "nonsense"]);
        request.api_token.as_mut().expect("token").expire_time = Some(convert::timestamp(NOW));
        let failure =
            outcome(fixture.tokens().create_api_token(fixture.ada(request)).await).expect_err("bad");
        let expected = [
            "api_token.scopes[0]",
            "api_token.scopes[3]",
            "api_token.scopes[4]",
            "api_token.scopes[5]",
            "api_token.expire_time",
        ];
        assert_eq!(fields(&failure), expected);
        let failure =
            outcome(fixture.tokens().create_api_token(fixture.bob(message(&[]))).await).expect_err("foreign");
        assert_eq!(failure.code(), Code::NotFound);
    }
}
