//! Refresh: trades a refresh token for a new pair. Asked again at once it answers the same; later that is taken as theft.

use mc_proto::identity::v1::{RefreshRequest, RefreshResponse};

use crate::domain::bearer::{Bearer, Kind};
use crate::domain::session::{End, Issued, Standing};
use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::sessions;

pub(super) async fn handle(identity: &Identity, request: RefreshRequest) -> Result<RefreshResponse, Error> {
    if request.refresh_token.is_empty() {
        return Err(mc_chassis::Failure::invalid("refresh_token", "is required").into());
    }
    let bearer = Bearer::parse(&request.refresh_token).filter(|bearer| bearer.kind() == Kind::Refresh);
    let bearer = bearer.ok_or(Error::TokenInvalid)?;

    // As precise as the database is: what is answered again is the same to the last digit.
    let now = identity.ambient.clock.now().truncate_to_microsecond();
    let mut tx = identity.database.begin_open().await?;
    let token = sessions::lock_refresh(&mut tx, &bearer).await?.ok_or(Error::TokenInvalid)?;
    match token.standing(now) {
        Standing::Good => {}
        Standing::Again { then, seed } => {
            let issued = Issued::following(&bearer, &seed, then, token.last_time);
            return Ok(RefreshResponse { session: Some(convert::session(&issued)) });
        }
        Standing::Expired => return Err(Error::TokenExpired),
        Standing::Revoked => return Err(Error::TokenRevoked),
        Standing::Reused => {
            // The thief and the owner look alike from here: the session ends for both, and the owner signs in again.
            sessions::end(&mut tx, token.session, End::RefreshReused, now).await?;
            tx.commit().await?;
            tracing::warn!(session = %token.session, user = %token.user, "refresh token used twice; session ended");
            return Err(Error::RefreshTokenReused);
        }
    }
    let seed = identity.ambient.ids.bytes();
    let issued = Issued::following(&bearer, &seed, now, token.last_time);
    sessions::use_refresh(&mut tx, token.session, &bearer, &seed, now).await?;
    sessions::insert_tokens(&mut tx, token.session, token.user, &issued, now).await?;
    tx.commit().await?;
    Ok(RefreshResponse { session: Some(convert::session(&issued)) })
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1::SignOutRequest;
    use time::Duration;

    use crate::domain::session::REFRESH_GRACE;
    use crate::testing::{EMAIL, Fixture, PASSWORD, fields, outcome, parent, with_bearer};

    #[tokio::test]
    async fn refresh_token_works_once_and_a_second_use_ends_the_session() {
        let fixture = Fixture::populated().await;
        let first = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let second = fixture.refresh(&first.refresh_token).await.expect("refresh");
        assert_ne!(second.session_token, first.session_token);
        let third = fixture.refresh(&second.refresh_token).await.expect("refresh");
        fixture.exchange(&third.session_token, &parent()).await.expect("alive");

        let stolen = fixture.refresh(&first.refresh_token).await.expect_err("used before");
        assert_eq!(stolen.reason(), "REFRESH_TOKEN_REUSED");
        for token in [&first.session_token, &second.session_token, &third.session_token] {
            let failure = fixture.exchange(token, &parent()).await.expect_err("the whole session is over");
            assert_eq!(failure.reason(), "TOKEN_REVOKED");
        }
        assert_eq!(fixture.refresh(&third.refresh_token).await.expect_err("over").reason(), "TOKEN_REVOKED");
        fixture.sign_in(EMAIL, PASSWORD).await.expect("a new session");
    }

    #[tokio::test]
    async fn tabs_that_renew_at_once_get_the_same_pair() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let (one, two) =
            tokio::join!(fixture.refresh(&session.refresh_token), fixture.refresh(&session.refresh_token));
        let (one, two) = (one.expect("one"), two.expect("two"));
        assert_eq!(one, two);
        fixture.exchange(&one.session_token, &parent()).await.expect("alive");
        let tokens: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.session_token")
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("count");
        assert_eq!(tokens, 4, "the first pair and its successor");
        fixture.refresh(&two.refresh_token).await.expect("goes on");
    }

    #[tokio::test]
    async fn traded_token_answers_again_for_its_grace_and_not_an_instant_longer() {
        let fixture = Fixture::populated().await;
        let first = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let second = fixture.refresh(&first.refresh_token).await.expect("refresh");
        fixture.clock.advance(REFRESH_GRACE - Duration::microseconds(1));
        let again = fixture.refresh(&first.refresh_token).await.expect("a reply was lost");
        assert_eq!(again, second, "with the same ends: asking again prolongs nothing");
        fixture.clock.advance(Duration::microseconds(1));
        let stolen = fixture.refresh(&first.refresh_token).await.expect_err("too late");
        assert_eq!(stolen.reason(), "REFRESH_TOKEN_REUSED");
        let failure = fixture.exchange(&second.session_token, &parent()).await.expect_err("over");
        assert_eq!(failure.reason(), "TOKEN_REVOKED");
    }

    #[tokio::test]
    async fn ended_session_answers_nothing_again() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let renewed = fixture.refresh(&session.refresh_token).await.expect("refresh");
        let caller = fixture.exchange(&renewed.session_token, "").await.expect("exchange");
        let request = with_bearer(&caller, SignOutRequest {});
        outcome(fixture.real_auth_client().sign_out(request).await).expect("sign out");
        let failure = fixture.refresh(&session.refresh_token).await.expect_err("over");
        assert_eq!(failure.reason(), "TOKEN_REVOKED");
    }

    #[tokio::test]
    async fn expired_unknown_and_other_bearers_are_refused() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        assert_eq!(
            fixture.refresh(&session.session_token).await.expect_err("kind").reason(),
            "TOKEN_INVALID"
        );
        let unknown = format!("mc_ref_{}", "a".repeat(43));
        assert_eq!(fixture.refresh(&unknown).await.expect_err("unknown").reason(), "TOKEN_INVALID");
        assert_eq!(fields(&fixture.refresh("").await.expect_err("empty")), ["refresh_token"]);
        fixture.clock.advance(Duration::days(30));
        assert_eq!(
            fixture.refresh(&session.refresh_token).await.expect_err("late").reason(),
            "TOKEN_EXPIRED"
        );
    }
}
