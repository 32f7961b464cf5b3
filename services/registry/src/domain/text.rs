//! Rules that several fields share, and the list that every broken rule is added to.

use mc_chassis::error::Violation;

/// Broken rules that one reply names; more would not fit in its headers.
pub(crate) const MAX_VIOLATIONS: usize = 16;
/// Characters of a refused value that are repeated to the caller.
const MAX_QUOTED: usize = 40;

/// Every rule that a request breaks, each under the path of its field.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a broken rule; from the seventeenth on they are dropped.
    pub(crate) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(Violation { field: field.into(), description: description.into() });
        }
    }

    /// What was noted, if anything was.
    pub(crate) fn into_result(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    /// Holds one line of text to 1..=`max` characters (0..=`max` unless `required`) that can be shown.
    pub(crate) fn line(&mut self, field: &str, text: &str, max: usize, required: bool) {
        if required && text.trim().is_empty() {
            self.add(field, format!("is required: 1 to {max} characters"));
        } else if text.chars().count() > max {
            self.add(field, format!("must be at most {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.add(field, "must be one line without control characters");
        }
    }
}

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

    fn line(text: &str, required: bool) -> bool {
        let mut violations = Violations::default();
        violations.line("it", text, 3, required);
        violations.into_result().is_ok()
    }

    #[test]
    fn line_is_held_at_its_edges_in_characters() {
        assert!(line("abc", true) && line("äöü", true) && line("", false));
        assert!(!line("abcd", true) && !line("", true) && !line("  ", true) && !line("a\nb", true));
    }

    #[test]
    fn reply_names_sixteen_broken_rules_at_most() {
        let mut violations = Violations::default();
        (0..40).for_each(|n| violations.add(format!("field[{n}]"), "is wrong"));
        assert_eq!(violations.into_result().expect_err("broken").len(), MAX_VIOLATIONS);
    }

    #[test]
    fn long_value_is_not_repeated_whole() {
        assert_eq!(quote("short"), "\"short\"");
        assert_eq!(quote(&"x".repeat(1_000)).chars().count(), MAX_QUOTED + 3);
    }
}
