//! The subscribers of this process: who wants which topic, and each one's bounded queue.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{QUEUE_MAX, Signal};

/// Subscribers by channel, then by topic: channels are hashes of topics, so two topics may share one.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<HashMap<String, Topics>>);

type Topics = HashMap<String, Vec<Arc<Queue>>>;

impl Hub {
    pub(super) fn add(&self, channel: &str, topic: &str) -> Arc<Queue> {
        let queue = Arc::<Queue>::default();
        let mut channels = lock(&self.0);
        let topics = channels.entry(channel.to_owned()).or_default();
        topics.entry(topic.to_owned()).or_default().push(queue.clone());
        queue
    }

    pub(super) fn remove(&self, channel: &str, topic: &str, queue: &Arc<Queue>) {
        let mut channels = lock(&self.0);
        let Some(topics) = channels.get_mut(channel) else { return };
        if let Some(queues) = topics.get_mut(topic) {
            queues.retain(|other| !Arc::ptr_eq(other, queue));
            if queues.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            channels.remove(channel);
        }
    }

    /// Whether anybody here listens to the channel.
    pub(super) fn wants(&self, channel: &str) -> bool {
        lock(&self.0).contains_key(channel)
    }

    /// The channels that somebody here listens to.
    pub(super) fn channels(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }

    pub(super) fn deliver(&self, channel: &str, topic: &str, payload: &Arc<str>) {
        let channels = lock(&self.0);
        for queue in channels.get(channel).and_then(|topics| topics.get(topic)).into_iter().flatten() {
            queue.push(Signal::Message(payload.clone()));
        }
    }

    /// The channel is listened to from now on.
    pub(super) fn confirm(&self, channel: &str) {
        lock(&self.0)
            .get(channel)
            .into_iter()
            .flatten()
            .flat_map(|(_, queues)| queues)
            .for_each(|it| it.confirm());
    }

    /// These channels are listened to again after a time in which they were not.
    pub(super) fn confirm_again(&self, channels: &HashSet<String>) {
        let all = lock(&self.0);
        let again = all.iter().filter(|(channel, _)| channels.contains(*channel));
        again.flat_map(|(_, topics)| topics.values().flatten()).for_each(|queue| queue.confirm_again());
    }

    /// Tells everybody that messages may have been lost.
    pub(super) fn gap(&self) {
        lock(&self.0)
            .values()
            .flatten()
            .flat_map(|(_, queues)| queues)
            .for_each(|queue| queue.push(Signal::Gap));
    }
}

/// Signals on their way to one subscriber.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    confirmed: Notify,
}

#[derive(Debug, Default)]
struct State {
    signals: VecDeque<Signal>,
    confirmed: bool,
    /// The subscriber did not wait for the confirmation any longer, so that what it missed until then must be told.
    impatient: bool,
}

impl Queue {
    fn push(&self, signal: Signal) {
        let mut state = lock(&self.state);
        push(&mut state.signals, signal);
        drop(state);
        self.arrived.notify_one();
    }

    fn confirm(&self) {
        let mut state = lock(&self.state);
        if !state.confirmed {
            state.confirmed = true;
            if state.impatient {
                push(&mut state.signals, Signal::Gap);
            }
        }
        drop(state);
        self.confirmed.notify_one();
        self.arrived.notify_one();
    }

    fn confirm_again(&self) {
        let was_confirmed = lock(&self.state).confirmed;
        if was_confirmed {
            self.push(Signal::Gap);
        } else {
            self.confirm();
        }
    }

    /// Waits until the subscription is confirmed, or for as long as `patience` lasts.
    pub(super) async fn confirmed(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.confirmed.notified()).await.is_err() {
            let mut state = lock(&self.state);
            state.impatient = true;
            // Confirmed in the last instant: what came before that is not known.
            if state.confirmed {
                push(&mut state.signals, Signal::Gap);
            }
        }
    }

    pub(super) async fn next(&self) -> Signal {
        loop {
            let arrived = self.arrived.notified();
            if let Some(signal) = lock(&self.state).signals.pop_front() {
                return signal;
            }
            arrived.await;
        }
    }
}

/// Who is too slow loses what waits, since the gap makes them read the truth anyway. Gaps in a row are one.
fn push(signals: &mut VecDeque<Signal>, signal: Signal) {
    if signals.len() >= QUEUE_MAX {
        signals.clear();
        signals.push_back(Signal::Gap);
    }
    if signal != Signal::Gap || signals.back() != Some(&Signal::Gap) {
        signals.push_back(signal);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
