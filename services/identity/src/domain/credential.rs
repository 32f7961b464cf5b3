//! Credentials: what may be known about a secret, and the rules for the secret itself.

use time::OffsetDateTime;
use uuid::Uuid;

use mc_chassis::error::Violations;

/// Bytes of a secret.
pub(crate) const MAX_SECRET: usize = 16 * 1024;
/// Characters of a purpose.
pub(crate) const MAX_PURPOSE: usize = 200;
/// Secrets shorter than this show nothing of themselves.
const MIN_HINTED: usize = 12;
const HINT: usize = 4;

/// A credential without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) workspace: Uuid,
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    pub(crate) hint: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) rotate_time: OffsetDateTime,
    pub(crate) use_time: Option<OffsetDateTime>,
}

impl Credential {
    /// `workspaces/{workspace}/credentials/{credential}`.
    pub(crate) fn name(&self) -> String {
        credential_name(self.workspace, self.id)
    }
}

/// `workspaces/{workspace}/credentials/{credential}`.
pub(crate) fn credential_name(workspace: Uuid, id: Uuid) -> String {
    format!("workspaces/{workspace}/credentials/{id}")
}

/// Holds a secret to its rule. The reply never repeats any of it.
pub(crate) fn check_secret(field: &str, secret: &str, violations: &mut Violations) {
    if secret.is_empty() {
        violations.add(field, "is required: 1 byte to 16 KiB");
    } else if secret.len() > MAX_SECRET {
        violations.add(field, "must be at most 16 KiB");
    }
}

/// The last four characters of a secret of twelve or more.
pub(crate) fn hint(secret: &str) -> String {
    let length = secret.chars().count();
    if length < MIN_HINTED {
        String::new()
    } else {
        secret.chars().skip(length - HINT).filter(|it| *it != '\0').collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_held_at_its_edges() {
        let fits = |secret: &str| {
            let mut violations = Violations::default();
            check_secret("secret", secret, &mut violations);
            violations.into_result().is_ok()
        };
        assert!(fits("s") && fits(&"s".repeat(MAX_SECRET)));
        assert!(!fits("") && !fits(&"s".repeat(MAX_SECRET + 1)));
    }

    #[test]
    fn short_secret_shows_nothing_of_itself() {
        assert_eq!(hint("12345678901"), "");
        assert_eq!(hint("123456789012"), "9012");
        assert_eq!(hint("ääääääääääöü€x"), "öü€x");
    }
}
