//! A run never outlives its limits, and what was done within them counts.

use mc_tasks::domain::brief::RunLimits;
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::retry::Charge;
use time::Duration;

use crate::kit::{Run, Turn, agent, brief, calls, finishes, says, task, writes};

fn limited(limits: RunLimits, script: impl IntoIterator<Item = crate::kit::Turn>) -> Run {
    let mut agent = agent();
    agent.limits = limits;
    Run::new(brief(task(), agent), script)
}

fn fetches(count: usize) -> Vec<crate::kit::Turn> {
    (0..count)
        .map(|page| calls(&[("http_fetch", &format!(r#"{{"url": "https://example.com/{page}"}}"#))]))
        .collect()
}

#[test]
fn the_last_allowed_call_may_finish_and_none_comes_after_it() {
    let limits = |max_steps| RunLimits { max_steps, ..RunLimits::default() };
    let run = limited(limits(2), [writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    let run = limited(limits(1), [writes(), finishes()]).played();
    assert_eq!(run.failure(), Some("STEP_LIMIT_REACHED"));
    assert_eq!(run.requests.len(), 1);
    assert_eq!(run.carried_out.len(), 1, "calls of the last answer are carried out");
    let run = limited(limits(0), [writes()]).played();
    assert_eq!((run.failure(), run.requests.len()), (Some("STEP_LIMIT_REACHED"), 0));
}

#[test]
fn retries_of_a_call_are_not_steps() {
    let limits = RunLimits { max_steps: 2, ..RunLimits::default() };
    let failure = crate::kit::Turn::Fails("PROVIDER_OVERLOADED");
    let run = limited(limits, [failure.clone(), failure.clone(), writes(), failure, finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.fold.steps(), 2);
}

#[test]
fn a_call_is_made_while_a_token_is_left() {
    // Every answer uses 15 tokens.
    for (max_tokens, answers) in [(15, 1), (16, 2), (30, 2), (31, 3)] {
        let limits = RunLimits { max_tokens: Some(max_tokens), ..RunLimits::default() };
        let run = limited(limits, fetches(10)).played();
        assert_eq!(run.failure(), Some("TOKEN_LIMIT_REACHED"));
        assert_eq!(run.requests.len(), answers, "max_tokens {max_tokens}");
        assert_eq!(run.fold.totals().tokens, 15 * answers as i64);
    }
}

#[test]
fn a_run_that_finishes_in_the_call_that_crosses_its_token_limit_has_finished() {
    let limits = RunLimits { max_tokens: Some(16), ..RunLimits::default() };
    let run = limited(limits, [writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
}

#[test]
fn time_counts_from_the_start_and_not_from_the_queue() {
    let limits = RunLimits { max_duration_ms: 60_000, ..RunLimits::default() };
    let mut run = limited(limits, fetches(10));
    run.now += Duration::days(3);
    assert!(run.step(), "started");
    let deadline = run.fold.deadline().unwrap();
    assert_eq!(deadline, run.fold.started_at().unwrap() + Duration::seconds(60));
    assert!(matches!(next(&run.fold, deadline - Duration::nanoseconds(1)), Next::CallModel(_)));
    run.now = deadline;
    let run = run.played();
    assert_eq!(run.failure(), Some("DURATION_LIMIT_REACHED"));
    assert!(run.requests.is_empty());
}

#[test]
fn time_ends_a_run_whatever_it_is_doing() {
    let limits = RunLimits { max_duration_ms: 60_000, ..RunLimits::default() };
    let mut run = limited(limits, []);
    while run.step() {}
    assert_eq!(run.fold.pending().len(), 1, "a model call is under way");
    run.now += Duration::minutes(1);
    assert!(run.step());
    assert_eq!(run.failure(), Some("DURATION_LIMIT_REACHED"));
    assert!(run.fold.pending().is_empty());
    assert_eq!(next(&run.fold, run.now), Next::Ended);
}

#[test]
fn a_call_is_made_while_a_nano_dollar_is_left_and_what_is_estimated_counts() {
    // Every answer costs 1,000.
    for (max_cost, answers) in [(1, 1), (1_000, 1), (1_001, 2), (2_000, 2)] {
        let limits = RunLimits { max_cost_nano_usd: Some(max_cost), ..RunLimits::default() };
        let run = limited(limits, fetches(10)).played();
        assert_eq!(run.failure(), Some("COST_LIMIT_REACHED"));
        assert_eq!(run.requests.len(), answers, "max_cost {max_cost}");
    }
    let limits = RunLimits { max_cost_nano_usd: Some(1_000), ..RunLimits::default() };
    let run = limited(limits, [writes()]).played();
    assert_eq!(
        run.fold.error().unwrap().message,
        "The run has cost $0.000001, and $0.000001 is the most. Raise the agent's max_cost_nano_usd, split the task, or \
         choose a cheaper model."
    );
    let charge = Charge { cost_nano_usd: Some(700), estimated: true, total_tokens: 40 };
    let limits = RunLimits { max_cost_nano_usd: Some(700), ..RunLimits::default() };
    let run = limited(limits, [Turn::IsCut(charge), writes()]).played();
    assert_eq!(run.failure(), Some("COST_LIMIT_REACHED"), "not even the same step is tried again");
    assert_eq!(run.requests.len(), 1);
    assert!(run.fold.error().unwrap().message.contains(", of which $0.0000007 are estimated,"));
}

#[test]
fn a_run_that_finishes_in_the_call_that_crosses_its_cost_limit_has_finished() {
    let limits = RunLimits { max_cost_nano_usd: Some(1_001), ..RunLimits::default() };
    let run = limited(limits, [writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
}

#[test]
fn a_limit_in_dollars_ends_a_run_at_the_first_cost_that_nobody_knows_and_says_how_to_price_it() {
    let charge = Charge { cost_nano_usd: None, estimated: true, total_tokens: 40 };
    let limits = RunLimits { max_cost_nano_usd: Some(1_000_000_000), ..RunLimits::default() };
    let run = limited(limits, [Turn::IsCut(charge), writes(), finishes()]).played();
    assert_eq!((run.failure(), run.requests.len()), (Some("COST_UNKNOWN"), 1));
    let message = &run.fold.error().unwrap().message;
    for word in ["may cost $1.00", "simulator/demo", "prices.json", "max_cost_nano_usd"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let run = limited(RunLimits::default(), [Turn::IsCut(charge), writes(), finishes()]).played();
    assert!(run.succeeded(), "without a limit it may go on: {}", run.story());
}

#[test]
fn costs_add_up_and_unknown_ones_are_counted() {
    let run = Run::usual([writes(), says("Hm."), finishes()]).played();
    let totals = run.fold.totals();
    assert_eq!((totals.tokens, totals.cost_nano_usd, totals.unpriced_calls), (45, 3_000, 0));
    let run = Run::usual([crate::kit::Turn::Fails("GENERATION_INTERRUPTED"), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.fold.totals().unpriced_calls, 1, "a cut answer may be charged");
}

#[test]
fn what_a_cut_answer_was_booked_at_is_part_of_the_sum_and_of_the_limits() {
    let limits = RunLimits { max_tokens: Some(55), ..RunLimits::default() };
    let charge = Charge { cost_nano_usd: Some(700), estimated: true, total_tokens: 40 };
    let run = limited(limits, [Turn::IsCut(charge), writes(), finishes()]).played();
    let totals = run.fold.totals();
    assert_eq!(run.failure(), Some("TOKEN_LIMIT_REACHED"), "40 + 15 tokens are all that it may use");
    assert_eq!((totals.tokens, totals.cost_nano_usd, totals.estimated_cost_nano_usd), (55, 1_700, 700));
    assert_eq!(totals.unpriced_calls, 0);
}
