//! CreateAgent: adds an agent with a draft.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::idempotency::{self, Key};
use mc_proto::registry::v1::{CreateAgentRequest, CreateAgentResponse};

use super::{Agents, convert, workspace_of};
use crate::domain::AgentId;
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: CreateAgentRequest,
) -> Result<CreateAgentResponse, Error> {
    let profile = convert::profile(request.agent.clone().unwrap_or_default());
    let (workspace, ((), ())) = both(
        workspace_of(caller, &request.parent),
        both(profile.check().map_err(Failure::from), idempotency::check(&request.request_id)),
    )?;
    profile.check_workspace(workspace)?;

    let now = agents.ambient.clock.now();
    let id = AgentId::new(agents.ambient.ids.uuid());
    let actor = caller.actor();
    let key = Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace),
        actor: &actor,
        operation: "CreateAgent",
        request_id: &request.request_id,
    };
    let mut tx = agents.database.begin(workspace).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let agent = store::insert(tx, workspace, id, &profile, now).await?;
        Ok::<_, Error>(CreateAgentResponse { agent: Some(convert::agent(agent)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_proto::registry::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, ada, fields, outcome, parent};

    #[tokio::test]
    async fn agent_is_made_as_it_was_written() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        assert!(made.name.starts_with(&format!("{}/agents/", parent())));
        assert_eq!((made.latest_version, made.etag.as_str()), (0, "r1"));
        assert_eq!(made.create_time, made.update_time);
        let written = pb::Agent {
            name: made.name.clone(),
            etag: made.etag.clone(),
            create_time: made.create_time,
            update_time: made.update_time,
            ..ada()
        };
        assert_eq!(made, written);
        let read = pb::GetAgentRequest { name: made.name.clone() };
        let read = fixture.client().get_agent(fixture.request_as(Role::Viewer, read)).await.expect("get");
        assert_eq!(read.into_inner().agent, Some(made));
    }

    #[tokio::test]
    async fn repeated_request_makes_one_agent() {
        let fixture = Fixture::start().await;
        let request = |request_id: &str, agent: pb::Agent| {
            fixture.request(pb::CreateAgentRequest {
                parent: parent(),
                agent: Some(agent),
                request_id: request_id.into(),
            })
        };
        let mut client = fixture.client();
        let first = outcome(client.create_agent(request("r1", ada())).await).expect("first");
        let again = outcome(client.create_agent(request("r1", ada())).await).expect("again");
        assert_eq!(first, again);
        let other = pb::Agent { display_name: "Bob".into(), ..ada() };
        let failure = outcome(client.create_agent(request("r1", other)).await).expect_err("another agent");
        assert_eq!(failure.reason(), "IDEMPOTENCY_KEY_REUSED");
        let failure =
            outcome(client.create_agent(request("r ü", ada())).await).expect_err("not visible ASCII");
        assert_eq!(fields(&failure), ["request_id"]);
    }

    #[tokio::test]
    async fn every_broken_rule_is_named_at_once() {
        let fixture = Fixture::start().await;
        let agent = pb::Agent {
            spec: Some(pb::AgentSpec {
                tools: vec![pb::ToolGrant { tool: "shell".into(), ..Default::default() }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = pb::CreateAgentRequest {
            parent: "workspaces/x".into(),
            agent: Some(agent),
            request_id: " ".into(),
        };
        let failure =
            outcome(fixture.client().create_agent(fixture.request(request)).await).expect_err("broken");
        assert_eq!(failure.code(), Code::InvalidArgument);
        let expected = [
            "parent",
            "agent.display_name",
            "agent.spec.instructions",
            "agent.spec.model",
            "agent.spec.tools[0].tool",
            "request_id",
        ];
        assert_eq!(fields(&failure), expected);
        let nothing = fixture.request(pb::CreateAgentRequest { parent: parent(), ..Default::default() });
        let failure = outcome(fixture.client().create_agent(nothing).await).expect_err("nothing");
        assert_eq!(fields(&failure), ["agent.display_name", "agent.spec.instructions", "agent.spec.model"]);
    }

    #[tokio::test]
    async fn only_admins_write_and_only_in_their_workspace() {
        let fixture = Fixture::start().await;
        let message = pb::CreateAgentRequest { parent: parent(), agent: Some(ada()), ..Default::default() };
        let mut client = fixture.client();
        for role in [Role::Viewer, Role::Operator] {
            let failure = outcome(client.create_agent(fixture.request_as(role, message.clone())).await)
                .expect_err("role");
            assert_eq!(failure.code(), Code::PermissionDenied);
        }
        let failure =
            outcome(client.create_agent(fixture.foreign(message.clone())).await).expect_err("workspace");
        assert_eq!(failure.code(), Code::NotFound);
        let failure = outcome(client.create_agent(tonic::Request::new(message)).await).expect_err("nobody");
        assert_eq!(failure.code(), Code::Unauthenticated);
    }
}
