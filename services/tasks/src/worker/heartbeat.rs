//! The heartbeat of a worker process: on a thread and a connection of its own, so that neither a busy runtime nor an
//! exhausted pool makes it look dead. Its answer says which runs have mail, so that people are heard without the bus too.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mc_chassis::db::Database;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::beat;
use crate::worker::WorkerSettings;
use crate::worker::bells::Bells;

/// When the last beat was acknowledged, and what follows from that.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    /// When the newest acknowledged beat was sent.
    last: watch::Receiver<Instant>,
    ttl: Duration,
}

impl Pulse {
    /// Waits until effects may be started: within half the time limit of an acknowledged beat, so that an effect that is
    /// started now has begun before anybody else could take the run.
    pub(crate) async fn fresh(&self) {
        let mut last = self.last.clone();
        while last.borrow_and_update().elapsed() >= self.ttl / 2 {
            if last.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Comes back when others may take this worker for dead: everything that it does for its runs must stop.
    pub(crate) async fn lost(&self) {
        let mut last = self.last.clone();
        loop {
            let deadline = *last.borrow_and_update() + self.ttl;
            if Instant::now() >= deadline {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => {}
                changed = last.changed() => if changed.is_err() {
                    tokio::time::sleep_until(deadline).await;
                    return;
                },
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn of(last: watch::Receiver<Instant>, ttl: Duration) -> Self {
        Self { last, ttl }
    }
}

/// The thread that beats.
#[derive(Debug)]
pub(crate) struct Heart {
    pulse: Pulse,
    stop: CancellationToken,
    stopped: oneshot::Receiver<()>,
}

impl Heart {
    /// Puts the worker on the list and beats from then on.
    pub(crate) async fn start(
        database: &Database,
        worker: Uuid,
        settings: &WorkerSettings,
        bells: Bells,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            settings.heartbeat * 3 <= settings.ttl,
            "the heartbeat ({:?}) must be at most a third of the time limit ({:?})",
            settings.heartbeat,
            settings.ttl
        );
        let options = database.pool().connect_options();
        let sent = Instant::now();
        beat::register(database.pool(), worker).await.context("put the worker on the list")?;
        let (acknowledge, last) = watch::channel(sent);
        let (done, stopped) = oneshot::channel();
        let stop = CancellationToken::new();
        let every = settings.heartbeat;
        let thread = Beats { options, worker, every, acknowledge, bells, stop: stop.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("make the heartbeat's runtime")?;
        std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || {
                runtime.block_on(thread.run());
                let _ = done.send(());
            })
            .context("start the heartbeat's thread")?;
        Ok(Self { pulse: Pulse { last, ttl: settings.ttl }, stop, stopped })
    }

    pub(crate) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Takes the worker off the list and ends the thread.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // An error means that the thread is gone, which is what is waited for.
        let _ = self.stopped.await;
    }
}

struct Beats {
    options: Arc<PgConnectOptions>,
    worker: Uuid,
    every: Duration,
    acknowledge: watch::Sender<Instant>,
    bells: Bells,
    stop: CancellationToken,
}

impl Beats {
    async fn run(self) {
        let mut connection = None;
        let mut wait = self.every;
        while self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
            // Soon again after one that was lost: one that hangs takes as long as there is between two, and with the usual
            // wait behind it the time limit would be over.
            wait = self.every / 8;
            let sent = Instant::now();
            // A beat that hangs is given up for the next one, on a new connection.
            let beaten = tokio::time::timeout(self.every, self.beat(connection.take())).await;
            match beaten {
                Ok(Ok(used)) => {
                    connection = Some(used);
                    wait = self.every;
                    self.acknowledge.send_replace(sent);
                }
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "heartbeat failed");
                }
                Err(_) => tracing::warn!("heartbeat was not answered in time"),
            }
        }
        let leave = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            beat::deregister(&mut connection, self.worker).await
        };
        if !matches!(tokio::time::timeout(self.every, leave).await, Ok(Ok(()))) {
            tracing::warn!("the worker could not take itself off the list; it will be found dead");
        }
    }

    async fn beat(&self, connection: Option<PgConnection>) -> Result<PgConnection, sqlx::Error> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        for run in beat::beat(&mut connection, self.worker).await? {
            self.bells.ring(run);
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn effects_stop_at_half_the_limit_and_runs_at_the_whole() {
        let (acknowledge, last) = watch::channel(Instant::now());
        let pulse = Pulse::of(last, Duration::from_secs(6));
        let begun = Instant::now();
        tokio::time::advance(Duration::from_millis(2_999)).await;
        pulse.fresh().await;
        assert_eq!(begun.elapsed(), Duration::from_millis(2_999), "no wait before the half");
        tokio::time::advance(Duration::from_millis(1)).await;
        let late = tokio::time::timeout(Duration::from_secs(1), pulse.fresh()).await;
        assert!(late.is_err(), "none is started from then on");
        acknowledge.send_replace(Instant::now());
        pulse.fresh().await;

        let begun = Instant::now();
        pulse.lost().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(6));
    }
}
