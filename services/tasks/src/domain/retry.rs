//! What to do when a model call fails: by the reason alone, with waits that grow and a bound on everything.

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::event::{Event, ModelCallFailed, RunError};
use super::fold::{PendingIntent, RunFold};
use super::id::RunId;

/// Reason of a prompt that the provider calls too long.
pub const TOO_LONG: &str = "CONTEXT_TOO_LONG";
/// Reason of an answer that was cut after some of it had come.
const INTERRUPTED: &str = "GENERATION_INTERRUPTED";
/// Reason of a model call that took longer than the agent's `max_step_duration`, and was stopped.
pub const TIMED_OUT: &str = "STEP_TIMED_OUT";
/// First wait before another attempt.
const FIRST_WAIT: Duration = Duration::seconds(1);
/// Longest wait that we choose ourselves; a provider's `Retry-After` may be longer.
const LONGEST_WAIT: Duration = Duration::minutes(2);
/// Longest wait for a provider's quota: a month's plan has its reset within it.
const LONGEST_QUOTA_WAIT: Duration = Duration::days(31);

/// How a model call ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// Reason of the status, else the name of its code: upper snake case.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// How long the provider or the service asked to be left alone.
    pub retry_after: Option<Duration>,
    /// `workspaces/{workspace}/generations/{generation}` if the call had come so far; else empty.
    pub generation: String,
    /// What the ledger has it booked at; none when nothing is booked, as far as is known.
    pub charge: Option<Charge>,
}

