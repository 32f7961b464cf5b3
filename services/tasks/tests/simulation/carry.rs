//! One attempt at one run, as `worker/attempt.rs`, `worker/journal.rs`, `worker/mail.rs` and `worker/model.rs` have it, around
//! the real fold, loop, mailbox and retry.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt;
use futures::future::{Either, select};
use mc_tasks::domain::conversation::Usage;
use mc_tasks::domain::decide::{self, Ask, ModelCall, Next};
use mc_tasks::domain::event::{
    ChildCancelCause, Event, Failed, ModelCallCompleted, ModelCallFailed, Record, RunError,
};
use mc_tasks::domain::fold::{PendingIntent, RunFold};
use mc_tasks::domain::history::Promise;
use mc_tasks::domain::id::InboxItemId;
use mc_tasks::domain::mail;
use mc_tasks::domain::retry::{self, AfterFailure};
use mc_tasks::store::append::{Append, Besides};
use mc_tasks::store::inbox::{self, NewItem};
use mc_tasks::store::lease::{Release, Rest, Suspended};
use mc_tasks::store::mailbox::Settlement;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::exec::{MS, Micros, SECOND};
use crate::park::begins_call;
use crate::script::COST;
use crate::tables::{Bug, Lease, Refused};
use crate::worker::{Bell, Worker};
use crate::world::World;

/// A wait up to this long keeps the run here.
const SHORT_WAIT: Micros = 30 * SECOND;

/// What ends this worker's part in a run.
#[derive(Debug)]
pub(crate) enum Stop {
    Ended,
    Lost,
    Reload,
    Resting,
    /// What must not happen.
    Broken(String),
}

/// A run under a lease.
pub(crate) struct Journal {
    pub(crate) worker: Worker,
    pub(crate) lease: Lease,
    pub(crate) fold: RunFold,
    pub(crate) bell: Rc<Bell>,
    mail: bool,
}

/// Carries a run on and lets it go.
pub(crate) async fn attempt(worker: Worker, lease: Lease) {
    let stop = {
        let lost = worker.lost().boxed_local();
        let carried = carry(worker.clone(), lease.clone()).boxed_local();
        match select(lost, carried).await {
            Either::Left(_) => Stop::Lost,
            Either::Right((stop, _)) => stop,
        }
    };
    let why = match stop {
        Stop::Ended | Stop::Resting | Stop::Lost => return,
        Stop::Reload => Release::HandBack,
        Stop::Broken(why) => {
            let run = lease.run;
            worker
                .site
                .with(|world| world.say(Promise::GoesOn, Some(run), format!("an attempt broke: {why}")));
            Release::Broken
        }
    };
    let (run, epoch) = (lease.run, lease.epoch);
    let let_go = async || worker.ask(move |world| world.tables.release(run, epoch, why)).await.is_ok();
    let at_last = async {
        while !let_go().await {
            worker.sleep(SECOND).await;
        }
    };
    select(worker.lost().boxed_local(), at_last.boxed_local()).await;
}

async fn carry(worker: Worker, lease: Lease) -> Stop {
    let bell = worker.hang(lease.run);
    let mut mail = lease.mail;
    let mut is_new = true;
    let mut asked_again = BTreeMap::new();
    loop {
        let run = lease.run;
        let records = loop {
            match worker.ask(move |world| world.tables.journal(run, 0)).await {
                Ok(records) => break records,
                Err(_) => worker.sleep(100 * MS).await,
            }
        };
        let fold = match RunFold::replay(&records) {
            Ok(fold) => fold,
            Err(error) => return Stop::Broken(error.to_string()),
        };
        let bell = bell.clone();
        let mut journal = Journal { worker: worker.clone(), lease: lease.clone(), fold, bell, mail };
        match journal.go_on(std::mem::take(&mut is_new), &mut asked_again).await {
            Ok(()) => return Stop::Ended,
            Err(Stop::Reload) => mail = true,
            Err(stop) => return stop,
        }
    }
}

