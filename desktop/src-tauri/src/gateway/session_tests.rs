//! The session and its calls against a gateway on loopback.

use std::pin::pin;
use std::thread;

use futures::FutureExt as _;
use futures::future::join_all;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error as StoreError, mock};
use reqwest::Method;
use serde_json::json;
use tokio::sync::oneshot;

use super::http::Call;
use super::session::{Because, Credentials, Standing};
use super::testing::{Gateway, tokens};
use crate::error::Error;
use crate::keychain::{Keychain, Tokens};
use crate::secret::Secret;

fn me() -> Call {
    Call::new(Method::GET, "/v1/me")
}

fn code(text: &str) -> Credentials {
    Credentials::Code { code: Secret::new(text) }
}

fn kept(keychain: &Keychain, gateway: &Gateway) -> Option<String> {
    let tokens = keychain.read(&gateway.address).expect("read")?;
    Some(tokens.session_token.expose().to_owned())
}

/// What a store has of the session at a gateway.
fn entry(store: &mock::Store, gateway: &Gateway) -> Entry {
    store.build("app.missioncontrol.desktop", gateway.address.as_str(), None).expect("entry")
}

#[tokio::test]
async fn calls_that_are_refused_together_make_one_renewal() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    gateway.inside.renew.send_replace(false);

    let calls: Vec<_> = (0..10)
        .map(|_| {
            let session = session.clone();
            async move { session.call(&me()).await.expect("call").status }
        })
        .collect();
    let release = async {
        // All ten were refused before the renewal is answered.
        gateway.inside.refused.subscribe().wait_for(|refused| *refused == 10).await.expect("refused");
        gateway.inside.renew.send_replace(true);
    };
    let (statuses, ()) = tokio::join!(join_all(calls), release);

    assert_eq!(statuses, [200; 10]);
    assert_eq!(*gateway.inside.renewals.borrow(), 1);
    assert_eq!(kept(&keychain, &gateway).as_deref(), Some("mc_ses_2"));
}

#[tokio::test]
async fn renewal_is_stored_although_the_asker_went_away() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    gateway.inside.renew.send_replace(false);
    {
        let call = me();
        let asker = session.call(&call);
        let arrived = async {
            gateway.inside.renewals.subscribe().wait_for(|renewals| *renewals == 1).await.expect("renewal");
        };
        tokio::select! {
            _ = asker => panic!("the renewal was held"),
            () = arrived => {}
        }
    }
    gateway.inside.renew.send_replace(true);
    // The session's lock is free again when the renewal is done.
    assert_eq!(session.bearer().await.expect("bearer").session_token.expose(), "mc_ses_2");
    assert_eq!(kept(&keychain, &gateway).as_deref(), Some("mc_ses_2"));
}

#[tokio::test]
async fn refused_renewal_ends_the_session_here_too() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(7)));
    let error = session.call(&me()).await.expect_err("over");
    assert_eq!(error.reason(), "SIGNED_OUT");
    assert_eq!(*session.standing().borrow(), Standing::SignedOut { because: Because::Expired });
    assert_eq!(kept(&keychain, &gateway), None);
}

#[tokio::test]
async fn renewal_that_fails_for_a_moment_keeps_the_session() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    for (status, reason) in [(503, "UNAVAILABLE"), (429, "TOO_MANY"), (500, "INTERNAL")] {
        *gateway.inside.renewal_problem.lock().expect("lock") = Some((status, reason));
        assert_eq!(session.call(&me()).await.expect_err("not now").reason(), reason);
        assert_eq!(*session.standing().borrow(), Standing::SignedIn);
    }
    assert!(kept(&keychain, &gateway).is_some());
    *gateway.inside.renewal_problem.lock().expect("lock") = None;
    assert_eq!(session.call(&me()).await.expect("later").status, 200);
}

