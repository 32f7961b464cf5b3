//! The limits of a run that are looked at before each model call: steps, tokens, dollars.

use super::{Next, fail};
use crate::domain::fold::RunFold;

/// Nano dollars in a dollar.
const DOLLAR: i64 = 1_000_000_000;

/// The end of a run that has no room for another step.
pub(super) fn before_step(fold: &RunFold) -> Option<Next> {
    let limits = &fold.brief().agent.limits;
    if fold.steps() >= limits.max_steps {
        return Some(fail(
            "STEP_LIMIT_REACHED",
            format!(
                "The run has made its {} model calls. Raise the agent's max_steps or split the task.",
                limits.max_steps
            ),
        ));
    }
    let used = fold.totals().tokens;
    if let Some(most) = limits.max_tokens.filter(|most| used >= *most) {
        return Some(fail(
            "TOKEN_LIMIT_REACHED",
            format!(
                "The run has used {used} of its {most} tokens. Raise the agent's max_tokens or split the task."
            ),
        ));
    }
    before_attempt(fold)
}

/// The end of a run that may not pay for another call, be it another attempt at the same step. What is estimated counts.
pub(super) fn before_attempt(fold: &RunFold) -> Option<Next> {
    let most = fold.brief().agent.limits.max_cost_nano_usd?;
    let totals = fold.totals();
    if totals.unpriced_calls > 0 {
        return Some(fail(
            "COST_UNKNOWN",
            format!(
                "The run may cost {}, and what {} of its model calls cost is unknown, so that the limit cannot be held. If {} \
                 has no price: choose a model that has one (the list of models shows prices), have this one added to the llm \
                 service's price book (services/llm/prices.json), or take max_cost_nano_usd off the agent. If it has one, a call \
                 was cut without a bill: start the task again.",
                dollars(most),
                totals.unpriced_calls,
                fold.brief().agent.model,
            ),
        ));
    }
    if totals.cost_nano_usd < most {
        return None;
    }
    let estimated = match totals.estimated_cost_nano_usd {
        0 => String::new(),
        estimated => format!(", of which {} are estimated", dollars(estimated)),
    };
    Some(fail(
        "COST_LIMIT_REACHED",
        format!(
            "The run has cost {}{estimated}, and {} is the most. Raise the agent's max_cost_nano_usd, split the task, or choose a \
             cheaper model.",
            dollars(totals.cost_nano_usd),
            dollars(most),
        ),
    ))
}

/// `$1.25`, with as many decimals as it takes, two at the least.
pub(super) fn dollars(nano: i64) -> String {
    let (whole, rest) = (nano / DOLLAR, nano % DOLLAR);
    let decimals = format!("{rest:09}");
    let (cents, finer) = decimals.split_at(2);
    format!("${whole}.{cents}{}", finer.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        for (nano, text) in [
            (0, "$0.00"),
            (1, "$0.000000001"),
            (10_000_000, "$0.01"),
            (1_250_000_000, "$1.25"),
            (1_005_000_000, "$1.005"),
            (1_000_000_000_000_000, "$1000000.00"),
        ] {
            assert_eq!(dollars(nano), text);
        }
    }
}
