//! GetMe: who the caller is and where they belong.

use mc_chassis::auth::Caller;
use mc_chassis::names;
use mc_proto::identity::v1::{GetMeRequest, GetMeResponse};

use crate::error::Error;
use crate::rpc::{Identity, convert, person};
use crate::store::{accounts, scope, workspaces};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    _: GetMeRequest,
) -> Result<GetMeResponse, Error> {
    let person = person(caller)?;
    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, person.user).await?;
    let account = accounts::read(&mut tx, person.user).await?;
    let account = account.ok_or_else(|| Error::NotFound(names::user(person.user)))?;
    // A call about one workspace (an API token's always is) learns of that one alone.
    let memberships = workspaces::memberships(&mut tx, person.user, person.workspace).await?;
    Ok(GetMeResponse {
        user: Some(convert::user(account)),
        memberships: memberships.into_iter().map(convert::membership).collect(),
    })
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1::Role;

    use crate::testing::{ADA, BOB, EMAIL, Fixture, OTHER_WORKSPACE, WORKSPACE, outcome};

    use super::*;

    #[tokio::test]
    async fn person_learns_of_every_workspace_and_a_bound_call_of_its_own() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.auth_client();
        let all = outcome(client.get_me(fixture.outside(BOB, GetMeRequest {})).await).expect("me");
        let seen: Vec<_> = all.memberships.iter().map(|it| (it.workspace.as_str(), it.role())).collect();
        let (home, other) = (names::workspace(WORKSPACE), names::workspace(OTHER_WORKSPACE));
        assert_eq!(seen, [(home.as_str(), Role::Viewer), (other.as_str(), Role::Owner)]);
        let bound = outcome(client.get_me(fixture.bob(GetMeRequest {})).await).expect("me");
        assert_eq!(bound.memberships.len(), 1);
        let ada = outcome(client.get_me(fixture.outside(ADA, GetMeRequest {})).await).expect("me");
        assert_eq!(ada.user.expect("user").email, EMAIL);
        assert_eq!(ada.memberships.len(), 1);
    }
}
