//! DeleteAgent: takes an agent off the team. Its versions stay readable for the runs that used them.

use mc_chassis::auth::Caller;
use mc_proto::registry::v1::{DeleteAgentRequest, DeleteAgentResponse};

use super::{Agents, agent_of};
use crate::domain::is_etag;
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: DeleteAgentRequest,
) -> Result<DeleteAgentResponse, Error> {
    let (workspace, id) = agent_of(caller, "name", &request.name)?;
    let mut tx = agents.database.begin(workspace).await?;
    let Some(agent) = store::lock(&mut tx, workspace, id).await? else {
        return Err(Error::NotFound(request.name));
    };
    if !is_etag(&request.etag, &agent.etag()) {
        return Err(Error::EtagMismatch(request.name));
    }
    store::delete(&mut tx, &agent, agents.ambient.clock.now()).await?;
    tx.commit().await?;
    Ok(DeleteAgentResponse {})
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, ada, outcome, parent};

    async fn delete(fixture: &Fixture, name: &str, etag: &str) -> Result<(), Code> {
        let request = pb::DeleteAgentRequest { name: name.into(), etag: etag.into() };
        let reply = outcome(fixture.client().delete_agent(fixture.request(request)).await);
        reply.map(|_| ()).map_err(|failure| failure.code())
    }

    #[tokio::test]
    async fn agent_leaves_and_its_versions_stay() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let version = fixture.publish(&name).await.expect("publish");
        assert_eq!(delete(&fixture, &name, "r1").await, Err(Code::Aborted));
        assert_eq!(delete(&fixture, &name, "r2").await, Ok(()));
        assert_eq!(delete(&fixture, &name, "").await, Err(Code::NotFound));

        let mut client = fixture.client();
        let gone = client.get_agent(fixture.request(pb::GetAgentRequest { name: name.clone() })).await;
        assert_eq!(gone.expect_err("gone").code(), Code::NotFound);
        assert_eq!(fixture.publish(&name).await.expect_err("gone").code(), Code::NotFound);
        assert_eq!(
            fixture.update(pb::Agent { name: name.clone(), ..ada() }, &[]).await.expect_err("gone").code(),
            Code::NotFound
        );
        let listed = pb::ListAgentsRequest { parent: parent(), ..Default::default() };
        assert!(
            client.list_agents(fixture.request(listed)).await.expect("list").into_inner().agents.is_empty()
        );

        let read =
            |id: &str| fixture.request(pb::GetAgentVersionRequest { name: format!("{name}/versions/{id}") });
        let kept = client.get_agent_version(read("1")).await.expect("kept").into_inner();
        assert_eq!(kept.agent_version, Some(version));
        let latest = client.get_agent_version(read("latest")).await.expect_err("no new run takes it");
        assert_eq!(latest.code(), Code::NotFound);
        let versions = pb::ListAgentVersionsRequest { parent: name.clone(), ..Default::default() };
        let versions =
            client.list_agent_versions(fixture.request(versions)).await.expect("list").into_inner();
        assert_eq!(versions.agent_versions.len(), 1);
    }
}
