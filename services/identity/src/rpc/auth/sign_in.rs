//! SignIn: opens a session for a local account.

use std::net::IpAddr;

use mc_chassis::Failure;
use mc_chassis::error::both;
use mc_proto::identity::v1::{SignInRequest, SignInResponse};
use tonic::metadata::MetadataMap;
use zeroize::Zeroizing;

use crate::domain::account::{self, Email};
use crate::domain::attempts::Counted;
use crate::domain::session::Issued;
use crate::domain::sign_in_code::Root;
use crate::error::Error;
use crate::passwords::Verdict;
use crate::rpc::{Identity, convert};
use crate::store::{accounts, attempts, scope, sessions};

/// Where the gateway says which network address a public call came from. Whoever reaches this service past the gateway
/// can write it too, and so escape the counts per place; the count over all places holds for everybody.
const CLIENT_HEADER: &str = "x-mc-client-address";

/// The network address behind the call, if the gateway tells it.
pub(super) fn client_address(metadata: &MetadataMap) -> Option<IpAddr> {
    metadata.get(CLIENT_HEADER)?.to_str().ok()?.parse().ok()
}

pub(super) async fn handle(
    identity: &Identity,
    client: Option<IpAddr>,
    request: SignInRequest,
) -> Result<SignInResponse, Error> {
    let password = Zeroizing::new(request.password);
    let (email, ()) = both(parse_email(&request.email), check_password(&password))?;

    // Counted before the password is looked at, so that parallel attempts cannot slip past, and outside the transaction
    // below, so that a failed one stays counted.
    let counted = Counted::of(email.as_str(), client);
    let now = identity.ambient.clock.now();
    for one in &counted {
        let count = attempts::count(identity.database.pool(), *one, now).await?;
        if let Some(wait) = count.wait(one.limit, now) {
            return Err(Error::TooManyAttempts(wait));
        }
    }

    let mut tx = identity.database.begin_open().await?;
    scope::email(&mut tx, &email).await?;
    let found = accounts::by_email(&mut tx, &email).await?;
    // Hashing takes a while; no transaction waits for it.
    tx.rollback().await?;

    let (account, hash) = found.unzip();
    let verdict = identity.passwords.check(password.clone(), hash).await?;
    let (Some(account), Verdict::Right | Verdict::RightButWeak) = (account, verdict) else {
        return Err(Error::InvalidCredentials);
    };
    let stronger = match verdict {
        Verdict::RightButWeak => Some(identity.passwords.hash(password, &identity.ambient.ids).await?),
        Verdict::Right | Verdict::Wrong => None,
    };

    let now = identity.ambient.clock.now();
    let session = identity.ambient.ids.uuid();
    let issued = Issued::at(now, Root::PASSWORD.last_time, &identity.ambient.ids);
    let mut tx = identity.database.begin_open().await?;
    scope::user(&mut tx, account.user).await?;
    if let Some(hash) = stronger {
        accounts::set_password_hash(&mut tx, account.user, &hash).await?;
    }
    sessions::insert(&mut tx, session, account.user, Root::PASSWORD, now).await?;
    sessions::insert_tokens(&mut tx, session, account.user, &issued, now).await?;
    tx.commit().await?;
    for one in counted {
        attempts::uncount(identity.database.pool(), one).await?;
    }
    Ok(SignInResponse { session: Some(convert::session(&issued)), user: Some(convert::user(account)) })
}

fn parse_email(text: &str) -> Result<Email, Failure> {
    Email::parse(text).ok_or_else(|| Failure::invalid("email", "must be an address like ada@example.com"))
}

