//! ListApiTokens: the caller's own tokens, newest first, revoked ones included.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::page::Page;
use mc_proto::identity::v1::{ListApiTokensRequest, ListApiTokensResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert, person, workspace_of};
use crate::store::api_tokens;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: ListApiTokensRequest,
) -> Result<ListApiTokensResponse, Error> {
    let person = person(caller)?;
    let page = Page::parse(request.page_size, &request.page_token);
    let (workspace, page) = both(workspace_of(caller, &request.parent), page)?;
    let mut tx = identity.database.read(workspace).await?;
    let mut rows = api_tokens::list(&mut tx, workspace, person.user, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut rows, |token| token.id);
    Ok(ListApiTokensResponse {
        api_tokens: rows.into_iter().map(convert::api_token).collect(),
        next_page_token,
    })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_proto::identity::v1 as pb;

    use crate::testing::{ADA, BOB, Fixture, WORKSPACE, outcome, parent};

    use super::*;

    #[tokio::test]
    async fn person_sees_their_own_newest_first() {
        let fixture = Fixture::populated().await;
        let create = async |user, name: &str| {
            let token = pb::ApiToken { display_name: name.into(), ..Default::default() };
            let message = pb::CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
            let request = fixture.auth.request(user, WORKSPACE, Role::Viewer, message);
            outcome(fixture.tokens().create_api_token(request).await).expect("create");
        };
        for (user, name) in [(ADA, "one"), (BOB, "his"), (ADA, "two"), (ADA, "three")] {
            create(user, name).await;
        }
        let list = async |page_token: String| {
            let message = ListApiTokensRequest { parent: parent(), page_size: 2, page_token };
            let reply = outcome(fixture.tokens().list_api_tokens(fixture.ada(message)).await).expect("list");
            let names: Vec<String> = reply.api_tokens.into_iter().map(|token| token.display_name).collect();
            (names, reply.next_page_token)
        };
        let (first, token) = list(String::new()).await;
        assert_eq!(first, ["three", "two"]);
        create(ADA, "four").await;
        assert_eq!(list(token).await, (vec!["one".to_owned()], String::new()));
    }
}
