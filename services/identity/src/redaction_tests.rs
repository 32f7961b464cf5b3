//! Nothing secret reaches the log, whatever is asked for: everything that the service logs is caught here and searched.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use mc_proto::identity::v1 as pb;
use tracing_subscriber::layer::SubscriberExt;

use crate::testing::{EMAIL, Fixture, PASSWORD, WORKSPACE, outcome, parent};

#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<u8>>>);

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let caught = Caught::default();
    let writer = caught.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    // Everything, but for the libraries that print the wire itself when asked to trace it.
    let filter = tracing_subscriber::EnvFilter::new("trace,h2=info,hyper=info,tonic=debug,tower=info");
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    // The test's runtime has one thread, so this holds for all that runs on it.
    let guard = tracing::subscriber::set_default(subscriber);

    let fixture = Fixture::populated().await;
    let mut secrets =
        vec![PASSWORD.to_owned(), "wrong password 4711".to_owned(), "sk-secret-0815".to_owned()];
    fixture.sign_in(EMAIL, "wrong password 4711").await.expect_err("wrong");
    let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
    let caller = fixture.exchange(&session.session_token, &parent()).await.expect("exchange");
    let renewed = fixture.refresh(&session.refresh_token).await.expect("refresh");
    fixture.refresh(&session.refresh_token).await.expect("the same again");
    fixture.clock.advance(crate::domain::session::REFRESH_GRACE);
    fixture.refresh(&session.refresh_token).await.expect_err("reuse, which is logged");
    let token = pb::ApiToken { display_name: "ci".into(), ..Default::default() };
    let message = pb::CreateApiTokenRequest { parent: parent(), api_token: Some(token) };
    let made = outcome(fixture.tokens().create_api_token(fixture.ada(message)).await).expect("create");
    let again = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
    let maker = fixture.exchange(&again.session_token, "").await.expect("exchange");
    let message = crate::testing::with_bearer(&maker, pb::CreateSignInCodeRequest {});
    let code = outcome(fixture.real_auth_client().create_sign_in_code(message).await).expect("create").code;
    for _ in 0..2 {
        let message = pb::ExchangeSignInCodeRequest { code: code.clone() };
        let _ = outcome(fixture.auth_client().exchange_sign_in_code(message).await);
    }
    fixture.exchange(&made.secret, "workspaces/x").await.expect_err("malformed");
    let message = pb::CreateCredentialRequest {
        parent: parent(),
        credential: Some(pb::Credential { display_name: "key".into(), ..Default::default() }),
        secret: "sk-secret-0815".into(),
        request_id: "r1".into(),
    };
    let reply = outcome(fixture.credentials().create_credential(fixture.ada(message)).await).expect("create");
    let name = reply.credential.expect("credential").name;
    let message = pb::ResolveCredentialRequest { name, purpose: "test".into() };
    let request = fixture.auth.service("llm").request_in("identity", WORKSPACE, message);
    outcome(fixture.credentials().resolve_credential(request).await).expect("resolve");
    // A row that cannot be opened is logged as an error.
    sqlx::query("UPDATE identity.credential SET key_id = 'gone'")
        .execute(&fixture.kit.admin())
        .await
        .expect("spoil");
    let name = format!("{}/credentials/{WORKSPACE}", parent());
    let message = pb::ResolveCredentialRequest { name, purpose: "test".into() };
    let request = fixture.auth.service("llm").request_in("identity", WORKSPACE, message);
    outcome(fixture.credentials().resolve_credential(request).await).expect_err("none");
    drop(guard);

    secrets.extend([
        session.session_token,
        session.refresh_token,
        renewed.session_token,
        renewed.refresh_token,
    ]);
    secrets.extend([caller, made.secret, code]);
    let log =
        String::from_utf8(caught.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
    assert!(log.contains("refresh token used twice"), "the log was caught");
    assert!(log.contains("sign-in code used twice"), "the second use as well");
    assert!(log.contains("identity.session_token"), "statements were caught");
    for secret in secrets {
        assert!(!log.contains(&secret), "found in the log: {}…", &secret[..7]);
    }
}
