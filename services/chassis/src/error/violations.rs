//! Everything that is wrong with a request, told at once and in as much room as a reply has.

use super::{Failure, Violation};

/// Fields that one failure names; more are dropped.
pub const MAX_VIOLATIONS: usize = 16;

// A failure travels in headers, of which a client takes 16 KiB, and may quote what a caller sent: each text is cut to a
// length (in bytes) at which all of them fit, in the encodings of `grpc-message` and `grpc-status-details-bin`.
pub(super) const MAX_MESSAGE: usize = 1_000;
const MAX_FIELD: usize = 200;
const MAX_DESCRIPTION: usize = 500;
const MAX_VIOLATIONS_BYTES: usize = 4_000;
pub(super) const MAX_FACT: usize = 300;

/// Both outcomes, or all that is wrong with either: a caller learns of every broken rule at once. What is graver than a
/// broken rule wins over it.
pub fn both<A, B>(first: Result<A, Failure>, second: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) if first.violations().is_empty() || second.violations().is_empty() => {
            Err(if first.violations().is_empty() { first } else { second })
        }
        (Err(first), Err(second)) => {
            Err(Failure::invalid_fields([first.violations(), second.violations()].concat()))
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

/// Every rule that a request breaks, each under the path of its field.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a broken rule; from the seventeenth on they are dropped.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(Violation { field: field.into(), description: description.into() });
        }
    }

    /// Holds one line of text to 1..=`max` characters (0..=`max` unless `required`) that can be shown.
    pub fn line(&mut self, field: &str, text: &str, max: usize, required: bool) {
        if required && text.trim().is_empty() {
            self.add(field, format!("is required: 1 to {max} characters"));
        } else if text.chars().count() > max {
            self.add(field, format!("must be at most {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.add(field, "must be one line without control characters");
        }
    }

    /// What was noted, if anything was.
    pub fn into_result(self) -> Result<(), Vec<Violation>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

impl From<Vec<Violation>> for Failure {
    fn from(violations: Vec<Violation>) -> Self {
        Self::invalid_fields(violations)
    }
}

/// Violations that one reply has room for, the first ones first.
pub(super) fn fitting(violations: Vec<Violation>) -> Vec<Violation> {
    let mut room = MAX_VIOLATIONS_BYTES;
    let cut = |violation: Violation| Violation {
        field: cut(violation.field, MAX_FIELD),
        description: cut(violation.description, MAX_DESCRIPTION),
    };
    let fits = |violation: &Violation| {
        let left = room.checked_sub(violation.field.len() + violation.description.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    violations.into_iter().take(MAX_VIOLATIONS).map(cut).take_while(fits).collect()
}

/// A text of at most `max` bytes, an ellipsis included if it was longer.
pub(super) fn cut(mut text: String, max: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max - ELLIPSIS.len_utf8()));
        text.push(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn every_broken_rule_is_told_unless_something_graver_is_wrong() {
        let broken = |field: &str| Failure::invalid(field, "is wrong");
        let told = both::<(), ()>(Err(broken("a")), Err(broken("b"))).expect_err("broken");
        assert_eq!(told.violations().len(), 2);
        for graver in [
            both::<(), ()>(Err(Failure::not_found("x")), Err(broken("b"))),
            both::<(), ()>(Err(broken("b")), Err(Failure::not_found("x"))),
        ] {
            assert_eq!(graver.expect_err("broken").code(), Code::NotFound);
        }
        assert_eq!(both(Ok(1), Ok(2)), Ok((1, 2)));
    }

    #[test]
    fn line_is_held_at_its_edges_in_characters() {
        let fits = |text: &str, required| {
            let mut violations = Violations::default();
            violations.line("it", text, 3, required);
            violations.into_result().is_ok()
        };
        assert!(fits("ééé", true) && fits("", false) && fits(" a", true));
        for bad in ["", "  ", "éééé", "a\nb", "a\0"] {
            assert!(!fits(bad, true), "{bad:?}");
        }
    }

    #[test]
    fn the_largest_failure_fits_into_the_headers_that_a_client_takes() {
        // Of all characters these grow the most on their way into a header.
        let long = "é\u{1}".repeat(100_000);
        let violation = || Violation { field: long.clone(), description: long.clone() };
        let mut failure = Failure::invalid_fields(vec![violation(); 1_000]).about(&*long);
        for key in ["limit", "run", "allow"] {
            failure = failure.with(key, &*long);
        }
        assert!(!failure.violations().is_empty());
        let mut headers = http::HeaderMap::new();
        Status::from(failure.retry_after(Duration::from_secs(1))).add_header(&mut headers).expect("headers");
        // A header counts with 32 bytes besides its own (RFC 9113, section 6.5.2).
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(size < 15 * 1024, "{size} bytes");

        let many = (0..40).map(|n| Violation { field: format!("f[{n}]"), description: "is wrong".into() });
        assert_eq!(Failure::invalid_fields(many.collect()).violations().len(), MAX_VIOLATIONS);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("abc".to_owned(), 3), "abc");
        assert_eq!(cut("abcdé".to_owned(), 5), "ab…");
        assert_eq!(cut("éééé".to_owned(), 6), "é…");
    }
}
