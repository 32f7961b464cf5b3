//! ListCredentials: what is known about a workspace's credentials, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::page::Page;
use mc_proto::identity::v1::{ListCredentialsRequest, ListCredentialsResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert, workspace_of};
use crate::store::credentials;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: ListCredentialsRequest,
) -> Result<ListCredentialsResponse, Error> {
    let page = Page::parse(request.page_size, &request.page_token);
    let (workspace, page) = both(workspace_of(caller, &request.parent), page)?;
    let mut tx = identity.database.read(workspace).await?;
    let mut rows = credentials::list(&mut tx, workspace, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut rows, |credential| credential.id);
    Ok(ListCredentialsResponse {
        credentials: rows.into_iter().map(convert::credential).collect(),
        next_page_token,
    })
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, fields, outcome, parent};

    use super::*;

    #[tokio::test]
    async fn credentials_come_newest_first_and_pages_hold() {
        let fixture = Fixture::populated().await;
        let create = async |name: &str| {
            let message = pb::CreateCredentialRequest {
                parent: parent(),
                credential: Some(pb::Credential { display_name: name.into(), ..Default::default() }),
                secret: "s".into(),
                request_id: String::new(),
            };
            outcome(fixture.credentials().create_credential(fixture.ada(message)).await).expect("create");
        };
        for name in ["one", "two", "three"] {
            create(name).await;
        }
        let list = async |page_token: String| {
            let message = ListCredentialsRequest { parent: parent(), page_size: 2, page_token };
            let reply =
                outcome(fixture.credentials().list_credentials(fixture.ada(message)).await).expect("list");
            let names: Vec<String> = reply.credentials.into_iter().map(|it| it.display_name).collect();
            (names, reply.next_page_token)
        };
        let (first, token) = list(String::new()).await;
        assert_eq!(first, ["three", "two"]);
        create("four").await;
        assert_eq!(list(token).await, (vec!["one".to_owned()], String::new()));
        let message = ListCredentialsRequest { parent: parent(), page_size: -1, page_token: String::new() };
        let failure = outcome(fixture.credentials().list_credentials(fixture.ada(message.clone())).await);
        assert_eq!(fields(&failure.expect_err("page")), ["page_size"]);
        let failure = outcome(
            fixture
                .credentials()
                .list_credentials(fixture.bob(ListCredentialsRequest { page_size: 0, ..message }))
                .await,
        );
        assert_eq!(failure.expect_err("foreign").code(), Code::NotFound);
    }
}
