//! How bad things are: how often messages are lost, and who kills, stops and cuts whom.

use uuid::Uuid;

use crate::exec::{Micros, Process, SECOND};
use crate::worker;
use crate::world::{EPOCH, Site};

const HOUR: Micros = 3_600 * SECOND;

/// Chances are in a million; spans are the longest between two faults of a kind, 0 for none at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// A statement that never arrives.
    pub(crate) lost: u32,
    /// An answer that never arrives.
    pub(crate) answers_lost: u32,
    /// A message that takes seconds.
    pub(crate) slow: u32,
    /// A process that is stopped (SIGSTOP) between two instructions: what it was about to tell the database it tells once it
    /// goes on, without another look at the time.
    pub(crate) stopped_in_step: u32,
    /// An order or a decision of which no bus tells.
    pub(crate) unheard: u32,
    /// A model call that is cut, or an effect whose sender hears nothing.
    pub(crate) outside: u32,
    pub(crate) kills: Micros,
    pub(crate) stops: Micros,
    pub(crate) cuts: Micros,
    pub(crate) failovers: Micros,
    pub(crate) clock_jumps: Micros,
    /// The clock of the database's server is set, by up to an hour.
    pub(crate) clock_sets: Micros,
    /// The provider's limit is reached, for up to twenty seconds.
    pub(crate) limits: Micros,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) const CALM: Self = Self {
        lost: 0,
        answers_lost: 0,
        slow: 0,
        stopped_in_step: 0,
        unheard: 0,
        outside: 0,
        kills: 0,
        stops: 0,
        cuts: 0,
        failovers: 0,
        clock_jumps: 0,
        clock_sets: 0,
        limits: 0,
    };

    /// Everything goes wrong.
    pub(crate) const STORM: Self = Self {
        lost: 10_000,
        answers_lost: 20_000,
        slow: 15_000,
        stopped_in_step: 4_000,
        unheard: 500_000,
        outside: 50_000,
        kills: 15 * SECOND,
        stops: 20 * SECOND,
        cuts: 30 * SECOND,
        failovers: 60 * SECOND,
        clock_jumps: 20 * SECOND,
        clock_sets: 40 * SECOND,
        limits: 20 * SECOND,
    };

    /// Processes stop just where it is worst, mostly beyond their time, and nobody tells them anything but the database.
    pub(crate) const STOPS: Self = Self {
        lost: 5_000,
        answers_lost: 10_000,
        slow: 10_000,
        stopped_in_step: 15_000,
        unheard: 1_000_000,
        kills: 60 * SECOND,
        stops: 30 * SECOND,
        limits: 15 * SECOND,
        ..Self::CALM
    };

    /// The database alone fails, over and over, while workers die and are born.
    pub(crate) const FAILOVERS: Self =
        Self { failovers: 25 * SECOND, kills: 40 * SECOND, clock_jumps: 20 * SECOND, ..Self::CALM };
}

