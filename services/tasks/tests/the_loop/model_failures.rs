//! Which failures of a model call are tried again, how, and how often.

use mc_tasks::domain::event::Event;
use mc_tasks::domain::id::RunId;
use mc_tasks::domain::retry::{AfterFailure, CallFailure, after, jitter, wait};
use time::Duration;
use uuid::Uuid;

use crate::kit::{Run, Turn, failure, finishes, writes};

/// A run with a model call under way.
fn calling() -> Run {
    let mut run = Run::usual([]);
    while run.step() {}
    run
}

#[test]
fn a_passing_failure_raises_the_attempt_and_the_key() {
    let run = Run::usual([Turn::Fails("PROVIDER_RATE_LIMITED"), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    let keys: Vec<&str> =
        run.requests.iter().map(|call| call.idempotency_key.rsplit_once("00002/").unwrap().1).collect();
    assert_eq!(keys, ["1/1", "1/2", "2/1"]);
    assert_eq!(run.requests[0].request, run.requests[1].request, "the same words are sent again");
}

#[test]
fn each_reason_has_its_bound() {
    for (reason, attempts) in [
        ("PROVIDER_RATE_LIMITED", 10),
        ("PROVIDER_OVERLOADED", 10),
        ("PROVIDER_UNAVAILABLE", 10),
        ("GENERATION_INTERRUPTED", 4),
        ("IDEMPOTENCY_KEY_REUSED", 2),
        ("PROVIDER_REFUSED", 1),
        ("PROVIDER_AUTH_FAILED", 1),
        ("CONTEXT_TOO_LONG", 1),
        ("PERMISSION_DENIED", 1),
        ("SOMETHING_NEW", 1),
    ] {
        let run = Run::usual(vec![Turn::Fails(reason); 20]).played();
        assert_eq!(run.failure(), Some(reason));
        assert_eq!(run.requests.len(), attempts, "{reason}");
    }
}

#[test]
fn our_own_outage_keeps_the_key_and_writes_nothing() {
    let run = calling();
    for reason in ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "DRAINING", "DEADLINE_EXCEEDED"] {
        for asked in [0, 1, 1_000_000] {
            match after(&run.fold, &failure(reason), asked, run.now).unwrap() {
                AfterFailure::AskAgain { at } => {
                    assert!(at > run.now && at <= run.now + Duration::minutes(2), "{reason} {asked}: {at}");
                }
                AfterFailure::Append(event) => panic!("{event:?}"),
            }
        }
    }
}

#[test]
fn a_fault_of_ours_is_asked_again_five_times_and_then_given_up() {
    let run = calling();
    assert!(matches!(
        after(&run.fold, &failure("INTERNAL"), 4, run.now),
        Some(AfterFailure::AskAgain { .. })
    ));
    match after(&run.fold, &failure("INTERNAL"), 5, run.now) {
        Some(AfterFailure::Append(Event::ModelCallFailed(failed))) => assert_eq!(failed.retry_at, None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wait_that_the_run_has_no_time_for_is_not_begun() {
    let run = calling();
    let asked =
        |retry_after| CallFailure { retry_after: Some(retry_after), ..failure("PROVIDER_OVERLOADED") };
    let retry_at = |retry_after| match after(&run.fold, &asked(retry_after), 0, run.now) {
        Some(AfterFailure::Append(Event::ModelCallFailed(failed))) => failed.retry_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        retry_at(Duration::hours(2)),
        Some(run.now + Duration::hours(2)),
        "a provider's wish is granted"
    );
    assert_eq!(retry_at(Duration::hours(24)), None);
    assert_eq!(retry_at(Duration::MAX), None);
    match after(
        &run.fold,
        &CallFailure { retry_after: Some(Duration::MAX), ..failure("UNAVAILABLE") },
        0,
        run.now,
    ) {
        Some(AfterFailure::AskAgain { at }) => assert_eq!(Some(at), run.fold.deadline()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_quota_is_waited_for_up_to_a_month_whatever_time_the_run_has() {
    let run = calling();
    let retry_at = |retry_after| {
        let failure = CallFailure { retry_after: Some(retry_after), ..failure("PROVIDER_RATE_LIMITED") };
        match after(&run.fold, &failure, 0, run.now) {
            Some(AfterFailure::Append(Event::ModelCallFailed(failed))) => failed.retry_at,
            other => panic!("{other:?}"),
        }
    };
    for granted in [Duration::hours(24), Duration::days(31)] {
        assert_eq!(retry_at(granted), Some(run.now + granted));
    }
    for refused in [Duration::days(31) + Duration::MILLISECOND, Duration::MAX] {
        assert_eq!(retry_at(refused), None, "{refused}");
    }
}

#[test]
fn waits_double_up_to_two_minutes_and_are_shaken_by_half() {
    let ms = |tries, jitter| wait(tries, jitter, None).whole_milliseconds();
    assert_eq!(
        [1, 2, 3, 7, 8, 9, 1000].map(|tries| ms(tries, 1.0)),
        [1_000, 2_000, 4_000, 64_000, 120_000, 120_000, 120_000]
    );
    assert_eq!([1, 2, 3].map(|tries| ms(tries, 0.0)), [500, 1_000, 2_000]);
    assert_eq!(wait(1, 0.0, Some(Duration::seconds(9))), Duration::seconds(9));
    assert_eq!(wait(9, 0.0, Some(Duration::seconds(9))), Duration::seconds(60));
}

#[test]
fn jitter_is_the_same_each_time_and_differs_between_attempts() {
    let run = RunId::new(Uuid::from_u128(2));
    let drawn: Vec<f64> = (1..=100).map(|attempt| jitter(run, 1, attempt)).collect();
    assert!(drawn.iter().all(|jitter| (0.0..=1.0).contains(jitter)));
    assert_eq!(jitter(run, 1, 1).to_bits(), drawn[0].to_bits());
    let mean = drawn.iter().sum::<f64>() / 100.0;
    assert!((0.4..0.6).contains(&mean), "{mean}");
}

#[test]
fn no_failure_is_taken_while_no_call_is_open() {
    let run = Run::usual([]);
    assert_eq!(after(&run.fold, &failure("UNAVAILABLE"), 0, run.now), None);
}
