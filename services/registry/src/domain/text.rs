//! Rules that several fields share.

use mc_chassis::error::Violations;

/// Characters of a refused value that are repeated to the caller.
const MAX_QUOTED: usize = 40;

/// Holds a publisher's note to its 500 characters; line breaks are fine.
pub(crate) fn note(field: &str, text: &str, violations: &mut Violations) {
    const MAX: usize = 500;
    if text.chars().count() > MAX {
        violations.add(field, format!("must be at most {MAX} characters"));
    } else if text.contains('\0') {
        violations.add(field, "must not contain a NUL character");
    }
}

/// Whether an etag that came in is the one that stands: an absent one always is.
pub(crate) fn is_etag(given: &str, current: &str) -> bool {
    given.is_empty() || given == current
}

/// A refused value, shortened, for a message.
pub(crate) fn quote(value: &str) -> String {
    let mut short: String = value.chars().take(MAX_QUOTED).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_value_is_not_repeated_whole() {
        assert_eq!(quote("short"), "\"short\"");
        assert_eq!(quote(&"x".repeat(1_000)).chars().count(), MAX_QUOTED + 3);
    }
}
