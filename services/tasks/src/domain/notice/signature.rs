//! Signatures of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! HMAC-SHA256 over `{id}.{timestamp}.{payload}`, in base64 behind `v1,`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that is made here; the standard allows 24 to 64.
pub const SECRET_BYTES: usize = 32;

/// Secrets that sign, the newest first: one, or two for a while after a rotation.
pub struct SigningSecrets(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({})", self.0.len())
    }
}

/// A secret as people get it to see.
pub fn secret(bytes: [u8; SECRET_BYTES]) -> Zeroizing<String> {
    Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

impl SigningSecrets {
    /// Reads secrets as the vault has them; none if one is no secret.
    pub fn parse<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let read = |secret: &str| {
            let bytes =
                STANDARD.decode(secret.strip_prefix(PREFIX)?).ok().filter(|bytes| !bytes.is_empty())?;
            Some(Zeroizing::new(bytes))
        };
        Some(Self(secrets.into_iter().map(read).collect::<Option<_>>()?))
    }

    /// The `webhook-signature`: a signature by each secret, with blanks between.
    pub fn sign(&self, id: &str, timestamp_s: i64, payload: &str) -> String {
        let signature = |secret: &Zeroizing<Vec<u8>>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp_s}.").as_bytes());
            mac.update(payload.as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn known_answer() {
        let secrets = SigningSecrets::parse(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).expect("a secret");
        assert_eq!(
            secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn after_a_rotation_both_secrets_sign() {
        let (old, new) = (secret([1; SECRET_BYTES]), secret([2; SECRET_BYTES]));
        let sign = |secrets: &[&str]| {
            SigningSecrets::parse(secrets.iter().copied()).expect("secrets").sign("msg_1", 7, "{}")
        };
        let (by_old, by_new) = (sign(&[&old]), sign(&[&new]));
        assert_ne!(by_old, by_new);
        assert_eq!(sign(&[&new, &old]), format!("{by_new} {by_old}"));
    }

    #[test]
    fn what_is_no_secret_signs_nothing_and_no_secret_is_shown() {
        for stored in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%", "whsec_", "whsk_AAAA"] {
            assert!(SigningSecrets::parse([stored]).is_none(), "{stored}");
        }
        let secrets = SigningSecrets::parse([secret([1; SECRET_BYTES]).as_str()]);
        assert_eq!(format!("{secrets:?}"), "Some(SigningSecrets(1))");
    }
}
