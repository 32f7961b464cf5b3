//! SignOut: ends the session that the caller came with.

use mc_chassis::auth::Caller;
use mc_proto::identity::v1::{SignOutRequest, SignOutResponse};

use crate::domain::session::End;
use crate::error::Error;
use crate::rpc::{Identity, person};
use crate::store::{scope, sessions};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    _: SignOutRequest,
) -> Result<SignOutResponse, Error> {
    let person = person(caller)?;
    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, person.user).await?;
    let ended = sessions::end(&mut tx, person.session, End::SignedOut, identity.ambient.clock.now()).await?;
    tx.commit().await?;
    // An API token stands in the same claim, and has no session to end.
    if ended { Ok(SignOutResponse {}) } else { Err(Error::SessionNeeded) }
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::testing::TestAuth;
    use tonic::Code;
    use uuid::Uuid;

    use crate::testing::{ADA, EMAIL, Fixture, PASSWORD, WORKSPACE, outcome, parent, with_bearer};

    use super::*;

    #[tokio::test]
    async fn session_ends_and_ending_it_again_succeeds() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let caller = fixture.exchange(&session.session_token, "").await.expect("exchange");
        for _ in 0..2 {
            let request = with_bearer(&caller, SignOutRequest {});
            outcome(fixture.real_auth_client().sign_out(request).await).expect("sign out");
        }
        let failure = fixture.exchange(&session.session_token, &parent()).await.expect_err("over");
        assert_eq!((failure.code(), failure.reason()), (Code::Unauthenticated, "TOKEN_REVOKED"));
        assert_eq!(
            fixture.refresh(&session.refresh_token).await.expect_err("over").reason(),
            "TOKEN_REVOKED"
        );
    }

    #[tokio::test]
    async fn what_has_no_session_cannot_sign_out() {
        let fixture = Fixture::populated().await;
        let failure = outcome(fixture.auth_client().sign_out(fixture.ada(SignOutRequest {})).await);
        assert_eq!(failure.expect_err("no session").reason(), "SESSION_NEEDED");
        let run = TestAuth::run(WORKSPACE, Uuid::from_u128(7), ADA);
        let request = fixture.auth.service("tasks").request_for_run("identity", &run, SignOutRequest {});
        let failure = outcome(fixture.auth_client().sign_out(request).await).expect_err("a run");
        assert_eq!(failure.code(), Code::PermissionDenied);
    }
}
