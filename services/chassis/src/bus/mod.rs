//! The live bus: hints and live tokens between processes. Best effort, never the truth, and never silent about a loss.
//!
//! Publishing never waits: messages go to a bounded queue, and what cannot be sent is counted and dropped. Whoever may have
//! missed something gets [`Signal::Gap`] and reads the truth from the database. Two transports behave alike, Redis and
//! PostgreSQL's LISTEN/NOTIFY; a third, [`Bus::local`], stays inside the process.

mod hub;
mod postgres;
mod pump;
mod redis;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hub::{Hub, Queue};
use pump::Pump;

use crate::config::BusSettings;
use crate::lifecycle::Lifecycle;

/// Length of a payload at most, in bytes: what PostgreSQL's NOTIFY carries (8,000), less the topic and a margin.
pub const PAYLOAD_MAX: usize = 7_500;
/// Length of a topic at most, in bytes.
pub const TOPIC_MAX: usize = 200;
/// Messages that one subscription holds before it gets a gap instead.
pub const QUEUE_MAX: usize = 512;
/// How long a subscriber waits for its subscription to be confirmed. Later confirmation comes as a gap.
const SUBSCRIBE_PATIENCE: Duration = Duration::from_millis(250);

/// What a subscription brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A message, as it was published.
    Message(Arc<str>),
    /// Messages may have been missed (lost connection, slow consumer, overrun publisher): read the truth again.
    Gap,
}

/// Why a message cannot be published. Always a fault of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It is too long.
    #[error("a bus payload has {0} bytes; {PAYLOAD_MAX} is the most: publish its name, or in pieces")]
    TooLong(usize),
    /// The topic is empty, too long or holds control characters.
    #[error("{0:?} is no topic: 1 to {TOPIC_MAX} bytes without control characters")]
    Topic(String),
}

/// A connection to the bus. Clones are the same connection.
#[derive(Debug, Clone)]
pub struct Bus {
    hub: Arc<Hub>,
    /// Carries messages to other processes; none for a bus inside one.
    pump: Option<Arc<Pump>>,
}

impl Bus {
    /// A bus over Redis where the settings name one, else over the database's NOTIFY.
    ///
    /// `database_url` must reach PostgreSQL itself: LISTEN does not pass transaction pooling.
    pub fn open(
        settings: &BusSettings,
        database_url: &str,
        lifecycle: &Lifecycle,
    ) -> Result<Self, InvalidUrl> {
        match &settings.redis_url {
            Some(url) => Self::redis(url.expose(), NAMESPACE, lifecycle),
            None => Self::postgres(database_url, NAMESPACE, lifecycle),
        }
    }

    /// A bus over Redis (7 or later; `redis`, `rediss` and their `-cluster` forms). Connects in the background.
    pub fn redis(url: &str, namespace: &str, lifecycle: &Lifecycle) -> Result<Self, InvalidUrl> {
        expect_scheme(url, &["redis", "rediss", "redis-cluster", "rediss-cluster"])?;
        let transport = redis::Redis::new(url).map_err(|error| InvalidUrl(error.to_string()))?;
        Ok(Self::over(transport, namespace, lifecycle))
    }

    /// A bus over PostgreSQL's NOTIFY, on two direct connections. Connects in the background.
    pub fn postgres(url: &str, namespace: &str, lifecycle: &Lifecycle) -> Result<Self, InvalidUrl> {
        expect_scheme(url, &["postgres", "postgresql"])?;
        let transport = postgres::Postgres::new(url).map_err(|error| InvalidUrl(error.to_string()))?;
        Ok(Self::over(transport, namespace, lifecycle))
    }

    /// A bus inside this process, for tests and for a program that is alone.
    pub fn local() -> Self {
        Self { hub: Arc::default(), pump: None }
    }

    fn over(transport: impl pump::Transport, namespace: &str, lifecycle: &Lifecycle) -> Self {
        let hub = Arc::<Hub>::default();
        let pump = Pump::start(transport, namespace, hub.clone(), lifecycle);
        Self { hub, pump: Some(Arc::new(pump)) }
    }

    /// Publishes to every subscriber of the topic, in whatever process. Does not wait, and does not fail for the bus being down.
    pub fn publish(&self, topic: &str, payload: &str) -> Result<(), PublishError> {
        if topic.is_empty() || topic.len() > TOPIC_MAX || topic.contains(char::is_control) {
            return Err(PublishError::Topic(topic.to_owned()));
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(PublishError::TooLong(payload.len()));
        }
        match &self.pump {
            Some(pump) => pump.publish(topic, payload),
            None => self.hub.deliver(topic, topic, &Arc::from(payload)),
        }
        Ok(())
    }

    /// Subscribes to a topic. Everything published after this returns comes, or a gap does.
    pub async fn subscribe(&self, topic: &str) -> Subscription {
        let channel = self.pump.as_ref().map_or_else(|| topic.to_owned(), |pump| pump.channel(topic));
        let queue = self.hub.add(&channel, topic);
        let subscription = Subscription { bus: self.clone(), channel, topic: topic.to_owned(), queue };
        match &self.pump {
            Some(pump) => {
                pump.sync(&subscription.channel);
                subscription.queue.confirmed(SUBSCRIBE_PATIENCE).await;
            }
            None => self.hub.confirm(&subscription.channel),
        }
        subscription
    }

    /// Whether messages go out and come in right now.
    pub fn healthy(&self) -> bool {
        self.pump.as_ref().is_none_or(|pump| pump.healthy())
    }
}

/// The namespace of a deployment's topics. Redis carries messages between all its users, whatever their database number.
pub const NAMESPACE: &str = "mc";

/// Why a bus could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the bus URL cannot be used: {0}")]
pub struct InvalidUrl(String);

fn expect_scheme(url: &str, expected: &[&str]) -> Result<(), InvalidUrl> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if expected.contains(&scheme) {
        return Ok(());
    }
    // The rest of the URL stays out of the message: it may hold a password.
    Err(InvalidUrl(format!("it must start with {}://", expected.join(":// or "))))
}

/// A subscription to one topic; it ends when it is dropped.
#[derive(Debug)]
pub struct Subscription {
    bus: Bus,
    channel: String,
    topic: String,
    queue: Arc<Queue>,
}

impl Subscription {
    /// Waits for the next signal. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Signal {
        self.queue.next().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.hub.remove(&self.channel, &self.topic, &self.queue);
        if let Some(pump) = &self.bus.pump {
            pump.sync(&self.channel);
        }
    }
}
