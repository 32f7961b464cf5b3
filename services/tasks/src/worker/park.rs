//! Whether a run may call its model: asked before each new call; and what each call hears of its provider's limit, for all
//! others that wait for it.

use std::time::Duration;

use mc_chassis::Failure;
use time::OffsetDateTime;

use crate::domain::decide::Next;
use crate::domain::event::{Event, QuotaAwaited};
use crate::domain::fold::{RunState, WaitReason};
use crate::domain::retry;
use crate::store::append::Besides;
use crate::store::lease::Rest;
use crate::store::park::{self, Entry, Line};
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;

/// Between two signs of life of a run that goes first.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// A wait that ends this much later than the journal says is the same one.
const SLACK: time::Duration = time::Duration::seconds(1);

/// Leave to call the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// As everybody does.
    Given,
    /// As the one that goes first: others wait for what it hears.
    First,
}

/// Whether this begins a model call, now or once the provider takes calls.
pub(super) fn begins_call(next: &Next) -> bool {
    match next {
        Next::CallModel(call) => call.intent.is_some(),
        Next::Wait(reason) => *reason == WaitReason::Quota,
        _ => false,
    }
}

impl Journal {
    fn line(&self) -> Line<'_> {
        Line { workspace: self.lease().workspace, provider: self.fold().provider() }
    }

    /// Asks for leave to call the model. Where there is none the run rests, and the journal says until when; none then if
    /// there is mail, which is to be read first.
    pub(super) async fn leave_to_call(&mut self) -> Result<Option<Leave>, Stop> {
        let run = self.lease().run;
        let entered = self.persist(|| park::enter(&self.worker().means.engine, self.line(), run)).await?;
        let wait = match entered {
            Entry::Open => return Ok(Some(Leave::Given)),
            Entry::First => return Ok(Some(Leave::First)),
            Entry::Parked(wait) => wait,
        };
        let now = self.now();
        let mut until = later(now, wait);
        let waits = self.fold().state() == RunState::Waiting(WaitReason::Quota);
        if let Some(at) = self.fold().wake_at().filter(|at| waits && until - *at <= SLACK) {
            until = if at > now { at } else { until };
        } else {
            let provider = self.fold().provider().to_owned();
            let awaited = Event::QuotaAwaited(QuotaAwaited { provider, until });
            self.append(vec![awaited], Besides::default()).await?;
        }
        self.rest(Rest::WaitingUntil(WaitReason::Quota, until)).await?;
        Ok(None)
    }

    /// Says that this run still goes first; whether it does.
    pub(super) async fn still_first(&self) -> bool {
        let said = park::renew(&self.worker().means.engine, self.line(), self.lease().run).await;
        self.told(said, "say that a run still goes first").unwrap_or(false)
    }

    /// The provider takes calls: the others are let go. Whether that was to be told, and could be.
    pub(super) async fn takes_calls(&self) -> bool {
        let said = park::open(&self.worker().means.engine, self.line(), self.lease().run).await;
        self.told(said, "say that a provider takes calls").is_some()
    }

    /// What the run heard says nothing of the limit: another one goes first, after this.
    pub(super) async fn pass_on(&self, wait: time::Duration) {
        let wait = Duration::try_from(wait).unwrap_or_default();
        let said = park::pass_on(&self.worker().means.engine, self.line(), self.lease().run, wait).await;
        self.told(said, "have another run go first");
    }

    /// The provider refused the call: nobody calls it for so long. None where the failure is another one.
    pub(super) async fn refused(&self, failure: &Failure) -> Result<Option<Duration>, Stop> {
        if !retry::is_quota(failure.reason()) {
            return Ok(None);
        }
        let run = self.lease().run;
        // At most as long as any wait that a run begins, and never not at all.
        let asked = failure.retry_delay().unwrap_or(park::UNTOLD);
        let asked = asked.clamp(Duration::from_secs(1), Duration::from_hours(24 * 31));
        let engine = &self.worker().means.engine;
        let wait = self.persist(|| park::close(engine, self.line(), run, asked, failure.message())).await?;
        Ok(Some(wait))
    }

    /// What is not told runs out by itself.
    fn told<T>(&self, said: Result<T, sqlx::Error>, what: &str) -> Option<T> {
        said.inspect_err(|error| {
            let run = self.lease().run;
            tracing::warn!(%run, error = error as &dyn std::error::Error, "{what}");
        })
        .ok()
    }
}

fn later(now: OffsetDateTime, wait: Duration) -> OffsetDateTime {
    time::Duration::try_from(wait).ok().and_then(|wait| now.checked_add(wait)).unwrap_or(now)
}
