//! Labels, one spelling each.

/// Labels of one task at most.
pub const MAX_LABELS: usize = 20;
/// Characters of one at most.
pub const MAX_CHARS: usize = 50;

/// The one spelling of a label: lower case, single blanks, none around. None if it is no label: empty, longer than
/// [`MAX_CHARS`], or with a control character or a comma, by which lists of labels are written.
pub fn normalise(label: &str) -> Option<String> {
    // Bounded first: what is far too long is not worth a pass.
    if label.len() > MAX_CHARS * 16 || label.chars().any(|c| c.is_control() || c == ',') {
        return None;
    }
    let words: Vec<String> = label.split_whitespace().map(str::to_lowercase).collect();
    let label = words.join(" ");
    (1..=MAX_CHARS).contains(&label.chars().count()).then_some(label)
}

/// Sorts labels and takes out what is there twice.
pub fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels.dedup();
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_has_one_spelling_whatever_the_case_and_blanks() {
        for written in ["Needs Review", "  needs   review ", "NEEDS\u{a0}REVIEW"] {
            assert_eq!(normalise(written).as_deref(), Some("needs review"), "{written:?}");
        }
        assert_eq!(normalise("Größe").as_deref(), Some("größe"));
        assert_eq!(normalise("team/ops:p-1.2_x").as_deref(), Some("team/ops:p-1.2_x"));
    }

    #[test]
    fn label_is_bounded_at_its_edges() {
        assert_eq!(normalise(&"é".repeat(MAX_CHARS)).map(|it| it.chars().count()), Some(MAX_CHARS));
        let long = "x".repeat(70_000);
        for wrong in ["", "  ", "a,b", "a\nb", "a\0b", &"é".repeat(MAX_CHARS + 1), &long] {
            assert_eq!(normalise(wrong), None, "{:?}", &wrong[..wrong.len().min(60)]);
        }
    }

    #[test]
    fn labels_are_sorted_and_each_is_there_once() {
        let labels = ["b", "a", "b"].map(String::from).to_vec();
        assert_eq!(sorted(labels), ["a", "b"]);
    }
}
