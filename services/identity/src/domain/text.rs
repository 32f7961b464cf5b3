//! Rules that several fields share, and the list that every broken rule is added to.

use mc_chassis::error::Violation;

/// Broken rules that one reply names; more would not fit in its headers.
pub(crate) const MAX_VIOLATIONS: usize = 16;
/// Characters of a name shown to people.
pub(crate) const MAX_NAME: usize = 80;

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

    /// Holds one line of text to 1..=`max` characters that can be shown.
    pub(crate) fn line(&mut self, field: &str, text: &str, max: usize) {
        if text.trim().is_empty() {
            self.add(field, format!("is required: 1 to {max} characters"));
        } else if text.chars().count() > max {
            self.add(field, format!("must be at most {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.add(field, "must be one line without control characters");
        }
    }
}

/// Holds a name shown to people to its rule.
pub(crate) fn display_name(field: &str, name: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations::default();
    violations.line(field, name, MAX_NAME);
    violations.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_held_at_its_edges_in_characters() {
        for good in ["a".to_owned(), "é".repeat(MAX_NAME), " padded ".to_owned()] {
            assert!(display_name("it", &good).is_ok(), "{good}");
        }
        for bad in
            [String::new(), "  ".to_owned(), "é".repeat(MAX_NAME + 1), "a\nb".to_owned(), "a\0".to_owned()]
        {
            assert_eq!(display_name("it", &bad).expect_err(&bad)[0].field, "it");
        }
    }

    #[test]
    fn reply_names_sixteen_broken_rules_at_most() {
        let mut violations = Violations::default();
        (0..40).for_each(|n| violations.add(format!("field[{n}]"), "is wrong"));
        assert_eq!(violations.into_result().expect_err("broken").len(), MAX_VIOLATIONS);
    }
}
