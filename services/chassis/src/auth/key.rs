//! Ed25519 keys (RFC 8032) that sign and verify tokens (RFC 8037).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::Ids;

/// A private key. Its Debug shows the key id alone.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    seed: zeroize::Zeroizing<[u8; 32]>,
    encoding: EncodingKey,
    public: PublicKey,
}

/// A public key with its id.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kid: String,
    bytes: [u8; 32],
}

impl SigningKey {
    /// Makes a key.
    pub fn generate(ids: &Ids) -> Self {
        Self::from_seed(ids.bytes())
    }

    /// Takes the 32 bytes of a private key (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey::from_bytes(key.verifying_key().to_bytes());
        let der = key.to_pkcs8_der().expect("an Ed25519 key always has a PKCS#8 form");
        Self {
            kid: public.kid.clone(),
            seed: zeroize::Zeroizing::new(seed),
            encoding: EncodingKey::from_ed_der(der.as_bytes()),
            public,
        }
    }

    /// Reads the base64 text of a key file.
    pub fn from_base64(text: &str) -> Option<Self> {
        Some(Self::from_seed(STANDARD.decode(text.trim()).ok()?.try_into().ok()?))
    }

    /// The text for a key file.
    pub fn to_base64(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(STANDARD.encode(*self.seed))
    }

    /// The 32 bytes of the private key.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs claims as a compact JWT.
    pub(crate) fn sign<C: Serialize>(&self, claims: &C) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .expect("claims are plain data and the key is valid")
    }
}

impl PublicKey {
    /// Takes the 32 bytes of a public key. Its id follows from them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(bytes);
        Self { kid: URL_SAFE_NO_PAD.encode(&digest[..9]), bytes }
    }

    /// Reads the base64 text of a trust list.
    pub fn from_base64(text: &str) -> Option<Self> {
        Some(Self::from_bytes(STANDARD.decode(text.trim()).ok()?.try_into().ok()?))
    }

    /// The text for a trust list.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// The id: the first 72 bits of the key's SHA-256, base64url.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Checks a token's signature and reads its claims. Times and audience are the caller's to check, against its clock.
    pub(crate) fn open<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(self.bytes)).ok()?;
        jsonwebtoken::decode(token, &key, &validation).ok().map(|data| data.claims)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kid)
    }
}
