//! How long a prompt is: what the provider counted of the last one is the truth, and our own estimate tells how much longer
//! or shorter this one is.

use serde::{Deserialize, Serialize};

use super::estimate;
use crate::domain::brief::Prompt;
use crate::domain::conversation::{MAX_BUCKET_TOKENS, Usage};

/// A provider's count is believed up to so many times our estimate, and down to that part of it: one that leaves out what its
/// cache held, or counts nonsense, must neither hide a full window nor feign one.
const BELIEVED: i64 = 3;

/// Measures prompts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Our estimate of what every prompt begins with.
    beginning: i64,
    /// Tokens that the provider counted of a prompt, and our estimate of the same.
    counted: Option<(i64, i64)>,
}

impl Gauge {
    /// Of a run of which nothing has been counted.
    pub fn new(prompt: &Prompt) -> Self {
        Self { beginning: estimate::beginning(prompt), counted: None }
    }

    /// Takes in what was counted of a prompt whose turns were estimated at `turns`. Our own services' estimates teach nothing.
    pub fn observe(&mut self, usage: &Usage, turns: i64) {
        let read: i64 = [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens]
            .into_iter()
            .map(|tokens| tokens.clamp(0, MAX_BUCKET_TOKENS))
            .sum();
        let estimated = self.beginning + turns;
        if usage.estimated || read == 0 || estimated <= 0 {
            return;
        }
        self.counted = Some((read.clamp(estimated / BELIEVED, estimated * BELIEVED).max(1), estimated));
    }

    /// Tokens of a prompt whose turns are estimated at `turns`.
    pub fn measure(&self, turns: i64) -> i64 {
        self.scale(self.beginning + turns)
    }

    /// Tokens of what is estimated at so many.
    pub fn scale(&self, estimated: i64) -> i64 {
        let (counted, of) = self.counted.unwrap_or((1, 1));
        ratio(estimated, counted, of)
    }

    /// What may be estimated at most for so many tokens.
    pub fn unscale(&self, tokens: i64) -> i64 {
        let (counted, of) = self.counted.unwrap_or((1, 1));
        ratio(tokens, of, counted)
    }
}

fn ratio(number: i64, times: i64, by: i64) -> i64 {
    let product = i128::from(number) * i128::from(times) / i128::from(by.max(1));
    i64::try_from(product).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge() -> Gauge {
        Gauge { beginning: 1_000, counted: None }
    }

    fn usage(input_tokens: i64, cache_read_tokens: i64, cache_write_tokens: i64) -> Usage {
        Usage { input_tokens, cache_read_tokens, cache_write_tokens, ..Usage::default() }
    }

    #[test]
    fn the_last_count_is_the_truth_and_what_came_since_is_estimated_by_it() {
        let mut gauge = gauge();
        assert_eq!(gauge.measure(3_000), 4_000);
        gauge.observe(&usage(1_000, 3_500, 500), 3_000);
        assert_eq!(gauge.measure(3_000), 5_000, "cached or not, it is in the window");
        assert_eq!(gauge.measure(3_800), 6_000, "800 more are 1,000 as this provider counts");
        assert_eq!(gauge.measure(1_400), 3_000, "and so are they when they are gone");
        assert_eq!((gauge.scale(800), gauge.unscale(1_000)), (1_000, 800));
    }

    #[test]
    fn nonsense_and_our_own_estimates_are_no_truth() {
        let mut gauge = gauge();
        gauge.observe(&usage(0, 0, 0), 3_000);
        gauge.observe(&Usage { estimated: true, ..usage(9_000, 0, 0) }, 3_000);
        assert_eq!(gauge.measure(3_000), 4_000);
        gauge.observe(&usage(10, 0, 0), 2_000);
        assert_eq!(gauge.measure(2_000), 1_000, "a third is the least that is believed");
        gauge.observe(&usage(i64::MAX, i64::MAX, -1), 2_000);
        assert_eq!(gauge.measure(2_000), 9_000, "and three times the most");
    }
}
