//! What one run may use up, as its start says it: less than the agent's version allows, and never more.

use mc_chassis::Failure;
use mc_proto::tasks::v1::StartLimits;
use prost_types::Duration;

use crate::domain::brief::RunLimits;

/// Model calls that any limit allows.
const MAX_STEPS: i32 = 10_000;
/// A million dollars in nano dollars.
const MAX_COST_NANO_USD: i64 = 1_000_000_000_000_000;
/// 30 days in milliseconds.
const MAX_DURATION_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Limits of a start, each within what any limit may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limits {
    steps: Option<u32>,
    tokens: Option<i64>,
    cost_nano_usd: Option<i64>,
    duration_ms: Option<i64>,
}

/// The limits that are asked for; none where nothing is said.
pub(super) fn parse(asked: Option<StartLimits>) -> Result<Limits, Failure> {
    let asked = asked.unwrap_or_default();
    let steps = asked.max_steps.map(|steps| match steps {
        1..=MAX_STEPS => Ok(steps.unsigned_abs()),
        _ => Err(Failure::invalid("limits.max_steps", "must be 1 to 10000")),
    });
    if asked.max_tokens.is_some_and(|tokens| tokens < 1) {
        return Err(Failure::invalid("limits.max_tokens", "must be at least 1"));
    }
    if asked.max_cost_nano_usd.is_some_and(|cost| !(1..=MAX_COST_NANO_USD).contains(&cost)) {
        let text = "must be 1 to 1000000000000000, a million dollars";
        return Err(Failure::invalid("limits.max_cost_nano_usd", text));
    }
    Ok(Limits {
        steps: steps.transpose()?,
        tokens: asked.max_tokens,
        cost_nano_usd: asked.max_cost_nano_usd,
        duration_ms: asked.max_duration.map(duration_ms).transpose()?,
    })
}

fn duration_ms(duration: Duration) -> Result<i64, Failure> {
    let wrong = || Failure::invalid("limits.max_duration", "must be 1 s to 30 days");
    let nanos = Some(i64::from(duration.nanos)).filter(|nanos| (0..1_000_000_000).contains(nanos));
    let ms = duration
        .seconds
        .checked_mul(1000)
        .zip(nanos)
        .and_then(|(ms, nanos)| ms.checked_add(nanos / 1_000_000));
    ms.filter(|ms| (1_000..=MAX_DURATION_MS).contains(ms)).ok_or_else(wrong)
}

impl Limits {
    /// Puts these in place of what the agent's version allows.
    ///
    /// # Errors
    /// One of them allows more.
    pub(super) fn narrow(self, allowed: &mut RunLimits) -> Result<(), Failure> {
        let least = |field: &'static str, asked: Option<i64>, most: Option<i64>| match (asked, most) {
            (Some(asked), Some(most)) if asked > most => Err(Failure::invalid(
                field,
                format!("must be at most {most}, which is what the agent allows"),
            )),
            (asked, most) => Ok(asked.or(most)),
        };
        let steps = least("limits.max_steps", self.steps.map(i64::from), Some(allowed.max_steps.into()))?;
        let tokens = least("limits.max_tokens", self.tokens, allowed.max_tokens)?;
        let cost = least("limits.max_cost_nano_usd", self.cost_nano_usd, allowed.max_cost_nano_usd)?;
        if self.duration_ms.is_some_and(|asked| asked > allowed.max_duration_ms) {
            let text = format!("must be at most {}, which is what the agent allows", allowed.max_duration());
            return Err(Failure::invalid("limits.max_duration", text));
        }
        allowed.max_steps = steps.and_then(|steps| u32::try_from(steps).ok()).unwrap_or(allowed.max_steps);
        (allowed.max_tokens, allowed.max_cost_nano_usd) = (tokens, cost);
        allowed.max_duration_ms = self.duration_ms.unwrap_or(allowed.max_duration_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(asked: StartLimits, mut allowed: RunLimits) -> Result<RunLimits, String> {
        let narrowed = parse(Some(asked)).and_then(|limits| limits.narrow(&mut allowed));
        narrowed.map(|()| allowed).map_err(|failure| failure.violations()[0].field.clone())
    }

    fn seconds(seconds: i64) -> Duration {
        Duration { seconds, nanos: 0 }
    }

    #[test]
    fn start_narrows_what_the_agent_allows_and_says_what_it_does_not_limit() {
        let agent = RunLimits { max_tokens: Some(500), ..RunLimits::default() };
        assert_eq!(asks(StartLimits::default(), agent), Ok(agent));
        let asked = StartLimits {
            max_steps: Some(100),
            max_tokens: Some(500),
            max_cost_nano_usd: Some(1),
            max_duration: Some(seconds(24 * 60 * 60)),
        };
        assert_eq!(asks(asked, agent), Ok(RunLimits { max_cost_nano_usd: Some(1), ..agent }));
        let least = StartLimits {
            max_steps: Some(1),
            max_tokens: Some(1),
            max_cost_nano_usd: Some(MAX_COST_NANO_USD),
            max_duration: Some(seconds(1)),
        };
        let narrowed = RunLimits {
            max_steps: 1,
            max_tokens: Some(1),
            max_cost_nano_usd: Some(MAX_COST_NANO_USD),
            max_duration_ms: 1_000,
            ..agent
        };
        assert_eq!(asks(least, agent), Ok(narrowed));
    }

    #[test]
    fn limit_that_is_none_or_more_than_the_agent_allows_is_refused_by_its_name() {
        let agent = RunLimits {
            max_steps: 10,
            max_tokens: Some(10),
            max_cost_nano_usd: Some(10),
            max_duration_ms: 10_000,
            ..RunLimits::default()
        };
        for steps in [i32::MIN, 0, 11, MAX_STEPS + 1] {
            let asked = StartLimits { max_steps: Some(steps), ..StartLimits::default() };
            assert_eq!(asks(asked, agent), Err("limits.max_steps".into()), "{steps}");
        }
        for tokens in [i64::MIN, 0, 11] {
            let asked = StartLimits { max_tokens: Some(tokens), ..StartLimits::default() };
            assert_eq!(asks(asked, agent), Err("limits.max_tokens".into()), "{tokens}");
        }
        for cost in [-1, 0, 11, MAX_COST_NANO_USD + 1] {
            let asked = StartLimits { max_cost_nano_usd: Some(cost), ..StartLimits::default() };
            assert_eq!(asks(asked, agent), Err("limits.max_cost_nano_usd".into()), "{cost}");
        }
        let odd = |seconds, nanos| Some(Duration { seconds, nanos });
        for duration in
            [odd(0, 999_999_999), odd(10, 1_000_000), odd(i64::MAX, 0), odd(5, -1), odd(5, i32::MAX)]
        {
            let asked = StartLimits { max_duration: duration, ..StartLimits::default() };
            assert_eq!(asks(asked, agent), Err("limits.max_duration".into()), "{duration:?}");
        }
    }
}
