//! GetAgent: reads an agent and its draft.

use mc_chassis::auth::Caller;
use mc_proto::registry::v1::{GetAgentRequest, GetAgentResponse};

use super::{Agents, agent_of, convert};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: GetAgentRequest,
) -> Result<GetAgentResponse, Error> {
    let (workspace, id) = agent_of(caller, "name", &request.name)?;
    let mut tx = agents.database.read(workspace).await?;
    let agent = store::read(&mut tx, workspace, id).await?.ok_or(Error::NotFound(request.name))?;
    Ok(GetAgentResponse { agent: Some(convert::agent(agent)) })
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, ada, fields, outcome, parent};

    #[tokio::test]
    async fn agent_of_another_workspace_is_not_found() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let request = fixture.foreign(pb::GetAgentRequest { name: name.clone() });
        let failure = outcome(fixture.client().get_agent(request).await).expect_err("foreign");
        assert_eq!((failure.code(), failure.resource()), (Code::NotFound, Some(name.as_str())));
        let none = format!("{}/agents/{}", parent(), uuid::Uuid::from_u128(9));
        let failure =
            outcome(fixture.client().get_agent(fixture.request(pb::GetAgentRequest { name: none })).await);
        assert_eq!(failure.expect_err("none").code(), Code::NotFound);
    }

    #[tokio::test]
    async fn malformed_name_is_refused_by_field() {
        let fixture = Fixture::start().await;
        for name in ["", "agents/1", "workspaces/x/agents/y"] {
            let request = fixture.request(pb::GetAgentRequest { name: name.into() });
            let failure = outcome(fixture.client().get_agent(request).await).expect_err(name);
            assert_eq!(fields(&failure), ["name"]);
        }
    }
}
