//! The runs that a worker carries on, apart from what the database says that it has: the two differ when an answer got lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::domain::id::RunId;

/// Each run that is carried on, under its newest epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hands(Arc<Mutex<HashMap<RunId, i64>>>);

/// One run in hand, as long as this is held.
#[derive(Debug)]
pub(crate) struct Held {
    hands: Hands,
    run: RunId,
    epoch: i64,
}

impl Hands {
    /// Takes a run in hand. Of two at once, as when a claim follows an attempt that is being dropped, the newer counts.
    pub(crate) fn take(&self, run: RunId, epoch: i64) -> Held {
        self.with(|runs| runs.insert(run, epoch));
        Held { hands: self.clone(), run, epoch }
    }

    /// All that are in hand.
    pub(crate) fn runs(&self) -> Vec<Uuid> {
        self.with(|runs| runs.keys().map(|run| run.uuid()).collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<RunId, i64>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.hands.with(|runs| {
            if runs.get(&self.run) == Some(&self.epoch) {
                runs.remove(&self.run);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_in_hand_until_its_newest_attempt_ends() {
        let hands = Hands::default();
        let run = RunId::new(Uuid::from_u128(1));
        let old = hands.take(run, 1);
        let new = hands.take(run, 2);
        drop(old);
        assert_eq!(hands.runs(), [run.uuid()]);
        drop(new);
        assert!(hands.runs().is_empty());
    }
}
