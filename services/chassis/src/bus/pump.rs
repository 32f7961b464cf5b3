//! Moves messages between this process and a transport: one task sends, one listens; both outlive any outage.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::hub::Hub;
use crate::lifecycle::Lifecycle;

/// Messages that wait to be sent; what comes on top is dropped, and subscribers get a gap.
const OUTGOING_MAX: usize = 4_096;
/// Messages that go out together.
const BATCH_MAX: usize = 128;
/// A transport that takes longer than this for anything counts as down.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection that has been quiet for this long is asked whether it is alive.
const PING_EVERY: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 10_000 });
/// First and longest wait before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One message on its way: the channel, and a text of sequence number, topic and payload.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) channel: String,
    pub(super) text: String,
}

/// Carries parcels between processes.
#[async_trait]
pub(super) trait Transport: Send + Sync + 'static {
    type Listener: Listener;
    /// Sends parcels, in their order. They are sent when this returns.
    async fn send(&self, parcels: &[Parcel]) -> Result<(), BoxError>;
    /// Opens a new connection to listen on.
    async fn listen(&self) -> Result<Self::Listener, BoxError>;
}

/// A connection to listen on. Any error ends it.
#[async_trait]
pub(super) trait Listener: Send {
    /// Listens to a channel. What is sent after this returns will come.
    async fn subscribe(&mut self, channel: &str) -> Result<(), BoxError>;
    async fn unsubscribe(&mut self, channel: &str) -> Result<(), BoxError>;
    /// Waits for a parcel; none means that some were lost. Dropping the wait loses nothing.
    async fn next(&mut self) -> Result<Option<Parcel>, BoxError>;
    async fn ping(&mut self) -> Result<(), BoxError>;
}

/// The two tasks' handle.
#[derive(Debug)]
pub(super) struct Pump {
    namespace: String,
    outgoing: mpsc::Sender<Parcel>,
    /// Channels whose subscribers have come or gone.
    changed: mpsc::UnboundedSender<String>,
    sequence: AtomicU64,
    health: Arc<Health>,
}

#[derive(Debug, Default)]
struct Health {
    listening: AtomicBool,
    sending_fails: AtomicBool,
    /// Messages dropped since the last one that went out.
    lost: AtomicU64,
}

impl Pump {
    pub(super) fn start<T: Transport>(
        transport: T,
        namespace: &str,
        hub: Arc<Hub>,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (outgoing, parcels) = mpsc::channel(OUTGOING_MAX);
        let (changed, changes) = mpsc::unbounded_channel();
        let health = Arc::<Health>::default();
        let transport = Arc::new(transport);
        let pump = Self {
            namespace: namespace.to_owned(),
            outgoing,
            changed,
            sequence: AtomicU64::new(0),
            health: health.clone(),
        };
        let control = pump.channel("");
        lifecycle.spawn_background(
            "bus sender",
            send(transport.clone(), parcels, health.clone(), control.clone()),
        );
        lifecycle.spawn_background("bus listener", listen(transport, changes, hub, health, control));
        pump
    }

    /// Where a topic is sent: short, of plain characters, and of this namespace alone. The empty topic is for control.
    pub(super) fn channel(&self, topic: &str) -> String {
        let hash = Sha256::digest(format!("{}\n{topic}", self.namespace));
        hash[..10].iter().fold(String::from("mc_"), |text, byte| format!("{text}{byte:02x}"))
    }

