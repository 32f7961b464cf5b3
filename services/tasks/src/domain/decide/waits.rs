//! What becomes of `wait`: a timer is set, and once it is due the call has its result.

use std::fmt::Write as _;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::domain::arguments::Wait;
use crate::domain::event::{Event, TimerSet};
use crate::domain::fold::{RunFold, Timer};
use crate::domain::prompt;

/// A timer that is due later than this, the agent is told of.
const LATE: Duration = Duration::seconds(5);

/// The record of a timer that begins now, or what the model reads in place of a result.
pub(super) fn set(fold: &RunFold, call_id: &str, wait: &Wait, now: OffsetDateTime) -> Result<Event, String> {
    let wake_at = wait.wake_at(now).map_err(|why| format!("Not carried out: {why}."))?;
    let (step, call_id, reason) = (fold.steps(), call_id.to_owned(), wait.reason.clone());
    Ok(Event::TimerSet(TimerSet { step, call_id, wake_at, reason }))
}

/// What the agent reads once its timer is due; none before.
pub(super) fn result(timer: &Timer, now: OffsetDateTime) -> Option<String> {
    if now < timer.wake_at {
        return None;
    }
    let waited = whole_seconds(now - timer.since);
    let mut said = format!("Waited {waited} and was woken by the timer. It is {} now", in_words(now));
    if now - timer.wake_at > LATE {
        let _ = write!(said, "; the timer was due at {}", in_words(timer.wake_at));
    }
    said.push('.');
    Some(timer.edited.as_deref().map(prompt::edited).unwrap_or_default() + &said)
}

/// True when a run that waits need not do so any longer.
pub(super) fn is_over(fold: &RunFold, now: OffsetDateTime) -> bool {
    fold.wake_at().is_some_and(|at| at <= now)
}

/// As models read it, rounded: `0s`, `5m30s`, `3d`. The record of a timer is a moment later than its beginning.
fn whole_seconds(span: Duration) -> Duration {
    Duration::seconds(span.saturating_add(Duration::milliseconds(500)).whole_seconds().max(0))
}

fn in_words(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
