//! ListWorkspaces: where the caller belongs, oldest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::identity::v1::{ListWorkspacesRequest, ListWorkspacesResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert, person};
use crate::store::{scope, workspaces};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: ListWorkspacesRequest,
) -> Result<ListWorkspacesResponse, Error> {
    let person = person(caller)?;
    let page = Page::parse(request.page_size, &request.page_token)?;
    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, person.user).await?;
    let mut rows = workspaces::list(&mut tx, person.user, person.workspace, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut rows, |workspace| workspace.id);
    Ok(ListWorkspacesResponse {
        workspaces: rows.into_iter().map(convert::workspace).collect(),
        next_page_token,
    })
}

#[cfg(test)]
mod tests {
    use mc_chassis::names;

    use crate::testing::{BOB, Fixture, OTHER_WORKSPACE, WORKSPACE, outcome};

    use super::*;

    #[tokio::test]
    async fn person_pages_through_their_own_oldest_first() {
        let fixture = Fixture::populated().await;
        let list = async |page_token: &str| {
            let request = ListWorkspacesRequest { page_size: 1, page_token: page_token.into() };
            let reply = outcome(fixture.workspaces().list_workspaces(fixture.outside(BOB, request)).await)
                .expect("list");
            (reply.workspaces.into_iter().map(|it| it.name).collect::<Vec<_>>(), reply.next_page_token)
        };
        let (first, token) = list("").await;
        assert_eq!(first, [names::workspace(WORKSPACE)]);
        assert_eq!(list(&token).await, (vec![names::workspace(OTHER_WORKSPACE)], String::new()));
        let bound = fixture.bob(ListWorkspacesRequest::default());
        let bound = outcome(fixture.workspaces().list_workspaces(bound).await).expect("list");
        assert_eq!(bound.workspaces.len(), 1, "a bound call learns of its own alone");
    }
}
