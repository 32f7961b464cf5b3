//! CreateCredential: stores a secret, envelope-encrypted.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::{Violations, both};
use mc_chassis::idempotency::{self, Key};
use mc_proto::identity::v1::{CreateCredentialRequest, CreateCredentialResponse};
use zeroize::Zeroizing;

use super::seal;
use crate::domain::credential::{Credential, check_secret, hint};
use crate::domain::text::MAX_NAME;
use crate::error::Error;
use crate::rpc::{Identity, convert, workspace_of};
use crate::store::{audit, credentials};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    mut request: CreateCredentialRequest,
) -> Result<CreateCredentialResponse, Error> {
    let secret = Zeroizing::new(std::mem::take(&mut request.secret));
    let display_name = request.credential.clone().unwrap_or_default().display_name;
    let mut violations = Violations::default();
    violations.line("credential.display_name", &display_name, MAX_NAME, true);
    check_secret("secret", &secret, &mut violations);
    let checked =
        both(violations.into_result().map_err(Failure::from), idempotency::check(&request.request_id));
    let (workspace, _) = both(workspace_of(caller, &request.parent), checked)?;

    // A hash of the request is kept with its id. A short secret could be guessed from a plain one, so a keyed one of the
    // secret takes its place.
    request.secret = identity.ring.fingerprint(secret.as_bytes());
    let now = identity.ambient.clock.now();
    let id = identity.ambient.ids.uuid();
    let credential = Credential {
        workspace,
        id,
        display_name,
        hint: hint(&secret),
        create_time: now,
        rotate_time: now,
        use_time: None,
    };
    let sealed = seal(identity, workspace, id, &secret);
    let event = identity.event(caller, "credential.create", credential.name(), &credential.display_name);
    let actor = caller.actor();
    let key = Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace),
        actor: &actor,
        operation: "CreateCredential",
        request_id: &request.request_id,
    };
    let mut tx = identity.database.begin(workspace).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let credential = credentials::insert(tx, &credential, &sealed).await?;
        audit::note(tx, workspace, &event).await?;
        Ok::<_, Error>(CreateCredentialResponse { credential: Some(convert::credential(credential)) })
    })
    .await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{ADA, Fixture, WORKSPACE, fields, outcome, parent};

    use super::*;

    fn message(name: &str, secret: &str, request_id: &str) -> CreateCredentialRequest {
        CreateCredentialRequest {
            parent: parent(),
            credential: Some(pb::Credential { display_name: name.into(), ..Default::default() }),
            secret: secret.into(),
            request_id: request_id.into(),
        }
    }

    #[tokio::test]
    async fn secret_is_stored_nowhere_in_the_clear() {
        let fixture = Fixture::populated().await;
        let reply = outcome(
            fixture
                .credentials()
                .create_credential(fixture.ada(message("key", "sk-secret-1234", "r1")))
                .await,
        );
        let credential = reply.expect("create").credential.expect("credential");
        assert_eq!((credential.hint.as_str(), credential.use_time), ("1234", None));
        assert_eq!(credential.create_time, credential.rotate_time);
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'identity'",
        )
        .fetch_all(&fixture.kit.admin())
        .await
        .expect("tables");
        assert!(tables.len() > 8);
        let plain = "sk-secret-1234";
        let hashes = [hex(plain.as_bytes()), {
            use sha2::Digest;
            // The hash of the request is kept; it must not be one that a guess of the secret could be checked against.
            hex(&sha2::Sha256::digest(prost_bytes(&message("key", plain, "r1"))))
        }];
        for table in tables {
            let rows: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                "SELECT string_agg(t::text, ' ') FROM identity.\"{table}\" t"
            )))
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("rows");
            let rows = rows.unwrap_or_default();
            assert!(!rows.contains(plain) && hashes.iter().all(|hash| !rows.contains(hash)), "{table}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    fn prost_bytes(message: &CreateCredentialRequest) -> Vec<u8> {
        prost::Message::encode_to_vec(message)
    }

    #[tokio::test]
    async fn repeated_request_makes_one_and_another_secret_is_another_request() {
        let fixture = Fixture::populated().await;
        let create = async |secret: &str| {
            outcome(fixture.credentials().create_credential(fixture.ada(message("key", secret, "r1"))).await)
        };
        let first = create("one").await.expect("first");
        assert_eq!(create("one").await.expect("again"), first);
        assert_eq!(create("two").await.expect_err("another").reason(), "IDEMPOTENCY_KEY_REUSED");
    }

    #[tokio::test]
    async fn every_broken_rule_is_named_and_none_repeats_the_secret() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.credentials();
        let long = "s3cret".repeat(3_000);
        let request = CreateCredentialRequest { parent: "x".into(), ..message("", &long, "\n") };
        let failure = outcome(client.create_credential(fixture.ada(request)).await).expect_err("broken");
        assert_eq!(fields(&failure), ["parent", "credential.display_name", "secret", "request_id"]);
        assert!(!failure.message().contains("s3cret"));
        outcome(client.create_credential(fixture.ada(message("k", &"s".repeat(16 * 1024), ""))).await)
            .expect("at the edge");
        let operator = fixture.auth.request(ADA, WORKSPACE, Role::Operator, message("k", "s", ""));
        assert_eq!(
            outcome(client.create_credential(operator).await).expect_err("role").code(),
            Code::PermissionDenied
        );
        let foreign = outcome(client.create_credential(fixture.bob(message("k", "s", ""))).await);
        assert_eq!(foreign.expect_err("foreign").code(), Code::NotFound);
    }
}
