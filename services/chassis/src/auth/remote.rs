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
            let reply = client.list_caller_keys(ListCallerKeysRequest {}).await.map_err(|status| {
                tracing::warn!(failure = %Failure::from_status(&status), "ask identity for its public keys");
                let text = "callers cannot be verified right now; try again in a moment";
                Failure::unavailable(reason::UPSTREAM_UNAVAILABLE, text)
            })?;
            // A key that is none verifies nothing, and the others still do.
            Ok(reply.into_inner().keys.into_iter().filter_map(public_key).collect())
        })
    })
}

fn public_key(key: CallerKey) -> Option<PublicKey> {
    key.public_key.try_into().ok().map(PublicKey::from_bytes)
}
