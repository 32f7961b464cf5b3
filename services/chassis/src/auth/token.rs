//! Caller tokens: what identity says about a person, for five minutes, to every service.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::auth::{Person, PublicKey, SigningKey};

/// How long a caller token lives.
pub const CALLER_TOKEN_TTL: Duration = Duration::minutes(5);

/// How far the clocks of two machines may be apart.
pub(crate) const CLOCK_SKEW: Duration = Duration::seconds(30);

const ISSUER: &str = "mc-identity";

/// A verified caller token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerToken {
    /// Who it speaks of.
    pub person: Person,
    /// When it ends.
    pub expire_time: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    person: Person,
}

impl CallerToken {
    /// Signs a token that ends at `expire_time`.
    pub fn sign(
        key: &SigningKey,
        person: Person,
        now: OffsetDateTime,
        expire_time: OffsetDateTime,
    ) -> String {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            iat: now.unix_timestamp(),
            exp: expire_time.unix_timestamp(),
            person,
        };
        key.sign(&claims)
    }

    /// Reads a token that `key` signed; absent if it did not, or the token is not a caller token, ended or from the
    /// future.
    pub fn open(key: &PublicKey, token: &str, now: OffsetDateTime) -> Option<Self> {
        let claims: Claims = key.open(token)?;
        let alive = claims.exp > now.unix_timestamp() && claims.iat <= (now + CLOCK_SKEW).unix_timestamp();
        let expire_time = OffsetDateTime::from_unix_timestamp(claims.exp).ok()?;
        (claims.iss == ISSUER && alive).then_some(Self { person: claims.person, expire_time })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::auth::Role;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn person() -> Person {
        Person {
            user: Uuid::from_u128(1),
            workspace: Some(Uuid::from_u128(2)),
            role: Some(Role::Operator),
            scopes: vec!["tasks.*".to_owned()],
            session: Uuid::from_u128(3),
        }
    }

    #[test]
    fn token_says_what_was_signed_until_it_ends() {
        let key = SigningKey::from_seed([7; 32]);
        let token = CallerToken::sign(&key, person(), NOW, NOW + CALLER_TOKEN_TTL);
        let opened = CallerToken::open(key.public(), &token, NOW).expect("fresh token");
        assert_eq!(opened, CallerToken { person: person(), expire_time: NOW + CALLER_TOKEN_TTL });
        assert!(
            CallerToken::open(key.public(), &token, NOW + CALLER_TOKEN_TTL - Duration::seconds(1)).is_some()
        );
        assert!(CallerToken::open(key.public(), &token, NOW + CALLER_TOKEN_TTL).is_none());
        assert!(CallerToken::open(key.public(), &token, NOW - CLOCK_SKEW).is_some());
        assert!(CallerToken::open(key.public(), &token, NOW - CLOCK_SKEW - Duration::seconds(1)).is_none());
    }

    #[test]
    fn other_keys_other_algorithms_and_altered_tokens_are_refused() {
        let key = SigningKey::from_seed([7; 32]);
        let token = CallerToken::sign(&key, person(), NOW, NOW + CALLER_TOKEN_TTL);
        assert!(CallerToken::open(SigningKey::from_seed([8; 32]).public(), &token, NOW).is_none());

        let (body, signature) = token.rsplit_once('.').expect("compact JWT");
        let (_, claims) = body.split_once('.').expect("compact JWT");
        let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for forged in [
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{body}."),
            token.replace('.', ""),
        ] {
            assert!(CallerToken::open(key.public(), &forged, NOW).is_none(), "{forged}");
        }
    }
}