impl Journal {
    /// Reads the mail, decides, does, commits. The counts are of calls that were asked for again under the same key.
    async fn go_on(&mut self, is_new: bool, asked_again: &mut BTreeMap<(u32, u32), u32>) -> Result<(), Stop> {
        if is_new && let Some(event) = decide::claimed(&self.fold, self.lease.epoch) {
            self.append(vec![event], Besides::default()).await?;
        }
        loop {
            self.worker.fresh().await;
            self.read_mail(true).await?;
            let mut next = decide::next(&self.fold, self.now());
            let mut first = false;
            if begins_call(&next) {
                let Some(leave) = self.leave_to_call().await? else { continue };
                first = leave;
                next = decide::released(&self.fold, self.now());
            }
            match next {
                Next::Ended => return Ok(()),
                Next::RetryAt(at) => self.rest(Rest::Until(at)).await?,
                Next::Wait(reason) => {
                    let until = self.fold.wake_at().map(|at| Rest::WaitingUntil(reason, at));
                    self.rest(until.unwrap_or(Rest::Waiting(reason))).await?;
                }
                Next::Paused => self.rest(Rest::Paused).await?,
                Next::Append(mut events) => {
                    if let Some(Event::Failed(Failed { error })) = events.last().cloned() {
                        let mut before: Vec<Event> = self.stop_call(error).await.into_iter().collect();
                        before.extend(self.cancel_all_children(ChildCancelCause::ParentFailed).await);
                        events.splice(events.len() - 1..events.len() - 1, before);
                    }
                    self.append(events, Besides::default()).await?;
                }
                Next::Ask(asks) => self.ask(asks).await?,
                Next::Delegate(delegate) => self.delegate(&delegate).await?,
                Next::CancelChildren(runs) => {
                    if let Some(event) = self.cancel_children(runs, ChildCancelCause::NotNeeded).await {
                        self.append(vec![event], Besides::default()).await?;
                    }
                }
                Next::UseTools(uses) => self.use_all(uses).await?,
                Next::CallModel(call) => {
                    let times = asked_again.entry((call.step, call.attempt)).or_default();
                    match self.call(&call, *times, first).await? {
                        AfterFailure::Append(event) => self.append(vec![event], Besides::default()).await?,
                        AfterFailure::AskAgain { at } => {
                            *times += 1;
                            self.wait_until(at).await?;
                        }
                    }
                }
            }
        }
    }

