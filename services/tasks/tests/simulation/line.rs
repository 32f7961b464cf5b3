//! The line between a process and the database: late, cut before the statement or behind it, and deaf to whoever hung up.

use futures::channel::oneshot;

use crate::exec::{MS, Micros, Process, SECOND};
use crate::weather;
use crate::world::{EPOCH, Site, World};

/// No answer came: whether the statement was carried out is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Site {
    /// Has the database carry something out, all at once. Whoever is killed or gives up meanwhile does not call it back.
    pub(crate) async fn ask<T: 'static>(
        &self,
        from: Process,
        statement: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, Lost> {
        self.ask_after(self.stopped_in_step(from, 1), from, statement).await
    }

    /// The same for what is committed under a lease, where a process that is stopped at the wrong moment is most dangerous:
    /// it is so many times as likely to be.
    pub(crate) async fn commit<T: 'static>(
        &self,
        times: u32,
        from: Process,
        statement: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, Lost> {
        self.ask_after(self.stopped_in_step(from, times), from, statement).await
    }

    async fn ask_after<T: 'static>(
        &self,
        stopped: Micros,
        from: Process,
        statement: impl FnOnce(&mut World) -> T + 'static,
    ) -> Result<T, Lost> {
        let (answer, answered) = oneshot::channel();
        let site = self.clone();
        self.sim.spawn(Process::NETWORK, async move {
            site.sim.sleep(stopped).await;
            let done = site.carried(from, statement).await;
            // Whoever asked may be dead.
            let _ = answer.send(done);
        });
        answered.await.unwrap_or(Err(Lost))
    }

    /// For how long the process is stopped just before it says something; nothing as a rule.
    fn stopped_in_step(&self, from: Process, times: u32) -> Micros {
        let chance = self.with(|world| world.weather.stopped_in_step) * times;
        let of = |world: &mut World| {
            world.members.iter().find(|(_, member)| member.process == from).map(|(worker, _)| *worker)
        };
        let Some(worker) = self.with(of).filter(|_| self.sim.happens(chance)) else { return 0 };
        // As often within its lease as beyond.
        let longest = if self.sim.happens(500_000) { 3 * SECOND } else { 15 * SECOND };
        let span = self.sim.below(longest);
        weather::set_stopped(self, worker, true);
        self.with(|world| world.tally.stops += 1);
        let site = self.clone();
        self.sim.spawn(Process::NETWORK, async move {
            site.sim.sleep(span).await;
            weather::set_stopped(&site, worker, false);
        });
        span
    }

    async fn carried<T>(&self, from: Process, statement: impl FnOnce(&mut World) -> T) -> Result<T, Lost> {
        let weather = self.with(|world| world.weather);
        let connected = self.with(|world| world.server.instance);
        let there = self.latency();
        self.sim.sleep(there).await;
        let gone = self.with(|world| world.server.instance != connected);
        if gone || self.is_deaf(from) || self.sim.happens(weather.lost) {
            return self.hung_up().await;
        }
        let now = self.sim.now();
        let (done, instance) = self.with(|world| {
            world.tables.now = (now + EPOCH).saturating_add_signed(world.server.skew);
            let done = statement(world);
            world.look();
            (done, world.server.instance)
        });
        let back = self.latency();
        self.sim.sleep(back).await;
        let cut = self.is_deaf(from) || self.with(|world| world.server.instance != instance);
        if cut || self.sim.happens(weather.answers_lost) {
            self.with(|world| world.tally.answers_lost += 1);
            return self.hung_up().await;
        }
        Ok(done)
    }

    fn is_deaf(&self, from: Process) -> bool {
        self.with(|world| {
            !world.server.up || world.members.values().any(|member| member.process == from && member.cut)
        })
    }

    /// A connection that is gone is found out sooner or later.
    async fn hung_up<T>(&self) -> Result<T, Lost> {
        let noticed = self.sim.below(2 * SECOND);
        self.sim.sleep(noticed).await;
        Err(Lost)
    }

    /// How long a message takes: mostly nothing, sometimes longer than a lease.
    pub(crate) fn latency(&self) -> u64 {
        let weather = self.with(|world| world.weather);
        if self.sim.happens(weather.slow) { self.sim.below(8 * SECOND) } else { self.sim.below(4 * MS) }
    }

    /// The same on the way to the outside: less than half a lease, which is what an effect that has begun gets before anybody
    /// else takes the run.
    pub(crate) fn latency_outside(&self) -> u64 {
        let weather = self.with(|world| world.weather);
        if self.sim.happens(weather.slow) { self.sim.below(2 * SECOND) } else { self.sim.below(4 * MS) }
    }
}
