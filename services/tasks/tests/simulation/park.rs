//! Leave to call a model, as `worker/park.rs` has it; and who saw whom go first.

use mc_tasks::domain::decide::Next;
use mc_tasks::domain::event::{Event, QuotaAwaited};
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::history::Promise;
use mc_tasks::domain::id::RunId;
use mc_tasks::domain::retry::CallFailure;
use mc_tasks::store::append::Besides;
use mc_tasks::store::lease::Rest;
use mc_tasks::store::park::PROBE;

use crate::carry::{Journal, Stop};
use crate::exec::{Micros, SECOND};
use crate::tables::parks::Entry;
use crate::world::World;

pub(crate) fn begins_call(next: &Next) -> bool {
    match next {
        Next::CallModel(call) => call.intent.is_some(),
        Next::Wait(reason) => *reason == WaitReason::Quota,
        _ => false,
    }
}

impl World {
    /// A run goes first. It must be the only one, unless the other one has been silent for too long.
    pub(crate) fn goes_first(&mut self, run: RunId) {
        let (now, workspace) = (self.when(self.tables.now), self.tables.runs[&run].workspace);
        self.tally.probes += 1;
        let before = self.first.insert(workspace, (run, now));
        // A clock that was set says nothing of what was before, and a standby has another one.
        let clock_since = self.server.set_at.max(self.server.up_since);
        let silence = PROBE.as_micros() as Micros - 4 * SECOND;
        if let Some((other, said)) = before
            && other != run
            && now < said + silence
            && clock_since <= said
        {
            let what = format!("it goes first beside {other}");
            self.say(Promise::OneGoesFirst, Some(run), what);
        }
    }

    /// It does so no longer, if it did.
    fn went_first(&mut self, run: RunId) {
        let workspace = self.tables.runs[&run].workspace;
        if self.first.get(&workspace).is_some_and(|(first, _)| *first == run) {
            self.first.remove(&workspace);
        }
    }
}

impl Journal {
    /// Whether it goes first; none where it waited and there is mail.
    pub(crate) async fn leave_to_call(&mut self) -> Result<Option<bool>, Stop> {
        let run = self.lease.run;
        let entered = self.persist(move |world| {
            let entry = world.tables.enter(run);
            if entry == Entry::First {
                world.goes_first(run);
            }
            entry
        });
        let wait = match entered.await {
            Entry::Open => return Ok(Some(false)),
            Entry::First => return Ok(Some(true)),
            Entry::Parked(wait) => wait,
        };
        let now = self.now();
        let mut until = now + time::Duration::microseconds(wait as i64);
        let waits = self.fold.state() == RunState::Waiting(WaitReason::Quota);
        if let Some(at) = self.fold.wake_at().filter(|at| waits && until - *at <= time::Duration::SECOND) {
            until = if at > now { at } else { until };
        } else {
            let provider = self.fold.provider().to_owned();
            let awaited = Event::QuotaAwaited(QuotaAwaited { provider, until });
            self.append(vec![awaited], Besides::default()).await?;
        }
        self.rest(Rest::WaitingUntil(WaitReason::Quota, until)).await?;
        Ok(None)
    }

    pub(crate) async fn still_first(&self) -> bool {
        let run = self.lease.run;
        let said = self.worker.ask(move |world| {
            let is_first = world.tables.renew(run);
            if is_first {
                world.goes_first(run);
            }
            is_first
        });
        said.await.unwrap_or(false)
    }

    pub(crate) async fn takes_calls(&self) {
        let run = self.lease.run;
        let said = self.worker.ask(move |world| {
            world.went_first(run);
            world.tables.open_park(run);
        });
        let _ = said.await;
    }

    pub(crate) async fn pass_on(&self) {
        let run = self.lease.run;
        let said = self.worker.ask(move |world| {
            world.went_first(run);
            world.tables.pass_on(run, 0);
        });
        let _ = said.await;
    }

    /// How long nobody calls.
    pub(crate) async fn refused(&self, failure: &CallFailure) -> Micros {
        let run = self.lease.run;
        let asked = failure.retry_after.map_or(5 * SECOND, |asked| asked.whole_microseconds() as Micros);
        self.persist(move |world| {
            world.went_first(run);
            world.tables.close_park(run, asked)
        })
        .await
    }
}