/// What the ledger has booked for an answer that never came whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Nano US dollars; none when the model has no known price.
    pub cost_nano_usd: Option<i64>,
    /// True when it is an estimate, because the provider had not yet said what was used.
    pub estimated: bool,
    /// Tokens in and out.
    pub total_tokens: i64,
}

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq)]
pub enum AfterFailure {
    /// The call may still be alive or unknown to the provider: ask again with the same key, without a journal record.
    AskAgain {
        /// Not before this.
        at: OffsetDateTime,
    },
    /// Journal this; it says whether and when the step is tried again.
    Append(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Our own fleet is unwell and the call may have gone on without us: the same key costs nothing, as often as needed.
    SameKey,
    /// It may be a passing fault of ours: the same key, this many times in a row.
    SameKeyAtMost(u32),
    /// The attempt is over: a new one, this many attempts in all.
    Attempts(u32),
    /// The same, where it is the provider who says when: the wait is not the run's own time.
    Quota(u32),
    /// Trying again would not help.
    GiveUp,
}

fn policy(reason: &str) -> Policy {
    match reason {
        "UNAVAILABLE"
        | "UPSTREAM_UNAVAILABLE"
        | "DATABASE_UNAVAILABLE"
        | "OVERLOADED"
        | "DRAINING"
        | "DEADLINE_EXCEEDED"
        | "CANCELLED"
        | "UNAUTHENTICATED" => Policy::SameKey,
        "INTERNAL" | "UNKNOWN" | "ABORTED" => Policy::SameKeyAtMost(5),
        "PROVIDER_RATE_LIMITED" => Policy::Quota(10),
        "PROVIDER_OVERLOADED" | "PROVIDER_UNAVAILABLE" => Policy::Attempts(10),
        // Each of these attempts may have cost something.
        INTERRUPTED => Policy::Attempts(4),
        // Each of these took all the time that there was for it, and has cost what had come by then.
        TIMED_OUT => Policy::Attempts(3),
        // The request of an attempt is rebuilt from the journal; it can differ only if a release assembles it anew.
        "IDEMPOTENCY_KEY_REUSED" => Policy::Attempts(2),
        _ => Policy::GiveUp,
    }
}

/// True of failures after which a run waits for its provider's quota.
pub fn is_quota(reason: &str) -> bool {
    matches!(policy(reason), Policy::Quota(_))
}

/// Decides on the failure of the open model call. `asked_again` counts the times in a row that this worker has asked
/// again under the same key. None when no model call is open.
pub fn after(
    fold: &RunFold,
    failure: &CallFailure,
    asked_again: u32,
    now: OffsetDateTime,
) -> Option<AfterFailure> {
    let Some(PendingIntent::Model { step, attempt, .. }) = fold.pending().into_iter().next() else {
        return None;
    };
    let same_key = || {
        let at = again(fold, step, asked_again + 1, failure.retry_after, now);
        Some(ask_again(now, at, fold.deadline()))
    };
    match policy(&failure.reason) {
        Policy::SameKey => return same_key(),
        Policy::SameKeyAtMost(most) if asked_again < most => return same_key(),
        _ => {}
    }
    Some(AfterFailure::Append(Event::ModelCallFailed(ModelCallFailed {
        step,
        attempt,
        error: RunError::new(failure.reason.as_str(), failure.message.as_str()),
        retry_at: another_attempt(fold, &failure.reason, step, attempt, failure.retry_after, now),
        generation: failure.generation.clone(),
        // It had begun to answer, so the provider charges for it, or may do so.
        maybe_billed: failure.charge.is_some() || failure.reason == INTERRUPTED,
        cost_nano_usd: failure.charge.and_then(|charge| charge.cost_nano_usd),
        cost_estimated: failure.charge.is_some_and(|charge| charge.estimated),
        total_tokens: failure.charge.map_or(0, |charge| charge.total_tokens),
    })))
}

/// What is journalled of the open model call once it took too long and was stopped: it may be tried again.
pub fn timed_out(fold: &RunFold, stopped: ModelCallFailed, now: OffsetDateTime) -> ModelCallFailed {
    let retry_at = another_attempt(fold, TIMED_OUT, stopped.step, stopped.attempt, None, now);
    ModelCallFailed { retry_at, ..stopped }
}

/// When a step is tried under the next attempt; none if it is not.
fn another_attempt(
    fold: &RunFold,
    reason: &str,
    step: u32,
    attempt: u32,
    retry_after: Option<Duration>,
    now: OffsetDateTime,
) -> Option<OffsetDateTime> {
    // What people interrupted, and what was tried before a retry, is not held against the step.
    let attempt = fold.tries(attempt);
    match policy(reason) {
        Policy::Attempts(most) if attempt < most => again(fold, step, attempt, retry_after, now),
        Policy::Quota(most) if attempt < most => {
            let wait = wait(attempt, jitter(fold.brief().run, step, attempt), retry_after);
            now.checked_add(wait).filter(|_| wait <= LONGEST_QUOTA_WAIT)
        }
        _ => None,
    }
}

/// When it is time for another try after `tries` that failed; none if the run's own time is up by then.
fn again(
    fold: &RunFold,
    step: u32,
    tries: u32,
    retry_after: Option<Duration>,
    now: OffsetDateTime,
) -> Option<OffsetDateTime> {
    let wait = wait(tries, jitter(fold.brief().run, step, tries), retry_after);
    now.checked_add(wait).filter(|at| fold.deadline().is_none_or(|deadline| *at < deadline))
}

/// Asking again waits no longer than the run has time; then the limit ends it.
fn ask_again(
    now: OffsetDateTime,
    at: Option<OffsetDateTime>,
    deadline: Option<OffsetDateTime>,
) -> AfterFailure {
    AfterFailure::AskAgain { at: at.or(deadline).unwrap_or(now + LONGEST_WAIT) }
}

/// The wait before another try after `tries` that failed: doubled each time, capped, half of it shaken by `jitter`
/// (0 to 1), and never less than what was asked for.
pub fn wait(tries: u32, jitter: f64, retry_after: Option<Duration>) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let full = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let own: Duration = full / 2 + (full / 2) * jitter.clamp(0.0, 1.0);
    let wait = retry_after.map_or(own, |asked| own.max(asked));
    // No finer than the database keeps times, so that who is woken is not too early by a hair.
    Duration::new(wait.whole_seconds(), wait.subsec_nanoseconds() / 1_000_000 * 1_000_000)
}

/// A number from 0 to 1 that differs between runs, steps and attempts and is the same each time it is asked for.
pub fn jitter(run: RunId, step: u32, attempt: u32) -> f64 {
    let digest: [u8; 32] = Sha256::digest(format!("jitter/{run}/{step}/{attempt}")).into();
    f64::from(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])) / f64::from(u32::MAX)
}
