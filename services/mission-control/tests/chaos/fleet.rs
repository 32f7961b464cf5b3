//! Workers that are born to die: each armed with one fault, watched to its end, and what it held timed until it goes on.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mc_tasks::faults::{Point, VARIABLE};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::deck::Fault;
use crate::rig::{Rig, TTL};

/// How long a worker may take until it reaches the point that it is to die at.
const REACH_WITHIN: Duration = Duration::from_secs(12);
/// How long a stopped worker sleeps beyond its time.
const OVERSLEEP: Duration = Duration::from_secs(2);
/// After this, runs of a dead worker that nobody has taken are a violation by themselves.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// A worker that is no more, or that was silent for longer than it may be.
#[derive(Debug)]
pub(crate) struct Death {
    fault: Fault,
    worker: Uuid,
    since: Instant,
}

/// A worker process.
struct Born {
    child: Child,
    pid: Pid,
    id: Uuid,
}

impl Rig {
    /// One worker after the other, until it is over.
    pub(crate) async fn keep_dying(&self, deaths: mpsc::UnboundedSender<Death>) {
        while !self.is_over() {
            let (fault, passage) = self.deck.draw();
            let happened = match self.give_birth(fault, passage).await {
                Some(born) => self.see_it_die(fault, born, &deaths).await,
                None => false,
            };
            if !happened {
                self.deck.put_back(fault);
            }
        }
    }

    /// Times every recovery, until the last one.
    pub(crate) async fn time_all(&self, mut deaths: mpsc::UnboundedReceiver<Death>) {
        let mut under_way = FuturesUnordered::new();
        let mut more = true;
        while more || !under_way.is_empty() {
            tokio::select! {
                death = deaths.recv(), if more => match death {
                    Some(death) => under_way.push(self.time_recovery(death)),
                    None => more = false,
                },
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
            }
        }
    }

    async fn give_birth(&self, fault: Fault, passage: u64) -> Option<Born> {
        let _one_at_a_time = self.starting.lock().await;
        let known = self.workers().await;
        let armed = match fault {
            // A drain lets go of what there is, once.
            Fault::Killed(point @ (Point::BeforeRelease | Point::AfterRelease)) => {
                format!("{}:1", point.name())
            }
            Fault::Killed(point) => format!("{}:{passage}", point.name()),
            Fault::Stopped(point) => format!("{}:{passage}:stop", point.name()),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
        command.arg("worker").env_clear().envs(self.environment.iter().cloned()).env(VARIABLE, armed);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("start a worker");
        let pid = Pid::from_raw(child.id()?.cast_signed())?;
        let deadline = Instant::now() + REACH_WITHIN;
        loop {
            let new = self.workers().await.into_iter().find(|id| !known.contains(id));
            if let Some(id) = new {
                return Some(Born { child, pid, id });
            }
            if child.try_wait().expect("look").is_some() || Instant::now() > deadline {
                // Its connection was cut while it put itself on the list.
                let _ = child.kill().await;
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn holds_a_run(&self, worker: Uuid) -> bool {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM tasks.run WHERE worker_id = $1)")
            .bind(worker)
            .fetch_one(&self.admin)
            .await
            .expect("look")
    }

    async fn workers(&self) -> Vec<Uuid> {
        sqlx::query_scalar("SELECT worker_id FROM tasks.worker")
            .fetch_all(&self.admin)
            .await
            .expect("workers")
    }

    /// Waits for the fault; false if it did not come to that.
    async fn see_it_die(&self, fault: Fault, mut born: Born, deaths: &mpsc::UnboundedSender<Death>) -> bool {
        if let Fault::Killed(Point::BeforeRelease | Point::AfterRelease) = fault {
            // A drain lets go of what there is.
            let deadline = Instant::now() + REACH_WITHIN;
            while !self.holds_a_run(born.id).await && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let _ = kill_process(born.pid, Signal::TERM);
        }
        let deadline = Instant::now() + REACH_WITHIN;
        loop {
            if let Some(status) = born.child.try_wait().expect("look") {
                // One that drained had nothing to let go of.
                if status.signal() != Some(Signal::KILL.as_raw()) {
                    return false;
                }
                self.count(fault, born.id, deaths);
                return true;
            }
            if is_stopped(born.pid) {
                self.count(fault, born.id, deaths);
                tokio::time::sleep(TTL + OVERSLEEP).await;
                let _ = kill_process(born.pid, Signal::CONT);
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = born.child.kill().await;
                return true;
            }
            if Instant::now() > deadline {
                // Not reached: it may die, but not be counted as what it was meant for.
                let _ = born.child.kill().await;
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn count(&self, fault: Fault, worker: Uuid, deaths: &mpsc::UnboundedSender<Death>) {
        self.score.hit(&fault.name());
        self.kills.fetch_add(1, Ordering::SeqCst);
        // Whoever times it does so for as long as anybody dies.
        let _ = deaths.send(Death { fault, worker, since: Instant::now() });
    }

    /// Times how long the runs of a dead worker take until each has gone to another lease, rests or has ended.
    async fn time_recovery(&self, death: Death) {
        let Death { fault, worker, since } = death;
        let what = fault.name();
        let held: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT run_id, lease_epoch FROM tasks.run WHERE worker_id = $1")
                .bind(worker)
                .fetch_all(&self.admin)
                .await
                .expect("what it held");
        if held.is_empty() {
            return;
        }
        let (runs, epochs): (Vec<Uuid>, Vec<i64>) = held.into_iter().unzip();
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM tasks.run JOIN unnest($1::uuid[], $2::bigint[]) AS held (run_id, epoch) USING (run_id)
                 WHERE lease_epoch = epoch AND status IN (1, 2)",
            )
            .bind(&runs)
            .bind(&epochs)
            .fetch_one(&self.admin)
            .await
            .expect("who has them");
            if waiting == 0 {
                return self.score.recovered(&what, since.elapsed());
            }
            if since.elapsed() > TAKEN_WITHIN {
                return self.problem(format!(
                    "{waiting} runs of worker {worker} ({what}) were not taken in {TAKEN_WITHIN:?}"
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether SIGSTOP has reached it.
fn is_stopped(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // Behind the name, which is in parentheses and may hold anything.
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
