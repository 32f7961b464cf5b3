//! ExchangeSignInCode: opens a session with a code, once.
//!
//! Attempts are not counted: nobody guesses 256 bits, and a wrong code costs one look at an index.

use mc_chassis::{Failure, names};
use mc_proto::identity::v1::{ExchangeSignInCodeRequest, ExchangeSignInCodeResponse};

use crate::domain::audit::Event;
use crate::domain::bearer::{Bearer, Kind};
use crate::domain::session::Issued;
use crate::domain::sign_in_code::Standing;
use crate::error::Error;
use crate::rpc::{Identity, convert};
use crate::store::{accounts, audit, sessions, sign_in_codes};

pub(super) async fn handle(
    identity: &Identity,
    request: ExchangeSignInCodeRequest,
) -> Result<ExchangeSignInCodeResponse, Error> {
    if request.code.is_empty() {
        return Err(Failure::invalid("code", "is required").into());
    }
    let bearer = Bearer::parse(&request.code).filter(|bearer| bearer.kind() == Kind::SignInCode);
    let bearer = bearer.ok_or(Error::SignInCodeInvalid)?;

    let now = identity.ambient.clock.now();
    let mut tx = identity.database.begin_open().await?;
    let code = sign_in_codes::lock(&mut tx, &bearer).await?.ok_or(Error::SignInCodeInvalid)?;
    let event = |action: &str| Event {
        id: identity.ambient.ids.uuid(),
        actor: names::user(code.user),
        action: action.to_owned(),
        resource: names::user(code.user),
        detail: String::new(),
        time: now,
    };
    match code.standing(now) {
        Standing::Good => {}
        Standing::Over => return Err(Error::SignInCodeInvalid),
        Standing::Reused => {
            sign_in_codes::note_use(&mut tx, &bearer, now).await?;
            audit::note_of_person(&mut tx, code.user, &event("signInCode.reuse"), &identity.ambient.ids)
                .await?;
            tx.commit().await?;
            identity.audit.wake();
            tracing::warn!(user = %code.user, "sign-in code used twice");
            return Err(Error::SignInCodeInvalid);
        }
    }
    let root = sign_in_codes::lock_maker(&mut tx, code.maker, now).await?.ok_or(Error::SignInCodeInvalid)?;
    let account = accounts::read(&mut tx, code.user).await?.ok_or(Error::SignInCodeInvalid)?;
    let issued = Issued::at(now, root.last_time, &identity.ambient.ids);
    let session = identity.ambient.ids.uuid();
    sign_in_codes::note_use(&mut tx, &bearer, now).await?;
    sessions::insert(&mut tx, session, code.user, root, now).await?;
    sessions::insert_tokens(&mut tx, session, code.user, &issued, now).await?;
    audit::note_of_person(&mut tx, code.user, &event("signInCode.exchange"), &identity.ambient.ids).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(ExchangeSignInCodeResponse {
        session: Some(convert::session(&issued)),
        user: Some(convert::user(account)),
    })
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1::{CreateSignInCodeRequest, Session, SignOutRequest};
    use time::Duration;
    use tonic::Code;

    use crate::domain::sign_in_code::TTL;
    use crate::testing::{ADA, EMAIL, Fixture, PASSWORD, WORKSPACE, fields, outcome, parent, with_bearer};

    use super::*;

    async fn exchange(fixture: &Fixture, code: &str) -> Result<ExchangeSignInCodeResponse, Failure> {
        let request = ExchangeSignInCodeRequest { code: code.to_owned() };
        outcome(fixture.auth_client().exchange_sign_in_code(request).await)
    }

    /// A session of Ada and a code that she made with it.
    async fn code(fixture: &Fixture) -> (Session, String) {
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let caller = fixture.exchange(&session.session_token, "").await.expect("exchange");
        let request = with_bearer(&caller, CreateSignInCodeRequest {});
        let reply = outcome(fixture.real_auth_client().create_sign_in_code(request).await).expect("create");
        (session, reply.code)
    }

    #[tokio::test]
    async fn code_opens_a_session_of_its_own_once() {
        let fixture = Fixture::populated().await;
        let (maker, code) = code(&fixture).await;
        let reply = exchange(&fixture, &code).await.expect("exchange");
        assert_eq!(reply.user.expect("user").name, format!("users/{ADA}"));
        let session = reply.session.expect("session");
        let caller = fixture.exchange(&session.session_token, &parent()).await.expect("works");
        assert_eq!(fixture.opened(&caller).await.person.user, ADA);
        fixture.refresh(&session.refresh_token).await.expect("is renewed as any other");

        // Signing out here leaves the session that made the code.
        let request = with_bearer(&caller, SignOutRequest {});
        outcome(fixture.real_auth_client().sign_out(request).await).expect("sign out");
        fixture.exchange(&maker.session_token, &parent()).await.expect("still signed in there");

        for _ in 0..3 {
            let failure = exchange(&fixture, &code).await.expect_err("used");
            assert_eq!((failure.code(), failure.reason()), (Code::Unauthenticated, "SIGN_IN_CODE_INVALID"));
            assert!(failure.message().contains("./mc link"), "{}", failure.message());
        }
        let told = async |action: &str| fixture.audited(action).await;
        assert_eq!(told("signInCode.exchange").await, [(WORKSPACE, format!("users/{ADA}"))]);
        assert_eq!(told("signInCode.reuse").await.len(), 1, "the first of the reuses");
    }

    #[tokio::test]
    async fn code_works_up_to_the_instant_it_expires() {
        let fixture = Fixture::populated().await;
        let (_, first) = code(&fixture).await;
        fixture.clock.advance(TTL - Duration::milliseconds(1));
        exchange(&fixture, &first).await.expect("just in time");
        let (_, second) = code(&fixture).await;
        fixture.clock.advance(TTL);
        assert_eq!(exchange(&fixture, &second).await.expect_err("late").reason(), "SIGN_IN_CODE_INVALID");
    }

    #[tokio::test]
    async fn unknown_used_expired_and_foreign_look_alike() {
        let fixture = Fixture::populated().await;
        let (session, used) = code(&fixture).await;
        exchange(&fixture, &used).await.expect("exchange");
        let (ended, orphan) = code(&fixture).await;
        let caller = fixture.exchange(&ended.session_token, "").await.expect("exchange");
        let request = with_bearer(&caller, SignOutRequest {});
        outcome(fixture.real_auth_client().sign_out(request).await).expect("sign out");
        let (_, expired) = code(&fixture).await;
        let unknown = format!("mc_otc_{}", "a".repeat(43));
        let mut answers = Vec::new();
        for bad in [&used, &used, &orphan, &unknown, &unknown[..49].to_owned(), &session.refresh_token] {
            answers.push(exchange(&fixture, bad).await.expect_err(bad));
        }
        fixture.clock.advance(TTL);
        answers.push(exchange(&fixture, &expired).await.expect_err("expired"));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(fields(&exchange(&fixture, "").await.expect_err("empty")), ["code"]);
        let failure = fixture.exchange(&used, "").await.expect_err("no bearer for calls");
        assert_eq!(failure.reason(), "TOKEN_INVALID");
        assert_eq!(fixture.refresh(&used).await.expect_err("nor for renewal").reason(), "TOKEN_INVALID");
    }

    #[tokio::test]
    async fn of_trades_at_the_same_time_one_wins() {
        let fixture = Fixture::populated().await;
        let (_, code) = code(&fixture).await;
        let (one, two) = tokio::join!(exchange(&fixture, &code), exchange(&fixture, &code));
        assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
        let won = one.or(two).expect("one").session.expect("session");
        fixture.exchange(&won.session_token, &parent()).await.expect("and keeps its session");
    }
}