    pub(super) fn publish(&self, topic: &str, payload: &str) {
        // PostgreSQL folds equal notifications of one transaction into one: the number keeps them apart.
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let parcel =
            Parcel { channel: self.channel(topic), text: format!("{sequence:x}\n{topic}\n{payload}") };
        if self.outgoing.try_send(parcel).is_err() {
            self.health.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody has come to listen to the channel, or gone.
    pub(super) fn sync(&self, channel: &str) {
        // Without a listener the program is at its end.
        let _ = self.changed.send(channel.to_owned());
    }

    pub(super) fn healthy(&self) -> bool {
        self.health.listening.load(Ordering::Relaxed) && !self.health.sending_fails.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
impl Pump {
    /// Messages dropped since the last one that went out.
    pub(super) fn lost(&self) -> u64 {
        self.health.lost.load(Ordering::Relaxed)
    }
}

async fn send<T: Transport>(
    transport: Arc<T>,
    mut parcels: mpsc::Receiver<Parcel>,
    health: Arc<Health>,
    control: String,
) {
    let mut backoff = BACKOFF.0;
    let mut batch = Vec::with_capacity(BATCH_MAX + 1);
    let mut notices = 0_u64;
    loop {
        // After an outage the notice of it goes out even if nobody has anything else to say.
        if health.lost.load(Ordering::Relaxed) == 0 && parcels.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return;
        }
        while batch.len() < BATCH_MAX {
            let Ok(parcel) = parcels.try_recv() else { break };
            batch.push(parcel);
        }
        let lost = health.lost.load(Ordering::Relaxed);
        let messages = batch.len() as u64;
        if lost > 0 {
            notices += 1;
            batch.insert(0, Parcel { channel: control.clone(), text: format!("lost {notices:x}\n\n") });
        }
        let sent = tokio::time::timeout(PATIENCE, transport.send(&batch)).await;
        batch.clear();
        let error = match sent {
            Ok(Ok(())) => {
                health.lost.fetch_sub(lost, Ordering::Relaxed);
                backoff = BACKOFF.0;
                if health.sending_fails.swap(false, Ordering::Relaxed) {
                    tracing::info!(lost, "the bus takes messages again");
                } else if lost > 0 {
                    tracing::warn!(lost, "the bus was overrun");
                }
                continue;
            }
            Ok(Err(error)) => error,
            Err(_) => "no answer in time".into(),
        };
        // At least one, so that the notice is owed even if the batch was but an earlier notice.
        health.lost.fetch_add(messages.max(1), Ordering::Relaxed);
        if !health.sending_fails.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the bus is down; messages are dropped"
            );
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

async fn listen<T: Transport>(
    transport: Arc<T>,
    mut changes: mpsc::UnboundedReceiver<String>,
    hub: Arc<Hub>,
    health: Arc<Health>,
    control: String,
) {
    let mut backoff = BACKOFF.0;
    let mut warned = false;
    loop {
        let error = match in_time(transport.listen()).await {
            Ok(mut listener) => {
                let connected = || {
                    health.listening.store(true, Ordering::Relaxed);
                    if warned {
                        tracing::info!("the bus brings messages again");
                    }
                };
                let error = follow(&mut listener, &mut changes, &hub, &control, connected).await;
                if health.listening.swap(false, Ordering::Relaxed) {
                    backoff = BACKOFF.0;
                    warned = false;
                }
                error
            }
            Err(error) => error,
        };
        if !warned {
            warned = true;
            tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the bus brings no messages; connecting again"
            );
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

/// Follows one connection until it ends, and says why it did.
async fn follow<L: Listener>(
    listener: &mut L,
    changes: &mut mpsc::UnboundedReceiver<String>,
    hub: &Hub,
    control: &str,
    connected: impl FnOnce(),
) -> BoxError {
    let mut active = HashSet::new();
    let opened = async {
        in_time(listener.subscribe(control)).await?;
        for channel in hub.channels() {
            in_time(listener.subscribe(&channel)).await?;
            active.insert(channel);
        }
        Ok::<_, BoxError>(())
    };
    if let Err(error) = opened.await {
        return error;
    }
    // Channels that came up meanwhile are not active yet: their subscribers are told so by the changes that wait.
    hub.confirm_again(&active);
    connected();
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.reset();
    loop {
        let followed = tokio::select! {
            changed = changes.recv() => match changed {
                Some(channel) => sync(listener, &mut active, hub, channel).await,
                None => std::future::pending().await,
            },
            parcel = listener.next() => {
                ping.reset();
                parcel.map(|parcel| unpack(parcel, hub, control))
            }
            _ = ping.tick() => in_time(listener.ping()).await,
        };
        if let Err(error) = followed {
            return error;
        }
    }
}

/// Makes the connection listen to a channel, or stop to, as this process wants it by now.
async fn sync<L: Listener>(
    listener: &mut L,
    active: &mut HashSet<String>,
    hub: &Hub,
    channel: String,
) -> Result<(), BoxError> {
    if !hub.wants(&channel) {
        if active.remove(&channel) {
            in_time(listener.unsubscribe(&channel)).await?;
        }
        return Ok(());
    }
    if !active.contains(&channel) {
        in_time(listener.subscribe(&channel)).await?;
        active.insert(channel.clone());
    }
    hub.confirm(&channel);
    Ok(())
}

fn unpack(parcel: Option<Parcel>, hub: &Hub, control: &str) {
    match parcel {
        Some(parcel) if parcel.channel != control => {
            // Whatever else is on the channel is not ours.
            if let Some((topic, payload)) =
                parcel.text.split_once('\n').and_then(|(_, rest)| rest.split_once('\n'))
            {
                hub.deliver(&parcel.channel, topic, &Arc::from(payload));
            }
        }
        _ => hub.gap(),
    }
}

async fn in_time<V>(work: impl Future<Output = Result<V, BoxError>>) -> Result<V, BoxError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err("no answer in time".into()))
}
