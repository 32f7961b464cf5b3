//! ResolveTeammate: the newest version of an agent, for a run whose own version may hand work to it.

use mc_chassis::auth::{Caller, RunAssertion};
use mc_chassis::{Failure, names};
use mc_proto::registry::v1::{ResolveTeammateRequest, ResolveTeammateResponse};
use tonic::Code;

use super::{Agents, agent_of, convert};
use crate::domain::{AgentId, Policy, Spec, VersionRef};
use crate::error::Error;
use crate::store;

const VERSION: &str = "workspaces/*/agents/*/versions/*";

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: ResolveTeammateRequest,
) -> Result<ResolveTeammateResponse, Error> {
    let Caller::Run(run) = caller else {
        return Err(refused("only a run has teammates").into());
    };
    let (workspace, agent) = agent_of(caller, "name", &request.name)?;
    let (own, version) = own_version(run)?;
    let mut tx = agents.database.read(workspace).await?;
    let granted = store::read_version(&mut tx, workspace, own, version)
        .await?
        .is_some_and(|version| may_hand_to(&version.spec, agent));
    if !granted {
        return Err(refused(&format!("{} may not hand work to {}", run.agent_version, request.name)).into());
    }
    // Taken off the team, its versions stay, for the runs that used them. It gets no new work.
    if store::read(&mut tx, workspace, agent).await?.is_none() {
        return Err(Error::NotFound(request.name));
    }
    match store::read_version(&mut tx, workspace, agent, VersionRef::Latest).await? {
        Some(version) => Ok(ResolveTeammateResponse { agent_version: Some(convert::version(version)) }),
        None => Err(Error::NotPublished(request.name)),
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(Code::PermissionDenied, "PERMISSION_DENIED", why)
}

/// The version that the run is pinned to, as the service asserts it.
fn own_version(run: &RunAssertion) -> Result<(AgentId, VersionRef), Failure> {
    let malformed = || refused("the run's agent version is malformed");
    let [_, agent, version] =
        names::segments("agent_version", VERSION, &run.agent_version).map_err(|_| malformed())?;
    let agent = names::canonical(agent).ok_or_else(malformed)?;
    let version = VersionRef::parse(version).filter(|version| *version != VersionRef::Latest);
    Ok((AgentId::new(agent), version.ok_or_else(malformed)?))
}

fn may_hand_to(spec: &Spec, agent: AgentId) -> bool {
    let granted = spec.tools.iter().filter(|grant| !matches!(grant.policy, Policy::Deny | Policy::Unknown));
    granted
        .flat_map(|grant| &grant.teammates)
        .any(|it| it.named().is_some_and(|(_, named)| named == agent.uuid()))
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_chassis::auth::RunAssertion;
    use mc_proto::registry::v1 as pb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::testing::{Fixture, OTHER_WORKSPACE, USER, WORKSPACE, ada, outcome};

    fn lead(teammate: &str, policy: pb::ToolPolicy) -> pb::Agent {
        let mut agent = ada();
        agent.spec.as_mut().expect("a spec").tools.push(pb::ToolGrant {
            tool: "delegate".into(),
            policy: policy as i32,
            teammates: vec![pb::Teammate {
                name: "bob".into(),
                agent: teammate.into(),
                purpose: "Finds things.".into(),
            }],
            ..Default::default()
        });
        agent
    }

    async fn resolve(
        fixture: &Fixture,
        version: &str,
        name: &str,
    ) -> Result<pb::AgentVersion, (Code, String)> {
        let run = RunAssertion {
            service: "tasks".into(),
            workspace: WORKSPACE,
            run: Uuid::from_u128(7),
            agent_version: version.into(),
            started_by: USER,
        };
        let request = pb::ResolveTeammateRequest { name: name.into() };
        let request = fixture.auth.service("tasks").request_for_run("registry", &run, request);
        outcome(fixture.client().resolve_teammate(request).await)
            .map(|reply| reply.agent_version.expect("a version"))
            .map_err(|failure| (failure.code(), failure.reason().to_owned()))
    }

    #[tokio::test]
    async fn run_gets_the_newest_version_of_whom_its_own_version_names_and_of_nobody_else() {
        let fixture = Fixture::start().await;
        let bob = fixture.create(ada()).await.name;
        let eve = fixture.create(ada()).await.name;
        let made = fixture.create(lead(&bob, pb::ToolPolicy::Ask)).await;
        let version = fixture.publish(&made.name).await.expect("publish").name;
        let unpublished = resolve(&fixture, &version, &bob).await;
        assert_eq!(unpublished, Err((Code::NotFound, "AGENT_NOT_PUBLISHED".into())));
        fixture.publish(&bob).await.expect("publish");
        fixture.publish(&eve).await.expect("publish");
        let found = resolve(&fixture, &version, &bob).await.expect("bob");
        assert_eq!(found.name, format!("{bob}/versions/1"));

        let denied = Err((Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));
        assert_eq!(resolve(&fixture, &version, &eve).await, denied, "the grant names bob alone");
        assert_eq!(resolve(&fixture, &format!("{bob}/versions/1"), &bob).await, denied, "bob has no team");
        for malformed in
            ["", &bob, &format!("{}/versions/latest", made.name), &format!("{}/versions/9", made.name)]
        {
            assert_eq!(resolve(&fixture, malformed, &bob).await, denied, "{malformed}");
        }
        let foreign = bob.replace(&WORKSPACE.to_string(), &OTHER_WORKSPACE.to_string());
        assert_eq!(resolve(&fixture, &version, &foreign).await, Err((Code::NotFound, "NOT_FOUND".into())));

        let delete = pb::DeleteAgentRequest { name: bob.clone(), etag: String::new() };
        fixture.client().delete_agent(fixture.request(delete)).await.expect("delete");
        assert_eq!(resolve(&fixture, &version, &bob).await, Err((Code::NotFound, "NOT_FOUND".into())));
    }

    #[tokio::test]
    async fn denied_tool_is_no_leave_and_people_and_services_have_no_team() {
        let fixture = Fixture::start().await;
        let bob = fixture.create(ada()).await.name;
        fixture.publish(&bob).await.expect("publish");
        let made = fixture.create(lead(&bob, pb::ToolPolicy::Deny)).await;
        let version = fixture.publish(&made.name).await.expect("publish").name;
        let denied = Err((Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));
        assert_eq!(resolve(&fixture, &version, &bob).await, denied);

        let message = pb::ResolveTeammateRequest { name: bob };
        let person = fixture.request_as(Role::Owner, message.clone());
        let service = fixture.auth.service("tasks").request_in("registry", WORKSPACE, message);
        for request in [person, service] {
            let refused = fixture.client().resolve_teammate(request).await.expect_err("refused");
            assert_eq!(refused.code(), Code::PermissionDenied);
        }
    }

    #[tokio::test]
    async fn teammates_are_of_the_same_workspace_and_come_back_as_they_were_given() {
        let fixture = Fixture::start().await;
        let bob = fixture.create(ada()).await.name;
        let made = fixture.create(lead(&bob, pb::ToolPolicy::Allow)).await;
        let tools = made.spec.clone().expect("a spec").tools;
        assert_eq!(tools.last(), lead(&bob, pb::ToolPolicy::Allow).spec.expect("a spec").tools.last());

        let foreign = bob.replace(&WORKSPACE.to_string(), &OTHER_WORKSPACE.to_string());
        let field = "agent.spec.tools[2].teammates[0].agent";
        let request = pb::CreateAgentRequest {
            parent: crate::testing::parent(),
            agent: Some(lead(&foreign, pb::ToolPolicy::Allow)),
            ..Default::default()
        };
        let refused =
            outcome(fixture.client().create_agent(fixture.request(request)).await).expect_err("foreign");
        assert_eq!(crate::testing::fields(&refused), [field]);
        let changed = pb::Agent { name: made.name, ..lead(&foreign, pb::ToolPolicy::Allow) };
        let refused = fixture.update(changed, &["spec"]).await.expect_err("foreign");
        assert_eq!(crate::testing::fields(&refused), [field]);
    }
}
