//! ResolveCredential: hands a secret to a service that is about to use it, and writes that down in the same transaction.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::{Violations, both};
use mc_proto::identity::v1::{ResolveCredentialRequest, ResolveCredentialResponse};

use super::{CREDENTIAL, place};
use crate::domain::credential::MAX_PURPOSE;
use crate::error::Error;
use crate::rpc::{Identity, resource_of};
use crate::store::{audit, credentials};
use crate::vault::OpenError;

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: ResolveCredentialRequest,
) -> Result<ResolveCredentialResponse, Error> {
    // No role holds the permission; this holds even if one is given it by mistake.
    if matches!(caller, Caller::Person(_)) {
        return Err(Error::ServiceNeeded);
    }
    let mut violations = Violations::default();
    violations.line("purpose", &request.purpose, MAX_PURPOSE, true);
    let named = resource_of(caller, CREDENTIAL, &request.name);
    let ((workspace, id), ()) = both(named, violations.into_result().map_err(Failure::from))?;

    let event = identity.event(caller, "credential.resolve", request.name.clone(), &request.purpose);
    let mut tx = identity.database.begin(workspace).await?;
    let sealed = credentials::use_secret(&mut tx, workspace, id, event.time).await?;
    let sealed = sealed.ok_or(Error::NotFound(request.name))?;
    let (workspace_text, id) = (workspace.to_string(), id.to_string());
    let secret = sealed.open(&identity.ring, place(&workspace_text, &id))?;
    let secret = std::str::from_utf8(&secret).map_err(|_| OpenError::Refused)?.to_owned();
    audit::note(&mut tx, workspace, &event).await?;
    // Only what is written down leaves: an outcome that is not known to be committed hands out nothing.
    tx.commit().await?;
    identity.audit.wake();
    Ok(ResolveCredentialResponse { secret })
}

#[cfg(test)]
mod tests {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    use aes_gcm::{Aes256Gcm, Nonce};
    use mc_chassis::auth::testing::TestAuth;
    use mc_proto::identity::v1 as pb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::domain::audit::{Event, GENESIS, chain};
    use crate::testing::{ADA, Fixture, KEK, NOW, OTHER_WORKSPACE, WORKSPACE, fields, outcome, parent};

    use super::*;

    const SECRET: &str = "sk-secret-1234";

    async fn stored(fixture: &Fixture) -> String {
        let message = pb::CreateCredentialRequest {
            parent: parent(),
            credential: Some(pb::Credential { display_name: "key".into(), ..Default::default() }),
            secret: SECRET.into(),
            request_id: String::new(),
        };
        let reply =
            outcome(fixture.credentials().create_credential(fixture.ada(message)).await).expect("create");
        reply.credential.expect("credential").name
    }

    fn message(name: &str) -> ResolveCredentialRequest {
        ResolveCredentialRequest { name: name.into(), purpose: "call the provider".into() }
    }

    #[tokio::test]
    async fn services_and_runs_get_the_secret_and_its_use_is_noted() {
        let fixture = Fixture::populated().await;
        let name = stored(&fixture).await;
        let llm = fixture.auth.service("llm");
        let mut client = fixture.credentials();
        fixture.clock.advance(time::Duration::SECOND);
        let reply =
            outcome(client.resolve_credential(llm.request_in("identity", WORKSPACE, message(&name))).await);
        assert_eq!(reply.expect("resolve").secret, SECRET);
        let run = TestAuth::run(WORKSPACE, Uuid::from_u128(7), ADA);
        let reply =
            outcome(client.resolve_credential(llm.request_for_run("identity", &run, message(&name))).await);
        assert_eq!(reply.expect("resolve").secret, SECRET);
        let read = outcome(client.get_credential(fixture.ada(pb::GetCredentialRequest { name })).await)
            .expect("get");
        let use_time = read.credential.expect("credential").use_time.expect("used");
        assert_eq!(use_time.seconds, NOW.unix_timestamp() + 1);
    }

    #[tokio::test]
    async fn everybody_else_is_refused() {
        let fixture = Fixture::populated().await;
        let name = stored(&fixture).await;
        let mut client = fixture.credentials();
        let owner =
            outcome(client.resolve_credential(fixture.ada(message(&name))).await).expect_err("an owner");
        assert_eq!(owner.code(), Code::PermissionDenied);
        let gateway = fixture.auth.service("gateway").request_in("identity", WORKSPACE, message(&name));
        let gateway = outcome(client.resolve_credential(gateway).await).expect_err("the gateway");
        assert_eq!(gateway.code(), Code::PermissionDenied);
        let llm = fixture.auth.service("llm");
        for request in [
            llm.request_in("identity", OTHER_WORKSPACE, message(&name)),
            llm.request("identity", message(&name)),
        ] {
            let failure = outcome(client.resolve_credential(request).await).expect_err("another workspace");
            assert_eq!(failure.code(), Code::NotFound);
        }
        for (purpose, fits) in [("", false), (&*"p".repeat(200), true), (&*"p".repeat(201), false)] {
            let message = ResolveCredentialRequest { name: name.clone(), purpose: purpose.into() };
            let outcome =
                outcome(client.resolve_credential(llm.request_in("identity", WORKSPACE, message)).await);
            assert_eq!(outcome.is_ok(), fits, "{purpose}");
            if let Err(failure) = outcome {
                assert_eq!(fields(&failure), ["purpose"]);
            }
        }
    }

