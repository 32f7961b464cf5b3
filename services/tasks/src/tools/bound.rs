//! The bound on what a model reads of one answer.

/// Bytes of text that a model reads of one answer at most; a remark on what was left out comes on top.
pub const MAX_OUTPUT_BYTES: usize = 32 * 1024;

/// A piece of a text, whole characters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The piece.
    pub text: &'a str,
    /// Byte at which it starts.
    pub start: usize,
    /// Byte before which it ends.
    pub end: usize,
    /// Bytes of the whole text.
    pub total: usize,
}

impl Piece<'_> {
    /// True when nothing comes after it.
    pub fn is_last(&self) -> bool {
        self.end == self.total
    }
}

/// The piece of `text` from about byte `offset`, of [`MAX_OUTPUT_BYTES`] at most. An offset within a character is
/// taken back to its start.
pub fn piece(text: &str, offset: usize) -> Piece<'_> {
    let start = text.floor_char_boundary(offset);
    let end = text.floor_char_boundary(start.saturating_add(MAX_OUTPUT_BYTES));
    Piece { text: &text[start..end], start, end, total: text.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_of_the_limit_is_whole_and_one_byte_more_is_cut() {
        let text = "x".repeat(MAX_OUTPUT_BYTES + 1);
        assert!(piece(&text[1..], 0).is_last());
        let cut = piece(&text, 0);
        assert_eq!((cut.end, cut.total, cut.is_last()), (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES + 1, false));
    }

    #[test]
    fn a_character_on_the_edge_is_left_to_the_next_piece() {
        let text = format!("{}\u{20ac}", "x".repeat(MAX_OUTPUT_BYTES - 1));
        let first = piece(&text, 0);
        assert_eq!(first.end, MAX_OUTPUT_BYTES - 1);
        assert_eq!(piece(&text, first.end).text, "\u{20ac}");
        assert_eq!(piece(&text, first.end + 1).start, first.end);
    }

    proptest! {
        #[test]
        fn pieces_read_one_after_the_other_are_the_text(unit in "[a\u{e9}\u{20ac}\u{1f600}]{1,50}", times in 1..3_000_usize) {
            let text = unit.repeat(times);
            let (mut offset, mut read) = (0, String::new());
            while offset < text.len() {
                let next = piece(&text, offset);
                prop_assert!(next.text.len() <= MAX_OUTPUT_BYTES && next.start == offset && next.end > offset);
                read.push_str(next.text);
                offset = next.end;
            }
            prop_assert_eq!(read, text);
        }
    }
}
