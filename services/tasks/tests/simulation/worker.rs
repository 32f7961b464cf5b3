//! A worker process as `worker/mod.rs`, `worker/heartbeat.rs` and `scheduler.rs` have it: claims, beats, gives back, promotes
//! and reaps. What it carries on is `carry`'s.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt;
use futures::future::{Either, select};
use mc_tasks::domain::history::Promise;
use mc_tasks::domain::id::RunId;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::carry;
use crate::exec::{MS, Micros, Process, SECOND, Sleep};
use crate::line::Lost;
use crate::tables::{Bug, Lease};
use crate::world::{HEARTBEAT, Member, Site, TTL, World};

/// Runs carried on at once.
const SLOTS: usize = 4;
/// Between two looks of the scheduler.
const INTERVAL: Micros = SECOND / 2;

/// Rung when there may be mail.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<std::task::Waker>>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Comes back when it was rung, once for any number of times.
    pub(crate) async fn rung(&self) {
        std::future::poll_fn(|context| {
            if self.rung.replace(false) {
                return std::task::Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            std::task::Poll::Pending
        })
        .await;
    }
}

/// One worker.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) site: Site,
    pub(crate) id: Uuid,
    pub(crate) process: Process,
    /// When the newest acknowledged beat was sent.
    last: Rc<Cell<Micros>>,
    hands: Rc<RefCell<BTreeMap<RunId, i64>>>,
    bells: Rc<RefCell<BTreeMap<RunId, Rc<Bell>>>>,
}

/// Starts a process that works.
pub(crate) fn start(site: &Site) {
    let number = site.sim.unique();
    let (id, process) = (Uuid::from_u128(u128::from(number)), Process(number));
    let worker = Worker {
        site: site.clone(),
        id,
        process,
        last: Rc::new(Cell::new(site.sim.now())),
        hands: Rc::default(),
        bells: Rc::default(),
    };
    site.with(|world| world.members.insert(id, Member { process, stopped: false, cut: false, skew: 0 }));
    let born = worker.clone();
    site.sim.spawn(process, async move {
        // Before this it must not claim.
        loop {
            let sent = born.site.sim.now();
            if born.ask(move |world| drop(world.tables.beat(id))).await.is_ok() {
                born.last.set(sent);
                break;
            }
            born.site.sim.sleep(SECOND).await;
        }
        born.site.sim.spawn(process, born.clone().beat());
        born.site.sim.spawn(process, born.clone().schedule());
        born.site.sim.spawn(process, born.clone().listen());
        born.take_runs().await;
    });
}

impl Worker {
    pub(crate) async fn ask<T: 'static>(
        &self,
        statement: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, Lost> {
        self.site.ask(self.process, statement).await
    }

    /// Commits under a lease.
    pub(crate) async fn commit<T: 'static>(
        &self,
        danger: u32,
        statement: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, Lost> {
        self.site.commit(danger, self.process, statement).await
    }

    pub(crate) fn sleep(&self, span: Micros) -> Sleep {
        self.site.sim.sleep(span)
    }