fn check_password(password: &str) -> Result<(), Failure> {
    if account::may_try(password) {
        Ok(())
    } else {
        Err(Failure::invalid("password", format!("is required: at most {} bytes", account::MAX_PASSWORD)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use crate::domain::attempts::{PER_CLIENT, PER_EMAIL, PER_EMAIL_ANYWHERE, WINDOW};
    use crate::testing::{ADA, EMAIL, Fixture, PASSWORD, fields, outcome};

    use super::*;

    #[tokio::test]
    async fn session_is_opened_and_the_address_has_one_spelling() {
        let fixture = Fixture::populated().await;
        let request = SignInRequest { email: " ADA@example.com ".into(), password: PASSWORD.into() };
        let reply = outcome(fixture.auth_client().sign_in(request).await).expect("sign in");
        let user = reply.user.expect("user");
        assert_eq!((user.name, user.email.as_str()), (format!("users/{ADA}"), EMAIL));
        let session = reply.session.expect("session");
        let now = fixture.ambient.clock.now().unix_timestamp();
        assert_eq!(session.expire_time.expect("time").seconds, now + 3_600);
        assert_eq!(session.refresh_expire_time.expect("time").seconds, now + 30 * 86_400);
        assert!(session.session_token.starts_with("mc_ses_") && session.refresh_token.starts_with("mc_ref_"));
    }

    #[tokio::test]
    async fn wrong_password_and_unknown_address_look_alike() {
        let fixture = Fixture::populated().await;
        let wrong = fixture.sign_in(EMAIL, "wrong").await.expect_err("wrong password");
        let unknown = fixture.sign_in("eve@example.com", PASSWORD).await.expect_err("unknown address");
        assert_eq!(wrong, unknown);
        assert_eq!((wrong.code(), wrong.reason()), (Code::Unauthenticated, "INVALID_CREDENTIALS"));
    }

    #[tokio::test]
    async fn missing_and_oversized_fields_are_named() {
        let fixture = Fixture::start().await;
        let failure = fixture.sign_in("nobody", "").await.expect_err("both wrong");
        assert_eq!(fields(&failure), ["email", "password"]);
        let failure = fixture.sign_in(EMAIL, &"p".repeat(1_025)).await.expect_err("too long");
        assert_eq!(fields(&failure), ["password"]);
    }

    #[tokio::test]
    async fn attempts_for_an_address_are_limited_whether_it_exists_or_not() {
        let fixture = Fixture::populated().await;
        for email in [EMAIL, "eve@example.com"] {
            for _ in 0..PER_EMAIL {
                let failure = fixture.sign_in(email, "wrong").await.expect_err("wrong");
                assert_eq!(failure.reason(), "INVALID_CREDENTIALS");
            }
            let failure = fixture.sign_in(email, PASSWORD).await.expect_err("one too many");
            assert_eq!((failure.code(), failure.reason()), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS"));
            assert_eq!(failure.retry_delay(), Some(Duration::from_mins(15)));
        }
        fixture.clock.advance(WINDOW);
        fixture.sign_in(EMAIL, PASSWORD).await.expect("a new window");
    }

    async fn from(fixture: &Fixture, place: &str, email: &str, password: &str) -> Result<(), Failure> {
        let message = SignInRequest { email: email.into(), password: password.into() };
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert(CLIENT_HEADER, place.parse().expect("ASCII"));
        outcome(fixture.auth_client().sign_in(request).await).map(drop)
    }

    /// Sets a counter, as if so many attempts had been made.
    async fn wind(fixture: &Fixture, counted: Counted, attempts: i32) {
        sqlx::query("UPDATE identity.sign_in_window SET attempts = $2 WHERE key_hash = $1")
            .bind(counted.key.as_slice())
            .bind(attempts)
            .execute(&fixture.kit.admin())
            .await
            .expect("wind");
    }

    #[tokio::test]
    async fn place_that_guesses_is_stopped_and_locks_nobody_out_elsewhere() {
        let fixture = Fixture::populated().await;
        for _ in 0..PER_EMAIL {
            let failure = from(&fixture, "192.0.2.7", EMAIL, "wrong").await.expect_err("wrong");
            assert_eq!(failure.reason(), "INVALID_CREDENTIALS");
        }
        for _ in 0..3 {
            let failure = from(&fixture, "192.0.2.7", EMAIL, PASSWORD).await.expect_err("one too many");
            assert_eq!(failure.reason(), "TOO_MANY_ATTEMPTS");
        }
        from(&fixture, "192.0.2.8", EMAIL, PASSWORD).await.expect("the owner, elsewhere");
        from(&fixture, "192.0.2.7", "bob@example.com", PASSWORD).await.expect("somebody else, there");
        let [_, _, anywhere] = Counted::of(EMAIL, "192.0.2.7".parse().ok())[..] else {
            panic!("three counts")
        };
        let count: i32 =
            sqlx::query_scalar("SELECT attempts FROM identity.sign_in_window WHERE key_hash = $1")
                .bind(anywhere.key.as_slice())
                .fetch_one(&fixture.kit.admin())
                .await
                .expect("read");
        assert_eq!(count, PER_EMAIL, "what was stopped there used up nothing of the account");
    }

    #[tokio::test]
    async fn all_places_together_and_each_place_have_a_limit_and_successes_are_not_counted() {
        let fixture = Fixture::populated().await;
        for _ in 0..3 {
            from(&fixture, "192.0.2.7", EMAIL, PASSWORD).await.expect("right");
        }
        let left: Vec<i32> = sqlx::query_scalar("SELECT attempts FROM identity.sign_in_window")
            .fetch_all(&fixture.kit.admin())
            .await
            .expect("read");
        assert_eq!(left, [0, 0, 0]);
        let [place, _, anywhere] = Counted::of(EMAIL, "192.0.2.7".parse().ok())[..] else {
            panic!("three counts")
        };
        let reason = async |place: &str| {
            from(&fixture, place, EMAIL, PASSWORD).await.err().map(|it| it.reason().to_owned())
        };
        let many = Some("TOO_MANY_ATTEMPTS".to_owned());

        wind(&fixture, place, PER_CLIENT - 1).await;
        assert_eq!(reason("192.0.2.7").await, None, "the last one of the place");
        wind(&fixture, place, PER_CLIENT).await;
        assert_eq!(reason("192.0.2.7").await, many);
        assert_eq!(reason("192.0.2.8").await, None);

        wind(&fixture, anywhere, PER_EMAIL_ANYWHERE - 1).await;
        assert_eq!(reason("192.0.2.8").await, None, "the last one of the account");
        wind(&fixture, anywhere, PER_EMAIL_ANYWHERE).await;
        assert_eq!(reason("192.0.2.8").await, many);
        let unknown = fixture.sign_in(EMAIL, PASSWORD).await.expect_err("nor from a place that is not known");
        assert_eq!(unknown.reason(), "TOO_MANY_ATTEMPTS");
    }

    #[tokio::test]
    async fn hash_of_weaker_parameters_is_replaced_at_the_next_sign_in() {
        use argon2::PasswordHasher;
        let fixture = Fixture::populated().await;
        let params = argon2::Params::new(8 * 1_024, 1, 1, None).expect("params");
        let weak = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let weak = weak.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).expect("hash").to_string();
        let admin = fixture.kit.admin();
        sqlx::query("UPDATE identity.account SET password_hash = $1")
            .bind(weak)
            .execute(&admin)
            .await
            .expect("weaken");
        fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let hash: String =
            sqlx::query_scalar("SELECT password_hash FROM identity.account WHERE user_id = $1")
                .bind(ADA)
                .fetch_one(&admin)
                .await
                .expect("read");
        assert!(hash.contains("m=19456,t=2,p=1"), "{hash}");
        fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in again");
    }
}
