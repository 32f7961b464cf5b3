//! Bearers: opaque 256-bit secrets that are handed out once and kept as their SHA-256 alone.
//!
//! A plain hash is enough, because nobody guesses 256 random bits; slow hashes are for what people choose.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use mc_chassis::ids::Ids;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What a bearer is for; its prefix says it to people and to secret scanners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Calls while signed in.
    Session,
    /// One renewal of a session.
    Refresh,
    /// Calls of a program.
    ApiToken,
    /// One sign-in, by a link.
    SignInCode,
}

/// Characters behind the prefix: 256 bits in base62.
const SECRET_LEN: usize = 43;

impl Kind {
    const ALL: [Self; 4] = [Self::Session, Self::Refresh, Self::ApiToken, Self::SignInCode];

    /// The first characters of every bearer of this kind.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "mc_ses_",
            Self::Refresh => "mc_ref_",
            Self::ApiToken => "mc_pat_",
            Self::SignInCode => "mc_otc_",
        }
    }
}

/// A bearer in the clear. Its Debug shows the kind alone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    kind: Kind,
    text: Zeroizing<String>,
}

impl Bearer {
    /// Makes a new one.
    pub(crate) fn issue(kind: Kind, ids: &Ids) -> Self {
        Self { kind, text: Zeroizing::new(ids.secret(kind.prefix())) }
    }

    /// One that follows from this one and `seed`: HMAC-SHA256 with this one as the key. Neither alone tells it.
    pub(crate) fn derive(&self, kind: Kind, seed: &[u8; 32]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.text.as_bytes()).expect("a key of any length");
        mac.update(seed);
        mac.update(kind.prefix().as_bytes());
        let secret = base62(&mac.finalize().into_bytes().into());
        Self { kind, text: Zeroizing::new(format!("{}{}", kind.prefix(), secret.as_str())) }
    }

    /// Reads one that a caller presents.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let secret = &text[kind.prefix().len()..];
        let whole = secret.len() == SECRET_LEN && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        whole.then(|| Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What is stored in its place.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The bearer itself, for the one reply that hands it out.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// The prefix and the first four characters: enough to tell bearers apart, 24 bits of 256.
    pub(crate) fn hint(&self) -> String {
        self.text[..self.kind.prefix().len() + 4].to_owned()
    }
}

/// 256 bits as a number in base62, most significant digit first: 62^43 is more than 2^256.
fn base62(bytes: &[u8; 32]) -> Zeroizing<String> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = Zeroizing::new([0_u32; SECRET_LEN]);
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in number.iter_mut().rev() {
            carry += *digit * 256;
            *digit = carry % 62;
            carry /= 62;
        }
    }
    Zeroizing::new(number.iter().map(|digit| char::from(DIGITS[*digit as usize])).collect())
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.kind.prefix())
    }
}

#[cfg(test)]
mod tests {
    use mc_chassis::Ambient;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn issued_bearer_is_read_back_and_told_apart_by_kind() {
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        for kind in Kind::ALL {
            let bearer = Bearer::issue(kind, &ambient.ids);
            let read = Bearer::parse(bearer.reveal()).expect("issued");
            assert_eq!((read.kind(), read.hash()), (kind, bearer.hash()));
            assert_eq!(bearer.hint().len(), 11);
            assert!(!format!("{bearer:?}").contains(&bearer.reveal()[7..11]));
        }
    }

    #[test]
    fn derived_bearer_is_one_and_every_number_fits() {
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        let derived = Bearer::issue(Kind::Refresh, &ambient.ids).derive(Kind::Session, &[1; 32]);
        assert_eq!(Bearer::parse(derived.reveal()).expect("whole").kind(), Kind::Session);
        let mut one = [0; 32];
        one[31] = 62;
        assert_eq!(base62(&[0; 32]).as_str(), "0".repeat(43));
        assert_eq!(base62(&one).as_str(), format!("{}10", "0".repeat(41)));
        // 2^256 - 1, worked out elsewhere.
        assert_eq!(base62(&[0xff; 32]).as_str(), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
    }

    #[test]
    fn anything_else_is_no_bearer() {
        let secret = "a".repeat(SECRET_LEN);
        for bad in [
            String::new(),
            secret.clone(),
            format!("mc_xxx_{secret}"),
            format!("mc_pat_{secret}a"),
            format!("mc_pat_{}", &secret[1..]),
            format!("mc_pat_{}-", &secret[1..]),
            format!("mc_pat_{}é", &secret[2..]),
        ] {
            assert_eq!(Bearer::parse(&bad), None, "{bad}");
        }
    }
}