    /// Its wall clock.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let id = self.id;
        self.site.time(self.site.with(|world| world.members.get(&id).map_or(0, |member| member.skew)))
    }

    fn is_fresh(&self) -> bool {
        self.site.sim.now() - self.last.get() < TTL / 2
    }

    /// Waits until effects may be started.
    pub(crate) async fn fresh(&self) {
        while !self.is_fresh() && !self.site.has(Bug::EffectsWithoutBeat) {
            self.sleep(20 * MS).await;
        }
    }

    /// Says so if something begins that must not.
    pub(crate) fn begins(&self, run: RunId, what: &str) {
        if !self.is_fresh() {
            let old = (self.site.sim.now() - self.last.get()) / MS;
            let what = format!("{what} begins {old} ms behind the last beat of worker {}", self.id);
            self.site.with(|world| world.say(Promise::FreshEffects, Some(run), what));
        }
    }

    /// Comes back when others may take this worker for dead.
    pub(crate) async fn lost(&self) {
        loop {
            let deadline = self.last.get() + TTL;
            let now = self.site.sim.now();
            if now >= deadline {
                return;
            }
            self.sleep(deadline.saturating_sub(now).max(MS)).await;
        }
    }

    /// Hangs up the bell of a run.
    pub(crate) fn hang(&self, run: RunId) -> Rc<Bell> {
        let bell = Rc::<Bell>::default();
        self.bells.borrow_mut().insert(run, bell.clone());
        bell
    }

    async fn beat(self) {
        let mut wait = HEARTBEAT;
        loop {
            self.sleep(wait).await;
            wait = HEARTBEAT / 8;
            let (sent, id) = (self.site.sim.now(), self.id);
            let beat = self.ask(move |world| world.tables.beat(id)).boxed_local();
            // A beat that hangs is given up for the next one.
            if let Either::Left((Ok(runs), _)) = select(beat, self.sleep(HEARTBEAT)).await {
                self.last.set(self.last.get().max(sent));
                wait = HEARTBEAT;
                for run in runs {
                    self.ring(run);
                }
            }
        }
    }

    fn ring(&self, run: RunId) {
        let bell = self.bells.borrow().get(&run).cloned();
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// The bus: hints that may be late, doubled, or about nothing.
    async fn listen(self) {
        loop {
            let wait = self.site.sim.below(SECOND);
            self.sleep(wait).await;
            if self.site.sim.happens(self.site.with(|world| world.weather.unheard)) {
                continue;
            }
            let runs: Vec<RunId> = self.bells.borrow().keys().copied().collect();
            for run in runs {
                self.ring(run);
            }
        }
    }

    async fn take_runs(self) {
        let mut count_at = 0;
        loop {
            if self.site.sim.now() >= count_at {
                count_at = self.site.sim.now() + HEARTBEAT;
                self.give_back().await;
            }
            let free = SLOTS.saturating_sub(self.hands.borrow().len());
            let wait = self.site.sim.below(SECOND);
            if free == 0 {
                self.sleep(wait.max(MS)).await;
                continue;
            }
            self.fresh().await;
            let (id, site) = (self.id, self.site.clone());
            let claimed = self.ask(move |world| {
                let mut ready: Vec<RunId> = world.tables.ready.iter().copied().collect();
                let mut chosen = Vec::new();
                while chosen.len() < free && !ready.is_empty() {
                    let at = site.sim.below(ready.len() as u64) as usize;
                    chosen.push(ready.swap_remove(at));
                }
                world.tables.claim(id, &chosen)
            });
            match claimed.await {
                Ok(leases) if !leases.is_empty() => leases.into_iter().for_each(|lease| self.begin(lease)),
                _ => self.sleep(wait.max(MS)).await,
            }
        }
    }

    /// Gives back what it has on paper alone.
    async fn give_back(&self) {
        if self.site.has(Bug::NothingGivenBack) {
            return;
        }
        let (id, in_hand) = (self.id, self.hands.borrow().keys().copied().collect::<Vec<_>>());
        let _ = self.ask(move |world| world.tables.give_back(id, &in_hand)).await;
    }

    fn begin(&self, lease: Lease) {
        self.hands.borrow_mut().insert(lease.run, lease.epoch);
        let worker = self.clone();
        self.site.sim.spawn(self.process, async move {
            let (run, epoch) = (lease.run, lease.epoch);
            carry::attempt(worker.clone(), lease).await;
            let mut hands = worker.hands.borrow_mut();
            if hands.get(&run) == Some(&epoch) {
                hands.remove(&run);
            }
        });
    }

    /// The scheduler that every worker has: promotes, and reaps as `Reaper` does.
    async fn schedule(self) {
        let mut reaper = Reaper { reached_since: None, reached: self.site.sim.now(), clock: None, seen: 0 };
        let any_clock = self.site.has(Bug::ReapsByAnyClock);
        let promote = |world: &mut World| {
            // By the database's clock, which it also answers with.
            world.tables.promote(world.database_time());
            for run in world.tables.tend(world.database_time()) {
                world.goes_first(run);
            }
            (world.tables.now, world.when(world.tables.now))
        };
        loop {
            self.sleep(INTERVAL).await;
            let mut clock = self.ask(promote).await;
            if clock.is_err() {
                // That a connection was cut is no outage.
                clock = self.ask(promote).await;
            }
            match clock {
                Ok((clock, seen)) => {
                    reaper.seen = seen;
                    reaper.database_reached(self.site.sim.now(), clock, any_clock);
                }
                Err(_) => reaper.reached_since = None,
            }
            reaper.look(&self).await;
        }
    }
}

struct Reaper {
    /// Since when the database answers; none while it does not.
    reached_since: Option<Micros>,
    /// When it answered last.
    reached: Micros,
    /// What its clock said then.
    clock: Option<Micros>,
    /// When that was.
    seen: Micros,
}

impl Reaper {
    fn database_reached(&mut self, now: Micros, clock: Micros, any_clock: bool) {
        // Stopped, or kept waiting: it cannot say what happened meanwhile.
        let passed = now - self.reached;
        let unseen = passed > TTL / 3;
        let by_clock = self.clock.replace(clock).map_or(passed as i64, |last| clock as i64 - last as i64);
        let set = !any_clock && (by_clock - passed as i64).unsigned_abs() > TTL / 3;
        self.reached = now;
        if unseen || set || self.reached_since.is_none() {
            self.reached_since = Some(now);
        }
    }

    async fn look(&mut self, worker: &Worker) {
        let hasty = worker.site.has(Bug::ReapRightAfterReconnect);
        let now = worker.site.sim.now();
        if self.reached_since.is_none_or(|since| now - since < TTL) && !hasty {
            return;
        }
        let (site, seen) = (worker.site.clone(), self.seen);
        let reaped = worker.ask(move |world| {
            for (run, holder) in world.tables.reap(TTL) {
                world.tally.taken_over += 1;
                let since = site.sim.now() - world.server.up_since.max(world.server.set_at);
                let lives = world.members.get(&holder).is_some_and(|member| !member.stopped && !member.cut);
                // A reaper that is stopped between its decision and its statement is beyond what it can know, and so is a
                // clock that is set between its look at the clock and its statement.
                let prompt = site.sim.now() - now <= TTL / 2 && world.server.set_at <= seen;
                let shaken = world.server.instance > 0 || world.server.set_at > 0;
                if lives && prompt && shaken && since < TTL {
                    let what = format!(
                        "taken from living worker {holder}, {} ms after a failover or a set clock",
                        since / MS
                    );
                    world.say(Promise::LiveLeaseKept, Some(run), what);
                }
            }
            world.tables.forget_dead(TTL);
        });
        if reaped.await.is_err() {
            self.reached_since = None;
        }
    }
}
