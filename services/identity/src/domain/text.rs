//! Rules that several fields share.

use mc_chassis::error::{Violation, Violations};

/// Characters of a name shown to people.
pub(crate) const MAX_NAME: usize = 80;

/// Holds a name shown to people to its rule.
pub(crate) fn display_name(field: &str, name: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations::default();
    violations.line(field, name, MAX_NAME, true);
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
}