/// Begins every kind of fault.
pub(crate) fn begin(site: &Site) {
    let weather = site.with(|world| world.weather);
    for (fault, every) in [
        (Fault::Kill, weather.kills),
        (Fault::Stop, weather.stops),
        (Fault::Cut, weather.cuts),
        (Fault::Failover, weather.failovers),
        (Fault::ClockJump, weather.clock_jumps),
        (Fault::ClockSet, weather.clock_sets),
        (Fault::Limit, weather.limits),
    ] {
        if every > 0 {
            site.sim.spawn(Process::NETWORK, recur(site.clone(), fault, every));
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Stop,
    Cut,
    Failover,
    ClockJump,
    ClockSet,
    Limit,
}

/// Strikes again and again, until the weather is calm.
async fn recur(site: Site, fault: Fault, every: Micros) {
    loop {
        let wait = site.sim.below(every);
        site.sim.sleep(wait).await;
        if site.with(|world| world.weather.kills + world.weather.failovers) == 0 {
            return;
        }
        match fault {
            Fault::Kill => kill_one(&site).await,
            Fault::Stop => stop_one(&site).await,
            Fault::Cut => cut_one(&site).await,
            Fault::Failover => fail_over(&site).await,
            Fault::ClockJump => jump(&site),
            Fault::ClockSet => {
                let skew = site.sim.below(2 * HOUR) as i64 - HOUR as i64;
                set_clock(&site, skew);
            }
            Fault::Limit => {
                let until = site.sim.now() + site.sim.below(20 * SECOND);
                site.with(|world| world.llm.limited_until = until);
            }
        }
    }
}

fn any_worker(site: &Site) -> Option<Uuid> {
    let workers: Vec<Uuid> = site.with(|world| world.members.keys().copied().collect());
    let at = site.sim.below(workers.len() as u64) as usize;
    workers.get(at).copied()
}

async fn kill_one(site: &Site) {
    let Some(worker) = any_worker(site) else { return };
    kill(site, worker);
    let restart = site.sim.below(3 * SECOND);
    site.sim.sleep(restart).await;
    worker::start(site);
}

fn kill(site: &Site, worker: Uuid) {
    if let Some(member) = site.with(|world| world.members.remove(&worker)) {
        site.with(|world| world.tally.kills += 1);
        site.sim.kill(member.process);
    }
}

/// SIGSTOP, mostly beyond the time limit, and SIGCONT.
async fn stop_one(site: &Site) {
    let Some(worker) = any_worker(site) else { return };
    set_stopped(site, worker, true);
    site.with(|world| world.tally.stops += 1);
    let paused = site.sim.below(15 * SECOND);
    site.sim.sleep(paused).await;
    set_stopped(site, worker, false);
}

pub(crate) fn set_stopped(site: &Site, worker: Uuid, stopped: bool) {
    let process = site.with(|world| {
        let member = world.members.get_mut(&worker)?;
        member.stopped = stopped;
        Some(member.process)
    });
    if let Some(process) = process {
        site.sim.stop(process, stopped);
    }
}

async fn cut_one(site: &Site) {
    let Some(worker) = any_worker(site) else { return };
    let cut = |cut| {
        site.with(|world| {
            if let Some(member) = world.members.get_mut(&worker) {
                member.cut = cut;
            }
        });
    };
    cut(true);
    let cut_off = site.sim.below(12 * SECOND);
    site.sim.sleep(cut_off).await;
    cut(false);
}

/// The server goes, and comes back: started anew, or as a standby that has been up for long, perhaps with another clock.
async fn fail_over(site: &Site) {
    site.with(|world| {
        world.server.up = false;
        world.tally.failovers += 1;
    });
    let down = site.sim.below(15 * SECOND);
    site.sim.sleep(down).await;
    let (promoted, skew) = (site.sim.happens(500_000), site.sim.below(2 * SECOND) as i64);
    let now = site.sim.now();
    site.with(|world| {
        let server = &mut world.server;
        (server.up, server.up_since, server.skew) = (true, now, skew);
        server.instance += 1;
        if !promoted {
            world.tables.started_at = Some((now + EPOCH).saturating_add_signed(skew));
        }
    });
}

/// The wall clock of a worker's machine is set.
fn jump(site: &Site) {
    let Some(worker) = any_worker(site) else { return };
    let skew = site.sim.below(20 * SECOND) as i64 - 10 * SECOND as i64;
    site.with(|world| {
        if let Some(member) = world.members.get_mut(&worker) {
            member.skew = skew;
        }
    });
}

/// Sets the clock of the database's server.
fn set_clock(site: &Site, skew: i64) {
    let now = site.sim.now();
    site.with(|world| {
        if world.server.skew != skew {
            (world.server.skew, world.server.set_at) = (skew, now);
        }
    });
}

/// Ends all faults; what is broken is whole again.
pub(crate) fn clear_up(site: &Site) {
    let now = site.sim.now();
    let stopped: Vec<Uuid> = site.with(|world| {
        world.weather = Weather::CALM;
        if !world.server.up {
            (world.server.up, world.server.up_since) = (true, now);
            world.server.instance += 1;
        }
        world.members.values_mut().for_each(|member| member.cut = false);
        world.members.keys().copied().collect()
    });
    for worker in stopped {
        set_stopped(site, worker, false);
    }
    set_clock(site, 0);
    if site.with(|world| world.members.is_empty()) {
        worker::start(site);
    }
}