    /// The row is opened here with nothing but the key and the layout that the migration describes.
    #[tokio::test]
    async fn stored_row_opens_independently() {
        let fixture = Fixture::populated().await;
        let name = stored(&fixture).await;
        let (format, wrapped, nonce, ciphertext): (i16, Vec<u8>, Vec<u8>, Vec<u8>) =
            sqlx::query_as("SELECT format, wrapped_key, nonce, ciphertext FROM identity.credential")
                .fetch_one(&fixture.kit.admin())
                .await
                .expect("row");
        let id = name.rsplit('/').next().expect("id");
        let aad = format!("{WORKSPACE}|credential|{id}|secret|{format}");
        let open = |key: &[u8], nonce: &[u8], cipher: &[u8]| {
            let nonce: [u8; 12] = nonce.try_into().expect("12 bytes");
            Aes256Gcm::new_from_slice(key)
                .expect("32 bytes")
                .decrypt(&Nonce::from(nonce), Payload { msg: cipher, aad: aad.as_bytes() })
                .expect("opens")
        };
        let data_key = open(&KEK, &wrapped[..12], &wrapped[12..]);
        assert_eq!(open(&data_key, &nonce, &ciphertext), SECRET.as_bytes());
    }

    #[tokio::test]
    async fn row_that_was_moved_to_another_credential_does_not_open() {
        let fixture = Fixture::populated().await;
        let (one, two) = (stored(&fixture).await, stored(&fixture).await);
        let id = |name: &str| name.rsplit('/').next().expect("id").parse::<Uuid>().expect("id");
        sqlx::query(
            "UPDATE identity.credential c SET (wrapped_key, nonce, ciphertext) = (SELECT o.wrapped_key, o.nonce, o.ciphertext
             FROM identity.credential o WHERE o.credential_id = $2) WHERE c.credential_id = $1",
        )
        .bind(id(&one))
        .bind(id(&two))
        .execute(&fixture.kit.admin())
        .await
        .expect("move");
        let request = fixture.auth.service("llm").request_in("identity", WORKSPACE, message(&one));
        let failure = outcome(fixture.credentials().resolve_credential(request).await).expect_err("moved");
        assert_eq!(failure.code(), Code::Internal);
    }

    #[tokio::test]
    async fn every_use_ends_in_the_workspaces_chain() {
        let fixture = Fixture::populated().await;
        let name = stored(&fixture).await;
        let llm = fixture.auth.service("llm");
        for _ in 0..3 {
            let request = llm.request_in("identity", WORKSPACE, message(&name));
            outcome(fixture.credentials().resolve_credential(request).await).expect("resolve");
        }
        // One creation and three uses. The relay is woken by each commit.
        let rows: Vec<(i64, String, Vec<u8>)> = loop {
            let rows: Vec<_> =
                sqlx::query_as("SELECT seq, body, hash FROM identity.audit_event ORDER BY seq")
                    .fetch_all(&fixture.kit.admin())
                    .await
                    .expect("trail");
            if rows.len() == 4 {
                break rows;
            }
            tokio::task::yield_now().await;
        };
        let mut previous = GENESIS.to_vec();
        let mut uses = 0;
        for (at, (seq, body, hash)) in rows.iter().enumerate() {
            assert_eq!(*seq, at as i64 + 1);
            assert_eq!(*hash, chain(&previous, WORKSPACE, *seq, body));
            previous.clone_from(hash);
            let event: Event = serde_json::from_str(body).expect("event");
            assert_eq!(event.resource, name);
            assert!(!body.contains(SECRET));
            if event.action == "credential.resolve" {
                uses += 1;
                assert_eq!(
                    (event.actor.as_str(), event.detail.as_str()),
                    ("services/llm", "call the provider")
                );
            }
        }
        assert_eq!(uses, 3);
        let altered =
            sqlx::query("UPDATE identity.audit_event SET body = '{}'").execute(&fixture.kit.admin()).await;
        assert!(altered.expect_err("immutable").to_string().contains("immutable"));
    }
}
