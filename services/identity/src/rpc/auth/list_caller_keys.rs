//! ListCallerKeys: the public keys that verify caller tokens.

use mc_proto::identity::v1::{CallerKey, ListCallerKeysResponse};

use crate::error::Error;
use crate::rpc::Identity;

pub(super) async fn handle(identity: &Identity) -> Result<ListCallerKeysResponse, Error> {
    let keys = identity.signing.listed().await?;
    let key = |key: mc_chassis::auth::PublicKey| CallerKey {
        kid: key.kid().to_owned(),
        public_key: key.bytes().to_vec(),
    };
    Ok(ListCallerKeysResponse { keys: keys.into_iter().map(key).collect() })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::CallerToken;
    use mc_proto::identity::v1::ListCallerKeysRequest;
    use time::Duration;

    use crate::signing::CallerKeys;
    use crate::testing::{ADA, EMAIL, Fixture, PASSWORD, outcome};
    use crate::vault::KeyRing;

    async fn kids(fixture: &Fixture) -> Vec<String> {
        let reply =
            outcome(fixture.auth_client().list_caller_keys(ListCallerKeysRequest {}).await).expect("list");
        for key in &reply.keys {
            let bytes = key.public_key.clone().try_into().expect("32 bytes");
            assert_eq!(mc_chassis::auth::PublicKey::from_bytes(bytes).kid(), key.kid);
        }
        reply.keys.into_iter().map(|key| key.kid).collect()
    }

    #[tokio::test]
    async fn replicas_that_start_together_share_one_key() {
        let fixture = Fixture::start().await;
        assert!(kids(&fixture).await.is_empty(), "made on first need");
        let ring = KeyRing::parse(&format!("test:{}", "11".repeat(32))).expect("a key");
        let replicas: Vec<CallerKeys> = (0..4)
            .map(|_| CallerKeys::new(fixture.database.clone(), ring.clone(), fixture.ambient.clone()))
            .collect();
        let (one, two, three, four) = tokio::join!(
            replicas[0].signing(),
            replicas[1].signing(),
            replicas[2].signing(),
            replicas[3].signing()
        );
        let kid = one.expect("key").public().kid().to_owned();
        for other in [two, three, four] {
            assert_eq!(other.expect("key").public().kid(), kid);
        }
        assert_eq!(kids(&fixture).await, [kid]);
    }

    #[tokio::test]
    async fn retired_key_stays_listed_until_its_last_token_has_expired() {
        let fixture = Fixture::populated().await;
        let session = fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let token = fixture.exchange(&session.session_token, "").await.expect("exchange");
        let old = kids(&fixture).await;
        let new = fixture.signing.rotate().await.expect("rotate").kid().to_owned();
        assert_eq!(kids(&fixture).await, [new.clone(), old[0].clone()]);
        assert_eq!(fixture.opened(&token).await.person.user, ADA);

        // The replica that serves still has the old key at hand, and lets go of it after half a minute.
        fixture.clock.advance(Duration::seconds(29));
        let last_of_old = fixture.exchange(&session.session_token, "").await.expect("exchange");
        fixture.clock.advance(Duration::seconds(1));
        let first_of_new = fixture.exchange(&session.session_token, "").await.expect("exchange");
        let keys = fixture.signing.listed().await.expect("keys");
        let signed_by = |kid: &str, token: &str| {
            let key = keys.iter().find(|key| key.kid() == kid).expect("listed");
            CallerToken::open(key, token, fixture.ambient.clock.now()).is_some()
        };
        assert!(signed_by(&old[0], &last_of_old) && signed_by(&new, &first_of_new));

        fixture.clock.advance(Duration::minutes(5));
        assert_eq!(kids(&fixture).await.len(), 2);
        fixture.clock.advance(Duration::minutes(2));
        assert_eq!(kids(&fixture).await, [new]);
    }

    #[tokio::test]
    async fn private_keys_are_stored_sealed() {
        let fixture = Fixture::start().await;
        let key = fixture.signing.signing().await.expect("key");
        let (ciphertext, wrapped): (Vec<u8>, Vec<u8>) =
            sqlx::query_as("SELECT ciphertext, wrapped_key FROM identity.caller_key")
                .fetch_one(&fixture.kit.admin())
                .await
                .expect("row");
        for stored in [ciphertext, wrapped] {
            assert!(!stored.windows(32).any(|window| window == key.seed()));
        }
    }
}
