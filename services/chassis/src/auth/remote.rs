//! Identity's public keys, asked of identity itself: what every service but identity verifies callers with.

use mc_proto::identity::v1::auth_service_client::AuthServiceClient;
use mc_proto::identity::v1::{CallerKey, ListCallerKeysRequest};

use crate::Failure;
use crate::auth::{CallerKeySource, PublicKey};
use crate::client::Upstream;
use crate::error::reason;

/// Asks `identity` for the keys that verify caller tokens, whenever the verifier meets one that it does not know.
pub fn keys_of(identity: &Upstream) -> CallerKeySource {
    let identity = identity.clone();
    std::sync::Arc::new(move || {
        let mut client = AuthServiceClient::new(identity.unary());
        Box::pin(async move {
            let reply = client
                .list_caller_keys(ListCallerKeysRequest {})
                .await
                .map_err(|status| cannot_verify(Failure::from_status(&status)))?;
            // A key that is none verifies nothing, and the others still do.
            Ok(reply.into_inner().keys.into_iter().filter_map(public_key).collect())
        })
    })
}

/// What callers are told when the keys cannot be had. That the database is gone is the same news from whichever service it
/// comes; any other trouble of identity's is not the callers'.
fn cannot_verify(failure: Failure) -> Failure {
    tracing::warn!(%failure, "ask identity for its public keys");
    if failure.reason() == reason::DATABASE_UNAVAILABLE {
        return failure;
    }
    let text = "callers cannot be verified right now; try again in a moment";
    Failure::unavailable(reason::UPSTREAM_UNAVAILABLE, text)
}

fn public_key(key: CallerKey) -> Option<PublicKey> {
    key.public_key.try_into().ok().map(PublicKey::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_database_is_named_and_other_trouble_is_kept_inside() {
        let gone = Failure::unavailable(reason::DATABASE_UNAVAILABLE, "later");
        assert_eq!(cannot_verify(gone).reason(), reason::DATABASE_UNAVAILABLE);
        for failure in [Failure::internal(), Failure::unavailable("DRAINING", "identity is stopping")] {
            let told = cannot_verify(failure);
            assert_eq!(
                (told.code(), told.reason()),
                (tonic::Code::Unavailable, reason::UPSTREAM_UNAVAILABLE)
            );
        }
    }
}