#[tokio::test]
async fn code_is_not_spent_when_nothing_can_be_kept() {
    let gateway = Gateway::start().await;
    let store = mock::Store::new().expect("store");
    let session = gateway.session_with(Keychain::with(store.clone()));
    let entry = entry(&store, &gateway);
    let cred: &mock::Cred = entry.as_any().downcast_ref().expect("mock");
    cred.set_error(StoreError::NoStorageAccess("no such service".into()));
    let error = session.sign_in(code("mc_otc_x")).await.expect_err("no keychain");
    assert_eq!(error.reason(), "KEYCHAIN_UNAVAILABLE");
    assert!(gateway.inside.sign_ins.lock().expect("lock").is_empty());

    session.sign_in(code("mc_otc_x")).await.expect("the keychain is there now, without a restart");
    assert_eq!(*gateway.inside.sign_ins.lock().expect("lock"), [json!({ "code": "mc_otc_x" })]);
}

#[tokio::test]
async fn signing_in_is_kept_for_the_next_start_and_signing_out_forgets_it() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(None);
    assert_eq!(session.bearer().await.expect_err("nobody").reason(), "SIGNED_OUT");
    assert_eq!(*session.standing().borrow(), Standing::SignedOut { because: Because::Never });
    let credentials =
        Credentials::Password { email: "ana@example.com".into(), password: Secret::new("right") };
    session.sign_in(credentials).await.expect("sign in");
    assert_eq!(*session.standing().borrow(), Standing::SignedIn);

    let next_start = gateway.session_with(keychain.clone());
    assert_eq!(next_start.call(&me()).await.expect("call").status, 200);
    next_start.sign_out().await.expect("sign out");
    assert_eq!(*gateway.inside.sign_outs.lock().expect("lock"), ["mc_ses_1"]);
    assert_eq!(kept(&keychain, &gateway), None);
    assert_eq!(*next_start.standing().borrow(), Standing::SignedOut { because: Because::SignedOut });
}

#[tokio::test]
async fn nobody_is_told_of_the_sign_out_before_the_keychain_has_forgotten() {
    let gateway = Gateway::start().await;
    let store = mock::Store::new().expect("store");
    let keychain = Keychain::with(store.clone());
    keychain.write(&gateway.address, &tokens(1)).expect("write");
    let session = gateway.session_with(keychain.clone());
    session.bearer().await.expect("read");

    let entry = entry(&store, &gateway);
    let ((has_locked, locked), (unlock, unlocked)) = (oneshot::channel(), oneshot::channel::<()>());
    let slow_keychain = thread::spawn(move || {
        let cred: &mock::Cred = entry.as_any().downcast_ref().expect("mock");
        let _open = cred.inner.lock().expect("lock");
        has_locked.send(()).expect("the test waits");
        unlocked.blocking_recv().expect("the test says when");
    });
    locked.await.expect("locked");
    let mut leaving = pin!(session.sign_out());
    assert!(leaving.as_mut().now_or_never().is_none());
    // Every task of this thread has had its turn as often as it likes.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*session.standing().borrow(), Standing::SignedIn);
    unlock.send(()).expect("the keychain waits");
    leaving.await.expect("sign out");
    slow_keychain.join().expect("join");
    assert_eq!(*session.standing().borrow(), Standing::SignedOut { because: Because::SignedOut });
    assert_eq!(kept(&keychain, &gateway), None);
}

#[tokio::test]
async fn signing_out_with_a_stale_bearer_still_ends_the_session_at_the_gateway() {
    let gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    session.sign_out().await.expect("sign out");
    assert_eq!(*gateway.inside.sign_outs.lock().expect("lock"), ["mc_ses_2"]);
}

#[tokio::test]
async fn signing_out_does_not_need_the_gateway() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    *gateway.inside.renewal_problem.lock().expect("lock") = Some((503, "UNAVAILABLE"));
    session.sign_out().await.expect("sign out");
    assert_eq!(kept(&keychain, &gateway), None);
}

#[tokio::test]
async fn wrong_password_is_told_by_the_gateway_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(Some(&tokens(1)));
    let credentials = Credentials::Password { email: "a@b.c".into(), password: Secret::new("wrong") };
    match session.sign_in(credentials).await.expect_err("wrong") {
        Error::Refused(problem) => {
            assert_eq!((problem.status, &*problem.reason), (401, "INVALID_CREDENTIALS"));
        }
        other => panic!("{other}"),
    }
    assert_eq!(kept(&keychain, &gateway).as_deref(), Some("mc_ses_1"));
    assert_eq!(session.call(&me()).await.expect("as before").status, 200);
}

