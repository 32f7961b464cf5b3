//! A person's account and the rules for its address and password.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

/// Characters of a new password, at least. NIST SP 800-63B-4 asks for 15 where a password is the only factor.
pub(crate) const MIN_PASSWORD: usize = 15;
/// Bytes of a password, at most: what is hashed is bounded before it is hashed.
pub(crate) const MAX_PASSWORD: usize = 1_024;

/// An address in its one spelling: lower case, no surrounding space.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Email(String);

impl Email {
    /// Reads an address of the form `local@domain`; anything finer is the mail server's to say.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@')?;
        let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
        let fits = text.len() <= 254
            && (1..=64).contains(&local.len())
            && !local.contains('@')
            && !text.contains(|it: char| it.is_control() || it.is_whitespace())
            && domain.split('.').all(label);
        fits.then_some(Self(text))
    }

    /// The address.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address is personal: it goes to its owner and not to the log.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: Uuid,
    pub(crate) email: Email,
    pub(crate) display_name: String,
    pub(crate) create_time: OffsetDateTime,
}

/// Whether a password may be chosen.
pub(crate) fn may_choose(password: &str) -> bool {
    password.chars().count() >= MIN_PASSWORD && may_try(password)
}

/// Whether a password is worth hashing at all.
pub(crate) fn may_try(password: &str) -> bool {
    (1..=MAX_PASSWORD).contains(&password.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_has_one_spelling() {
        let read = |text: &str| Email::parse(text).map(|email| email.as_str().to_owned());
        assert_eq!(read(" Ada@Example.COM "), Some("ada@example.com".to_owned()));
        assert_eq!(read("ada@localhost"), Some("ada@localhost".to_owned()));
        let longest_local = "l".repeat(64);
        assert!(read(&format!("{longest_local}@example.com")).is_some());
        let longest = format!("{longest_local}@{}", "d".repeat(254 - 65));
        assert!(read(&longest).is_some());
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@.b",
            "a@b..c",
            "a@-b",
            "a\n@b",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("l{longest_local}@example.com")), None);
        assert_eq!(read(&format!("{longest}d")), None);
    }

    #[test]
    fn debug_keeps_the_address_to_itself() {
        let email = Email::parse("ada@example.com").expect("address");
        assert!(!format!("{email:?}").contains("ada"));
    }

    #[test]
    fn password_is_held_at_its_edges() {
        assert!(may_choose(&"ä".repeat(MIN_PASSWORD)) && !may_choose(&"ä".repeat(MIN_PASSWORD - 1)));
        assert!(may_choose(&"a".repeat(MAX_PASSWORD)) && !may_choose(&"a".repeat(MAX_PASSWORD + 1)));
        assert!(may_try("a") && !may_try("") && !may_try(&"a".repeat(MAX_PASSWORD + 1)));
    }
}
