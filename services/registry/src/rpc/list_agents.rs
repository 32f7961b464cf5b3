//! ListAgents: the team, newest member first.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::page::Page;
use mc_proto::registry::v1::{ListAgentsRequest, ListAgentsResponse};

use super::{Agents, convert, workspace_of};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: ListAgentsRequest,
) -> Result<ListAgentsResponse, Error> {
    let page = Page::parse(request.page_size, &request.page_token);
    let (workspace, page) = both(workspace_of(caller, &request.parent), page)?;
    let mut tx = agents.database.read(workspace).await?;
    let mut rows = store::list(&mut tx, workspace, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut rows, |agent| agent.id.uuid());
    Ok(ListAgentsResponse { agents: rows.into_iter().map(convert::agent).collect(), next_page_token })
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;

    use crate::testing::{Fixture, ada, fields, outcome, parent};

    async fn list(fixture: &Fixture, page_size: i32, page_token: &str) -> (Vec<String>, String) {
        let request = pb::ListAgentsRequest { parent: parent(), page_size, page_token: page_token.into() };
        let reply = outcome(fixture.client().list_agents(fixture.request(request)).await).expect("list");
        (reply.agents.into_iter().map(|agent| agent.name).collect(), reply.next_page_token)
    }

    #[tokio::test]
    async fn pages_hold_while_agents_join() {
        let fixture = Fixture::start().await;
        let mut names = Vec::new();
        for _ in 0..5 {
            names.insert(0, fixture.create(ada()).await.name);
        }
        let (first, token) = list(&fixture, 2, "").await;
        assert_eq!(first, names[..2]);
        fixture.create(ada()).await;
        let (second, token) = list(&fixture, 2, &token).await;
        assert_eq!(second, names[2..4]);
        let (third, token) = list(&fixture, 2, &token).await;
        assert_eq!((third.as_slice(), token.as_str()), (&names[4..], ""));
        assert_eq!(list(&fixture, 0, "").await.0.len(), 6);
    }

    #[tokio::test]
    async fn bad_pages_are_refused_by_field() {
        let fixture = Fixture::start().await;
        let request =
            pb::ListAgentsRequest { parent: String::new(), page_size: 1_001, page_token: String::new() };
        let failure = outcome(fixture.client().list_agents(fixture.request(request)).await).expect_err("bad");
        assert_eq!(fields(&failure), ["parent", "page_size"]);
        let request = pb::ListAgentsRequest { parent: parent(), page_size: 0, page_token: "x".into() };
        let failure = outcome(fixture.client().list_agents(fixture.request(request)).await).expect_err("bad");
        assert_eq!(fields(&failure), ["page_token"]);
    }
}
