//! DelegateToken: a caller token for a member who is not there to ask, for a service that does what they set up.

use mc_chassis::auth::{Caller, CallerToken, Person, role_grants};
use mc_chassis::error::{Violations, both};
use mc_chassis::{Failure, names};
use mc_proto::identity::v1::{DelegateTokenRequest, DelegateTokenResponse};
use time::Duration;
use uuid::Uuid;

use crate::domain::credential::MAX_PURPOSE;
use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::{audit, workspaces};

/// How long a delegated token lives: it is made for one thing that is done at once.
const TTL: Duration = Duration::minutes(2);
/// Permissions that one token holds at most.
const MAX_PERMISSIONS: usize = 10;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: DelegateTokenRequest,
) -> Result<DelegateTokenResponse, Error> {
    // No role holds the permission; this holds even if one is given it by mistake.
    let Caller::Service(service) = caller else { return Err(Error::ServiceNeeded) };
    let workspace = service
        .workspace
        .ok_or_else(|| Failure::invalid("workspace", "the service must call about one workspace"))?;
    let mut violations = Violations::default();
    violations.line("purpose", &request.purpose, MAX_PURPOSE, true);
    if !(1..=MAX_PERMISSIONS).contains(&request.permissions.len()) {
        violations.add("permissions", format!("must be 1 to {MAX_PERMISSIONS}"));
    }
    let user = names::parse("user", "users/*", &request.user);
    let ([user], ()) = both(user, violations.into_result().map_err(Failure::from))?;

    let now = identity.ambient.clock.now();
    let event =
        identity.event(caller, "token.delegate", names::user(user), &format!("for {}", request.purpose));
    let mut tx = identity.database.begin(workspace).await?;
    let role = workspaces::role_in(&mut tx, workspace, user).await?;
    let denied =
        request.permissions.iter().find(|permission| !role.is_some_and(|role| role_grants(role, permission)));
    if let Some(permission) = denied {
        return Err(Failure::permission_denied(permission).into());
    }
    audit::note(&mut tx, workspace, &event).await?;
    // Only what is written down leaves: an outcome that is not known to be committed hands out nothing.
    tx.commit().await?;
    identity.audit.wake();

    let person = Person {
        user,
        workspace: Some(workspace),
        role,
        scopes: request.permissions,
        // Nobody has signed in for this.
        session: Uuid::nil(),
    };
    let expire_time = (now + TTL).truncate_to_second();
    let caller_token = CallerToken::sign(&identity.signing.signing().await?, person, now, expire_time);
    Ok(DelegateTokenResponse { caller_token, expire_time: Some(convert::timestamp(expire_time)) })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use crate::testing::{ADA, BOB, Fixture, NOW, OTHER_WORKSPACE, WORKSPACE, fields, outcome};

    use super::*;

    fn ask(user: Uuid, permissions: &[&str]) -> DelegateTokenRequest {
        DelegateTokenRequest {
            user: names::user(user),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            purpose: "workspaces/w/schedules/s".into(),
        }
    }

    #[tokio::test]
    async fn member_is_stood_in_for_with_what_their_role_holds_and_it_is_noted() {
        let fixture = Fixture::populated().await;
        let tasks = fixture.auth.service("tasks");
        let both = ["tasks.task.start", "registry.agent.read"];
        let request = tasks.request_in("identity", WORKSPACE, ask(ADA, &both));
        let reply = outcome(fixture.auth_client().delegate_token(request).await).expect("delegate");
        let token = fixture.opened(&reply.caller_token).await;
        let caller = Caller::Person(token.person.clone());
        assert!(both.iter().all(|permission| caller.may(permission)));
        assert!(!caller.may("tasks.task.write"), "an owner, but not with this token");
        assert_eq!((token.person.user, token.person.workspace), (ADA, Some(WORKSPACE)));
        assert_eq!(reply.expire_time, Some(convert::timestamp(NOW + TTL)));
        assert_eq!(fixture.audited("token.delegate").await.len(), 1);
    }

    #[tokio::test]
    async fn nobody_is_stood_in_for_with_more_than_they_may() {
        let fixture = Fixture::populated().await;
        let tasks = fixture.auth.service("tasks");
        let mut client = fixture.auth_client();
        for (workspace, user, permission) in [
            (WORKSPACE, BOB, "tasks.task.start"),
            (OTHER_WORKSPACE, ADA, "registry.agent.read"),
            (WORKSPACE, Uuid::from_u128(99), "registry.agent.read"),
            (WORKSPACE, ADA, "identity.credential.resolve"),
            (WORKSPACE, ADA, "tasks.*"),
            (WORKSPACE, ADA, ""),
        ] {
            let request = tasks.request_in("identity", workspace, ask(user, &["tasks.run.read", permission]));
            let refused = outcome(client.delegate_token(request).await).expect_err(permission);
            assert_eq!(refused.code(), Code::PermissionDenied, "{permission}");
        }
        assert!(fixture.audited("token.delegate").await.is_empty());
    }

    #[tokio::test]
    async fn only_the_tasks_service_asks_and_asks_well() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.auth_client();
        let good = || ask(ADA, &["tasks.task.start"]);
        let person = outcome(client.delegate_token(fixture.ada(good())).await).expect_err("a person");
        assert_eq!(person.code(), Code::PermissionDenied);
        let llm = fixture.auth.service("llm").request_in("identity", WORKSPACE, good());
        assert_eq!(
            outcome(client.delegate_token(llm).await).expect_err("llm").code(),
            Code::PermissionDenied
        );
        let tasks = fixture.auth.service("tasks");
        let none = outcome(client.delegate_token(tasks.request("identity", good())).await);
        assert_eq!(fields(&none.expect_err("no workspace")), ["workspace"]);
        for (field, bad) in [
            ("user", DelegateTokenRequest { user: "ada".into(), ..good() }),
            ("purpose", DelegateTokenRequest { purpose: String::new(), ..good() }),
            ("permissions", DelegateTokenRequest { permissions: vec![], ..good() }),
            (
                "permissions",
                DelegateTokenRequest {
                    permissions: vec!["tasks.run.read".into(); MAX_PERMISSIONS + 1],
                    ..good()
                },
            ),
        ] {
            let request = tasks.request_in("identity", WORKSPACE, bad);
            let refused = outcome(client.delegate_token(request).await).expect_err(field);
            assert_eq!(fields(&refused), [field]);
        }
    }
}
