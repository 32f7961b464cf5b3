//! RotateCredential: replaces the secret and keeps the name.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::{Violations, both};
use mc_proto::identity::v1::{RotateCredentialRequest, RotateCredentialResponse};
use zeroize::Zeroizing;

use super::{CREDENTIAL, seal};
use crate::domain::credential::{check_secret, hint};
use crate::error::Error;
use crate::rpc::{Identity, convert, resource_of};
use crate::store::{audit, credentials};

pub(super) async fn handle(
    identity: &Identity,
    caller: &Caller,
    request: RotateCredentialRequest,
) -> Result<RotateCredentialResponse, Error> {
    let secret = Zeroizing::new(request.secret);
    let mut violations = Violations::default();
    check_secret("secret", &secret, &mut violations);
    let named = resource_of(caller, CREDENTIAL, &request.name);
    let ((workspace, id), ()) = both(named, violations.into_result().map_err(Failure::from))?;

    let sealed = seal(identity, workspace, id, &secret);
    let now = identity.ambient.clock.now();
    let mut tx = identity.database.begin(workspace).await?;
    let rotated = credentials::rotate(&mut tx, workspace, id, &hint(&secret), &sealed, now).await?;
    let credential = rotated.ok_or(Error::NotFound(request.name))?;
    let event = identity.event(caller, "credential.rotate", credential.name(), &credential.display_name);
    audit::note(&mut tx, workspace, &event).await?;
    tx.commit().await?;
    identity.audit.wake();
    Ok(RotateCredentialResponse { credential: Some(convert::credential(credential)) })
}

#[cfg(test)]
mod tests {
    use mc_proto::identity::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, WORKSPACE, fields, outcome, parent};

    use super::*;

    #[tokio::test]
    async fn secret_is_replaced_and_then_deleted() {
        let fixture = Fixture::populated().await;
        let mut client = fixture.credentials();
        let message = pb::CreateCredentialRequest {
            parent: parent(),
            credential: Some(pb::Credential { display_name: "key".into(), ..Default::default() }),
            secret: "old-secret-1111".into(),
            request_id: String::new(),
        };
        let made = outcome(client.create_credential(fixture.ada(message)).await)
            .expect("create")
            .credential
            .expect("it");
        fixture.clock.advance(time::Duration::SECOND);
        let rotate =
            |name: &str, secret: &str| RotateCredentialRequest { name: name.into(), secret: secret.into() };
        let failure =
            outcome(client.rotate_credential(fixture.ada(rotate("x", ""))).await).expect_err("broken");
        assert_eq!(fields(&failure), ["name", "secret"]);
        let foreign = outcome(client.rotate_credential(fixture.bob(rotate(&made.name, "s"))).await);
        assert_eq!(foreign.expect_err("foreign").code(), Code::NotFound);
        let rotated =
            outcome(client.rotate_credential(fixture.ada(rotate(&made.name, "new"))).await).expect("rotate");
        let rotated = rotated.credential.expect("credential");
        assert_eq!((rotated.hint.as_str(), rotated.create_time), ("", made.create_time));
        assert_eq!(rotated.rotate_time.expect("time").seconds, made.rotate_time.expect("time").seconds + 1);
        let resolve = || {
            let message = pb::ResolveCredentialRequest { name: made.name.clone(), purpose: "test".into() };
            fixture.auth.service("llm").request_in("identity", WORKSPACE, message)
        };
        assert_eq!(outcome(client.resolve_credential(resolve()).await).expect("resolve").secret, "new");

        let delete = || pb::DeleteCredentialRequest { name: made.name.clone() };
        let foreign = outcome(client.delete_credential(fixture.bob(delete())).await).expect_err("foreign");
        assert_eq!(foreign.code(), Code::NotFound);
        outcome(client.delete_credential(fixture.ada(delete())).await).expect("delete");
        let again = outcome(client.delete_credential(fixture.ada(delete())).await).expect_err("gone");
        assert_eq!(again.code(), Code::NotFound);
        assert_eq!(
            outcome(client.resolve_credential(resolve()).await).expect_err("gone").code(),
            Code::NotFound
        );
    }
}
