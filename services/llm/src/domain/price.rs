//! What tokens cost: a price book as data (`prices.json`) and integer arithmetic over it.

use std::sync::LazyLock;

use serde::Deserialize;

use super::usage::Usage;

/// Tokens that a price is for.
const PER_TOKENS: i128 = 1_000_000;

/// Place of the simulator's prices.
pub const SIMULATOR_PLACE: &str = "simulator";

/// Nano US dollars (1e-9 USD) for a million tokens of each bucket; `None` is unknown, never 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    place: String,
    model: String,
    /// Tokens read and not cached.
    pub input: Option<i64>,
    /// Tokens read from the provider's cache.
    pub cache_read: Option<i64>,
    /// Tokens written to the provider's cache.
    pub cache_write: Option<i64>,
    /// Tokens written by the model.
    pub output: Option<i64>,
    /// Where the price was read; says so when it is fictional.
    pub source: String,
    /// The day on which it was read, `YYYY-MM-DD`.
    pub date: String,
}

/// Prices in the order in which they are tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    #[serde(rename = "about")]
    _about: String,
    /// Rises with every change of the file.
    pub version: u32,
    prices: Vec<Price>,
}

static EMBEDDED: LazyLock<PriceBook> = LazyLock::new(|| {
    PriceBook::parse(include_str!("../../prices.json")).expect("prices.json is checked by a test")
});

impl PriceBook {
    /// The price book that this program carries.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The price of a model at a place (a host, or [`SIMULATOR_PLACE`]); the first line that fits.
    pub fn price(&self, place: &str, model: &str) -> Option<&Price> {
        self.prices.iter().find(|price| price.place == place && fits(&price.model, model))
    }
}

impl Price {
    /// What some usage costs in nano US dollars: the exact sum over all buckets, rounded up once to a whole nano dollar.
    /// `None` when a bucket that was used has no known price, or the sum does not fit.
    pub fn cost(&self, usage: &Usage) -> Option<i64> {
        let buckets = [
            (usage.input, self.input),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        ];
        let mut sum: i128 = 0;
        for (tokens, price) in buckets {
            if tokens > 0 {
                sum = sum.checked_add(i128::from(tokens).checked_mul(i128::from(price?))?)?;
            }
        }
        i64::try_from((sum + PER_TOKENS - 1) / PER_TOKENS).ok()
    }

    /// The line of the book, for the ledger.
    pub fn citation(&self) -> String {
        format!("{}/{}, {}, read {}", self.place, self.model, self.source, self.date)
    }
}

fn fits(pattern: &str, model: &str) -> bool {
    if let Some(prefix) = pattern.strip_suffix('*') {
        return model.starts_with(prefix);
    }
    match pattern.strip_suffix("{-date}") {
        Some(name) => model.strip_prefix(name).is_some_and(|rest| rest.is_empty() || is_dash_date(rest)),
        None => pattern == model,
    }
}

/// `-2024-08-06`.
fn is_dash_date(text: &str) -> bool {
    text.len() == 11
        && text.bytes().enumerate().all(|(at, byte)| match at {
            0 | 5 | 8 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: Option<i64>, output: Option<i64>) -> Price {
        let (place, model, source, date) = (String::new(), String::new(), String::new(), String::new());
        Price { place, model, input, cache_read: None, cache_write: None, output, source, date }
    }

    #[test]
    fn the_embedded_book_is_readable_and_says_where_prices_come_from() {
        let book = PriceBook::embedded();
        assert!(book.version > 0);
        for price in &book.prices {
            assert!(is_dash_date(&format!("-{}", price.date)), "{}", price.citation());
            assert!(price.source.starts_with("https://") || price.source.starts_with("fictional"));
        }
        let simulated = book.price(SIMULATOR_PLACE, "demo").expect("a price");
        assert!(simulated.source.starts_with("fictional"));
    }

    #[test]
    fn a_price_holds_for_its_place_and_its_model_only() {
        let book = PriceBook::embedded();
        let input = |place, model| book.price(place, model).and_then(|price| price.input);
        assert_eq!(input("api.openai.com", "gpt-4o"), Some(2_500_000_000));
        assert_eq!(input("api.openai.com", "gpt-4o-2024-08-06"), Some(2_500_000_000));
        assert_eq!(
            input("api.openai.com", "gpt-4o-2024-05-13"),
            Some(5_000_000_000),
            "the first line that fits"
        );
        assert_eq!(input("api.openai.com", "gpt-4o-mini"), Some(150_000_000));
        for (place, model) in [
            ("api.openai.com", "gpt-4o-audio-preview"),
            ("api.openai.com", "gpt-4o-2024-08"),
            ("127.0.0.1", "gpt-4o"),
            ("api.openai.com", "demo"),
        ] {
            assert_eq!(input(place, model), None, "{place} {model}");
        }
    }

    #[test]
    fn cost_is_exact_and_rounded_up_once() {
        // 3 tokens at 0.15 USD and 2 at 0.60 USD for a million: 450 + 1200 nano dollars.
        let mini = price(Some(150_000_000), Some(600_000_000));
        assert_eq!(mini.cost(&Usage { input: 3, output: 2, ..Usage::default() }), Some(1_650));
        // 1/1,000,000 of a nano dollar in each of two buckets is one nano dollar, not two.
        let tiny = price(Some(1), Some(1));
        assert_eq!(tiny.cost(&Usage { input: 1, output: 1, ..Usage::default() }), Some(1));
        assert_eq!(tiny.cost(&Usage { input: 1_000_000, ..Usage::default() }), Some(1));
        assert_eq!(tiny.cost(&Usage { input: 1_000_001, ..Usage::default() }), Some(2));
        assert_eq!(tiny.cost(&Usage::default()), Some(0));
    }

    #[test]
    fn a_used_bucket_without_a_price_makes_the_cost_unknown() {
        let half = price(Some(1), None);
        assert_eq!(half.cost(&Usage { input: 1, output: 1, ..Usage::default() }), None);
        assert_eq!(half.cost(&Usage { input: 1, ..Usage::default() }), Some(1));
        assert_eq!(half.cost(&Usage { input: 1, cache_read: 1, ..Usage::default() }), None);
    }

    #[test]
    fn absurd_numbers_are_unknown_and_never_wrap() {
        let dear = price(Some(i64::MAX), Some(i64::MAX));
        assert_eq!(dear.cost(&Usage { input: u64::MAX, output: u64::MAX, ..Usage::default() }), None);
    }
}
