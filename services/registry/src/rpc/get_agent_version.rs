//! GetAgentVersion: reads one version, or the newest as `latest`.

use mc_chassis::auth::Caller;
use mc_chassis::names;
use mc_proto::registry::v1::{GetAgentVersionRequest, GetAgentVersionResponse};
use uuid::Uuid;

use super::{Agents, agent_of, convert};
use crate::domain::{AgentId, VersionRef};
use crate::error::Error;
use crate::store;

const VERSION: &str = "workspaces/*/agents/*/versions/*";

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: GetAgentVersionRequest,
) -> Result<GetAgentVersionResponse, Error> {
    let (workspace, agent, wanted) = version_of(caller, &request.name)?;
    let mut tx = agents.database.read(workspace).await?;
    let version = match store::read_version(&mut tx, workspace, agent, wanted).await? {
        Some(version) => version,
        // An agent without a version is worth telling from no agent: publishing it is what helps.
        None if wanted == VersionRef::Latest && store::read(&mut tx, workspace, agent).await?.is_some() => {
            return Err(Error::NotPublished(agent_name(&request.name)));
        }
        None => return Err(Error::NotFound(request.name)),
    };
    Ok(GetAgentVersionResponse { agent_version: Some(convert::version(version)) })
}

fn version_of(caller: &Caller, name: &str) -> Result<(Uuid, AgentId, VersionRef), Error> {
    let [_, _, last] = names::segments("name", VERSION, name)?;
    let (workspace, agent) = agent_of(caller, "name", &agent_name(name))?;
    let wanted = VersionRef::parse(last).ok_or_else(|| {
        Error::from(mc_chassis::Failure::invalid(
            "name",
            "must end in a version's number, counted from 1, or in `latest`",
        ))
    })?;
    Ok((workspace, agent, wanted))
}

/// The first four segments of a version's name.
fn agent_name(version_name: &str) -> String {
    version_name.split('/').take(4).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;

    use crate::testing::{Fixture, ada, fields, outcome};

    #[tokio::test]
    async fn version_is_read_by_number_and_as_latest() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let read = async |id: &str| {
            let request = pb::GetAgentVersionRequest { name: format!("{name}/versions/{id}") };
            outcome(fixture.client().get_agent_version(fixture.request(request)).await)
        };
        let failure = read("latest").await.expect_err("unpublished");
        assert_eq!(failure.reason(), "AGENT_NOT_PUBLISHED");
        let one = fixture.publish(&name).await.expect("publish");
        let mut agent = pb::Agent { name: name.clone(), ..ada() };
        agent.spec.as_mut().expect("spec").model = "simulator/other".into();
        fixture.update(agent, &["spec"]).await.expect("update");
        let two = fixture.publish(&name).await.expect("publish");
        assert_eq!(read("1").await.expect("read").agent_version, Some(one));
        assert_eq!(read("2").await.expect("read").agent_version, Some(two.clone()));
        assert_eq!(read("latest").await.expect("read").agent_version, Some(two));
        assert_eq!(read("3").await.expect_err("none").reason(), "NOT_FOUND");
        for bad in ["0", "01", "newest", "-1"] {
            assert_eq!(fields(&read(bad).await.expect_err(bad)), ["name"]);
        }
        let foreign = fixture.foreign(pb::GetAgentVersionRequest { name: format!("{name}/versions/1") });
        let failure = outcome(fixture.client().get_agent_version(foreign).await).expect_err("foreign");
        assert_eq!(failure.reason(), "NOT_FOUND");
    }
}
