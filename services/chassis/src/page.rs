//! Paging (AIP-158): a bounded size and an opaque token that holds the key of the last row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// Rows of a page when the caller names no number.
pub const DEFAULT_SIZE: i32 = 50;
/// Most rows of a page.
pub const MAX_SIZE: i32 = 1_000;

/// Which rows a caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// How many, 1 to [`MAX_SIZE`].
    pub limit: i64,
    /// Those behind this key; all when absent.
    pub after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads `page_size` and `page_token`.
    pub fn parse(page_size: i32, page_token: &str) -> Result<Self, Failure> {
        Self::parse_with_default(page_size, page_token, DEFAULT_SIZE)
    }

    /// Reads them where the default size is another one.
    pub fn parse_with_default(page_size: i32, page_token: &str, default: i32) -> Result<Self, Failure> {
        let limit = match page_size {
            0 => default,
            1..=MAX_SIZE => page_size,
            _ => {
                return Err(Failure::invalid(
                    "page_size",
                    format!("must be 1 to {MAX_SIZE}, or 0 for {default}"),
                ));
            }
        };
        let after = if page_token.is_empty() { None } else { Some(decode(page_token)?) };
        Ok(Self { limit: i64::from(limit), after })
    }

    /// How many rows to read: one more than asked for tells whether another page follows.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts what [`Page::fetch`] read to the page, and makes the token of the next one (empty on the last).
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl FnOnce(&T) -> K) -> String {
        let limit = self.limit as usize;
        if rows.len() <= limit {
            return String::new();
        }
        rows.truncate(limit);
        rows.last().map(|last| Self::token(&key(last))).unwrap_or_default()
    }

    /// The token of the page behind `last`.
    pub fn token(last: &K) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(last).expect("keys are plain data"))
    }
}

fn decode<K: DeserializeOwned>(token: &str) -> Result<K, Failure> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| Failure::invalid("page_token", "must be a next_page_token of this list, unchanged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_is_bounded_at_its_edges() {
        for (asked, given) in [(0, 50), (1, 1), (1_000, 1_000)] {
            assert_eq!(Page::<i64>::parse(asked, "").expect("in bounds").limit, given);
        }
        for asked in [-1, 1_001, i32::MAX] {
            assert_eq!(
                Page::<i64>::parse(asked, "").expect_err("out of bounds").violations()[0].field,
                "page_size"
            );
        }
    }

    #[test]
    fn last_page_has_no_token_and_others_carry_the_last_key() {
        let page = Page::<i64>::parse(2, "").expect("parse");
        let mut rows = vec![1, 2, 3];
        let token = page.cut(&mut rows, |row| *row);
        assert_eq!(rows, [1, 2]);
        assert_eq!(Page::<i64>::parse(2, &token).expect("parse").after, Some(2));
        assert_eq!(page.cut(&mut vec![1, 2], |row| *row), "");
    }

    #[test]
    fn foreign_token_is_refused_by_field() {
        let failure = Page::<i64>::parse(0, "bm90IGpzb24").expect_err("not a token");
        assert_eq!(failure.violations()[0].field, "page_token");
    }
}
