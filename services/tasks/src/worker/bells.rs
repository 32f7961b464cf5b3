//! The bells of a worker's runs: rung when there may be mail, by the bus at once; without it by a look, and by the heartbeat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mc_chassis::bus::{Bus, Signal};
use mc_chassis::db::Database;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::id::RunId;
use crate::store::beat;
use crate::topics::{self, Mail};

/// Time between two looks: short enough that an order to end reaches what is under way within two seconds without the bus.
const LOOK: Duration = Duration::from_millis(500);

/// The bell of each run that this worker carries on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bells(Arc<Mutex<HashMap<RunId, Arc<Notify>>>>);

/// One run's bell, as long as this is held.
#[derive(Debug)]
pub(crate) struct Bell {
    bells: Bells,
    run: RunId,
    rung: Arc<Notify>,
}

impl Bells {
    /// Hangs up the bell of a run. Of two at once, as when an attempt follows one that was dropped, the newer is rung.
    pub(crate) fn hang(&self, run: RunId) -> Bell {
        let rung = Arc::<Notify>::default();
        self.with(|bells| bells.insert(run, rung.clone()));
        Bell { bells: self.clone(), run, rung }
    }

    /// There may be mail for this run; nothing happens if the worker does not have it.
    pub(crate) fn ring(&self, run: RunId) {
        if let Some(bell) = self.with(|bells| bells.get(&run).cloned()) {
            bell.notify_one();
        }
    }

    fn ring_all(&self) {
        self.with(|bells| bells.values().for_each(|bell| bell.notify_one()));
    }

    /// Rings as the bus says, as long as the process lives.
    pub(crate) async fn listen(self, bus: Bus) {
        let mut mail = bus.subscribe(topics::MAIL).await;
        loop {
            match mail.next().await {
                Signal::Message(text) => match serde_json::from_str::<Mail>(&text) {
                    Ok(mail) => self.ring(mail.run),
                    Err(error) => tracing::debug!(%error, "unknown message about mail"),
                },
                // Some were missed, and nobody knows whose.
                Signal::Gap => self.ring_all(),
            }
        }
    }

    /// Looks for mail while the bus is ill, and rings, as long as the process lives. What the bus loses while it seems well,
    /// the heartbeat brings.
    pub(crate) async fn look(self, bus: Bus, engine: Database, worker: Uuid) {
        loop {
            tokio::time::sleep(LOOK).await;
            if bus.healthy() || self.with(|bells| bells.is_empty()) {
                continue;
            }
            match beat::with_mail(engine.pool(), worker).await {
                Ok(runs) => runs.into_iter().for_each(|run| self.ring(run)),
                // The next look, or the heartbeat, which says so.
                Err(error) => tracing::debug!(%error, "look for mail"),
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<RunId, Arc<Notify>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bell {
    /// Comes back when it was rung, once for any number of times.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.bells.with(|bells| {
            if bells.get(&self.run).is_some_and(|hung| Arc::ptr_eq(hung, &self.rung)) {
                bells.remove(&self.run);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use uuid::Uuid;

    use super::*;

    const RUN: RunId = RunId::new(Uuid::from_u128(1));

    #[tokio::test]
    async fn bell_is_heard_later_too_and_only_by_its_run() {
        let bells = Bells::default();
        let (bell, other) = (bells.hang(RUN), bells.hang(RunId::new(Uuid::from_u128(2))));
        bells.ring(RUN);
        bells.ring(RUN);
        bell.rung().await;
        assert!(bell.rung().now_or_never().is_none(), "once for all the times");
        assert!(other.rung().now_or_never().is_none());
    }

    #[tokio::test]
    async fn attempt_that_was_dropped_does_not_take_down_its_successors_bell() {
        let bells = Bells::default();
        let old = bells.hang(RUN);
        let new = bells.hang(RUN);
        drop(old);
        bells.ring(RUN);
        new.rung().await;
        drop(new);
        assert!(bells.with(|bells| bells.is_empty()));
    }

    #[tokio::test]
    async fn bus_rings_and_what_it_missed_rings_all() {
        let (bells, bus) = (Bells::default(), Bus::local());
        let bell = bells.hang(RUN);
        let listening = bells.clone().listen(bus.clone());
        let rung = async {
            // The subscription may not stand yet.
            loop {
                topics::publish(&bus, topics::MAIL, &Mail { run: RUN, number: 1 });
                if tokio::time::timeout(std::time::Duration::from_millis(20), bell.rung()).await.is_ok() {
                    return;
                }
            }
        };
        tokio::select! {
            () = listening => unreachable!("it listens for ever"),
            () = rung => {}
        }
    }
}