    /// Now, as exactly as the database keeps it.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.worker.now()
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.mail
    }

    pub(crate) fn expect_mail(&mut self) {
        self.mail = true;
    }

    pub(crate) async fn append(&mut self, events: Vec<Event>, besides: Besides) -> Result<(), Stop> {
        let at = self.now();
        let mut next = self.fold.clone();
        for (seq, event) in (self.fold.head_seq() + 1..).zip(&events) {
            next.apply(&Record { seq, at, event: event.clone() })
                .map_err(|error| Stop::Broken(error.to_string()))?;
        }
        let append = Append { run: self.lease.run, epoch: self.lease.epoch, at, events };
        let (head, mail) = loop {
            let (statement, besides) = (append.clone(), besides.clone());
            let committed = self.worker.commit(10, move |world| {
                let done = world.tables.append(&statement, &besides);
                world.tally.fenced += u64::from(done == Err(Refused::Fenced));
                done
            });
            match committed.await {
                Ok(Ok(done)) => break done,
                Ok(Err(Refused::Fenced)) => return Err(Stop::Lost),
                Ok(Err(Refused::TreeFull)) => return Err(Stop::Reload),
                Ok(Err(Refused::Duplicate)) => {
                    if self.is_committed(&append).await? {
                        break (next.head_seq(), true);
                    }
                    return Err(Stop::Reload);
                }
                Err(_) => self.worker.sleep(100 * MS).await,
            }
        };
        if head != next.head_seq() {
            return Err(Stop::Reload);
        }
        (self.fold, self.mail) = (next, mail);
        Ok(())
    }

    /// Whether just this is what the journal goes on with: its answer got lost.
    async fn is_committed(&self, append: &Append) -> Result<bool, Stop> {
        let (run, after) = (self.lease.run, self.fold.head_seq());
        let records = self.persist(move |world| world.tables.journal(run, after)).await;
        let same = |(record, event): (&Record, &Event)| record.at == append.at && record.event == *event;
        Ok(records.len() == append.events.len() && records.iter().zip(&append.events).all(same))
    }

    /// Repeats what the database did not come to answer.
    pub(crate) async fn persist<T: 'static>(
        &self,
        statement: impl Fn(&mut World) -> T + Clone + 'static,
    ) -> T {
        loop {
            match self.worker.ask(statement.clone()).await {
                Ok(done) => return done,
                Err(_) => self.worker.sleep(100 * MS).await,
            }
        }
    }

    pub(crate) async fn rest(&mut self, rest: Rest) -> Result<(), Stop> {
        let (run, epoch) = (self.lease.run, self.lease.epoch);
        let suspended = loop {
            match self.worker.commit(40, move |world| world.tables.suspend(run, epoch, rest)).await {
                Ok(suspended) => break suspended,
                Err(_) => self.worker.sleep(100 * MS).await,
            }
        };
        match suspended {
            Suspended::Done => Err(Stop::Resting),
            Suspended::Lost => Err(Stop::Lost),
            Suspended::MailArrived => {
                self.mail = true;
                Ok(())
            }
        }
    }

    pub(crate) async fn read_mail(&mut self, at_rest: bool) -> Result<(), Stop> {
        loop {
            let run = self.lease.run;
            let letters = if self.mail {
                self.persist(move |world| world.tables.unread(run)).await
            } else {
                Vec::new()
            };
            let mut reading = mail::read(&self.fold, &letters, at_rest);
            if let Some(item) = reading.stray.first() {
                return Err(Stop::Broken(format!("a decision on {item}, which the run does not ask")));
            }
            if let Some(child) = reading.strangers.first() {
                return Err(Stop::Broken(format!("the end of {child}, which is no child of it")));
            }
            if reading.is_empty() {
                self.mail = false;
                return Ok(());
            }
            let effective = reading.effective.iter().map(|command| (*command, Settlement::Effective));
            let superseded = reading.superseded.iter().map(|command| (*command, Settlement::Superseded));
            let settled = effective.chain(superseded).collect();
            let mut besides = Besides { read_up_to: reading.read_up_to, settled, ..Besides::default() };
            let ends = reading.cancels();
            if ends && (self.open_call().is_some() || !self.fold.live_children().is_empty()) {
                let end = reading.events.pop();
                if !reading.is_empty() {
                    self.append(std::mem::take(&mut reading.events), std::mem::take(&mut besides)).await?;
                }
                let error = RunError::new("RUN_CANCELLED", "The run was cancelled.");
                reading.events.extend(self.stop_call(error).await);
                reading.events.extend(self.cancel_all_children(ChildCancelCause::ParentCancelled).await);
                reading.events.extend(end);
            }
            self.append(reading.events, besides).await?;
            if ends {
                return Err(Stop::Ended);
            }
            if !self.mail {
                return Ok(());
            }
        }
    }

    /// Asks people, all in one transaction.
    pub(crate) async fn ask(&mut self, asks: Vec<Ask>) -> Result<(), Stop> {
        let (mut events, mut items) = (Vec::new(), Vec::new());
        for ask in asks {
            let number = u128::from(self.worker.site.sim.unique()) + (1 << 90);
            let item = InboxItemId::new(Uuid::from_u128(number));
            events.push(ask.event(item));
            let question = inbox::Ask::Question { question: String::new(), choices: Vec::new() };
            let (step, call_id) = (ask.step, ask.call_id);
            items.push(NewItem {
                item,
                step,
                call_id,
                ask: question,
                context: String::new(),
                turns: Vec::new(),
                hosts: Vec::new(),
            });
        }
        self.append(events, Besides { items, ..Besides::default() }).await
    }

    /// Waits here if the wait is short, else gives the lease back until then. Mail ends it early.
    async fn wait_until(&mut self, at: OffsetDateTime) -> Result<(), Stop> {
        let wait = Micros::try_from((at - self.now()).whole_microseconds()).unwrap_or_default();
        if wait > SHORT_WAIT {
            return self.rest(Rest::Until(at)).await;
        }
        let bell = self.bell.clone();
        if let Either::Left(_) = select(bell.rung().boxed_local(), self.worker.sleep(wait)).await {
            self.mail = true;
        }
        Ok(())
    }

    fn open_call(&self) -> Option<(u32, u32, String)> {
        self.fold.pending().into_iter().find_map(|intent| match intent {
            PendingIntent::Model { step, attempt, idempotency_key, .. } => {
                Some((step, attempt, idempotency_key))
            }
            PendingIntent::Tool { .. } => None,
        })
    }

    /// Stops the model call that is under way; the record of it.
    async fn stop_call(&self, error: RunError) -> Option<Event> {
        let (step, attempt, key) = self.open_call()?;
        let booked = self.worker.site.cancel_generation(&key).await.ok();
        Some(Event::ModelCallFailed(ModelCallFailed {
            step,
            attempt,
            error,
            retry_at: None,
            generation: String::new(),
            maybe_billed: booked != Some(false),
            cost_nano_usd: booked.and(COST.cost_nano_usd),
            cost_estimated: false,
            total_tokens: if booked == Some(true) { COST.total_tokens } else { 0 },
        }))
    }

    async fn call(&mut self, call: &ModelCall, asked_again: u32, first: bool) -> Result<AfterFailure, Stop> {
        let mut key = call.idempotency_key.clone();
        if self.worker.site.has(Bug::RetriesAtTakeOver) {
            key = format!("{key}/{}", self.lease.epoch);
        }
        if let Some(intent) = &call.intent {
            self.append(vec![intent.clone()], Besides::default()).await?;
        }
        self.worker.fresh().await;
        self.worker.begins(self.lease.run, "a model call");
        let first = first || (call.intent.is_none() && self.still_first().await);
        let (site, bell) = (self.worker.site.clone(), self.bell.clone());
        let mut asking = site.generate(key, call.step).boxed_local();
        let generated = loop {
            if self.mail {
                self.read_mail(false).await?;
            }
            match select(asking, bell.rung().boxed_local()).await {
                Either::Left((generated, _)) => break generated,
                Either::Right(((), rest)) => {
                    asking = rest;
                    self.mail = true;
                }
            }
        };
        match generated {
            Ok((message, finish_reason)) => {
                if first {
                    self.takes_calls().await;
                }
                let usage = Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() };
                Ok(AfterFailure::Append(Event::ModelCallCompleted(ModelCallCompleted {
                    step: call.step,
                    attempt: call.attempt,
                    message,
                    finish_reason,
                    usage,
                    cost_nano_usd: COST.cost_nano_usd,
                    generation: String::new(),
                    duration_ms: 0,
                })))
            }
            Err(mut failure) => {
                let refused = retry::is_quota(&failure.reason);
                if refused {
                    let wait = self.refused(&failure).await;
                    failure.retry_after = Some(time::Duration::microseconds(wait as i64));
                }
                let after = retry::after(&self.fold, &failure, asked_again, self.now())
                    .ok_or_else(|| Stop::Broken("no model call is open".into()))?;
                if first && !refused && matches!(after, AfterFailure::Append(_)) {
                    self.pass_on().await;
                }
                Ok(after)
            }
        }
    }
}
