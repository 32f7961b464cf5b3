//! ListAgentVersions: what was published of an agent, newest first; of one that left the team too.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::page::Page;
use mc_proto::registry::v1::{ListAgentVersionsRequest, ListAgentVersionsResponse};

use super::{Agents, agent_of, convert};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: ListAgentVersionsRequest,
) -> Result<ListAgentVersionsResponse, Error> {
    let page = Page::parse(request.page_size, &request.page_token);
    let ((workspace, agent), page) = both(agent_of(caller, "parent", &request.parent), page)?;
    let mut tx = agents.database.read(workspace).await?;
    let mut rows = store::list_versions(&mut tx, workspace, agent, page.after, page.fetch()).await?;
    if rows.is_empty() && !store::exists(&mut tx, workspace, agent).await? {
        return Err(Error::NotFound(request.parent));
    }
    let next_page_token = page.cut(&mut rows, |version| version.number);
    Ok(ListAgentVersionsResponse {
        agent_versions: rows.into_iter().map(convert::version).collect(),
        next_page_token,
    })
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, ada, outcome, parent};

    #[tokio::test]
    async fn versions_come_newest_first_and_pages_hold_while_more_are_published() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        let publish = async |step: i32| {
            let mut agent = pb::Agent { etag: String::new(), ..made.clone() };
            agent.spec.as_mut().expect("spec").limits =
                Some(pb::RunLimits { max_steps: Some(step), ..Default::default() });
            fixture.update(agent, &["spec.limits"]).await.expect("update");
            fixture.publish(&made.name).await.expect("publish");
        };
        let list = async |page_token: String| {
            let request =
                pb::ListAgentVersionsRequest { parent: made.name.clone(), page_size: 2, page_token };
            let reply =
                outcome(fixture.client().list_agent_versions(fixture.request(request)).await).expect("list");
            (reply.agent_versions.iter().map(|it| it.version).collect::<Vec<_>>(), reply.next_page_token)
        };
        assert_eq!(list(String::new()).await, (vec![], String::new()));
        for step in 1..=3 {
            publish(step).await;
        }
        let (first, token) = list(String::new()).await;
        assert_eq!(first, [3, 2]);
        publish(4).await;
        assert_eq!(list(token).await, (vec![1], String::new()));
        let none = pb::ListAgentVersionsRequest {
            parent: format!("{}/agents/{}", parent(), uuid::Uuid::from_u128(9)),
            ..Default::default()
        };
        let failure =
            outcome(fixture.client().list_agent_versions(fixture.request(none)).await).expect_err("none");
        assert_eq!(failure.code(), Code::NotFound);
    }
}