#[tokio::test]
async fn api_token_signs_in_when_it_is_good_and_is_never_renewed() {
    let gateway = Gateway::start().await;
    let (session, keychain) = gateway.session(None);
    let token = |text: &str| Credentials::Token { token: Secret::new(text) };
    assert_eq!(session.sign_in(token("mc_pat_bad")).await.expect_err("bad").reason(), "TOKEN_EXPIRED");
    session.sign_in(token("mc_pat_good")).await.expect("good");
    assert_eq!(session.call(&me()).await.expect("call").status, 200);

    let revoked = Tokens { session_token: Secret::new("mc_pat_revoked"), refresh_token: None };
    keychain.write(&gateway.address, &revoked).expect("write");
    let session = gateway.session_with(keychain);
    assert_eq!(session.call(&me()).await.expect_err("revoked").reason(), "SIGNED_OUT");
    assert_eq!(*gateway.inside.renewals.borrow(), 0);
}

#[tokio::test]
async fn call_carries_its_headers_and_brings_the_etag_back() {
    let gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let mut call = me();
    call.idempotency_key = Some("k1".into());
    call.if_match = Some("\"e0\"".into());
    assert_eq!(session.call(&call).await.expect("call").etag.as_deref(), Some("\"e1\""));
    let headers = gateway.inside.headers.lock().expect("lock").clone();
    assert_eq!(headers["idempotency-key"], "k1");
    assert_eq!(headers["if-match"], "\"e0\"");
    assert_eq!(headers["authorization"], "Bearer mc_ses_1");

    let anonymous = session.call_anonymously(&me()).await.expect("call");
    assert_eq!(anonymous.status, 401);
    assert!(!gateway.inside.headers.lock().expect("lock").contains_key("authorization"));

    call.if_match = Some("line\nbreak".into());
    assert_eq!(session.call(&call).await.expect_err("header").reason(), "INVALID_ARGUMENT");
}

#[tokio::test]
async fn odd_answers_are_bounded_and_redirects_are_not_followed() {
    let gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let odd = |kind: &str| Call::new(Method::GET, &format!("/v1/odd/{kind}"));
    assert_eq!(session.call(&odd("redirect")).await.expect("as it is").status, 302);
    assert_eq!(session.call(&odd("longest")).await.expect("fits").body.len(), super::http::MAX_ANSWER_BYTES);
    assert_eq!(session.call(&odd("long")).await.expect_err("too long").reason(), "NOT_A_GATEWAY");
    let html = session.call(&odd("html")).await.expect("an answer").succeeded(&gateway.address);
    assert_eq!(html.expect_err("no problem in it").reason(), "NOT_A_GATEWAY");
}

#[tokio::test]
async fn nothing_that_answers_is_told_with_the_way_out() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = format!("http://{}", free.local_addr().expect("address"));
    drop(free);
    let mut gateway = Gateway::start().await;
    gateway.address = super::Address::parse(&address).expect("address");
    let (session, _) = gateway.session(Some(&tokens(1)));
    let error = session.call(&me()).await.expect_err("nobody");
    assert_eq!(error.reason(), "GATEWAY_UNREACHABLE");
    assert!(error.to_string().contains("./mc status"), "{error}");
}

#[tokio::test]
async fn web_view_cannot_call_what_answers_with_tokens() {
    let gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let mut call = Call::new(Method::POST, "/v1/auth:refresh");
    call.body = Some(serde_json::value::to_raw_value(&json!({ "refreshToken": "mc_ref_1" })).expect("json"));
    for attempt in [session.call(&call).await, session.call_anonymously(&call).await] {
        assert_eq!(attempt.expect_err("refused").reason(), "INVALID_ARGUMENT");
    }
    assert_eq!(*gateway.inside.renewals.borrow(), 0);
}
