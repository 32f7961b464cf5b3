//! The bus over Redis' publish/subscribe: one connection listens, one publishes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::Config;
use fred::types::{Builder, ConnectHandle, Message};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::pump::{BoxError, Listener, Parcel, Transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Parcels that the client holds between the socket and the pump.
const BUFFERED: usize = 4_096;

pub(super) struct Redis {
    config: Config,
    /// The connection that publishes. Not there while it is in use, and not put back when it has failed.
    publisher: Mutex<Option<Connection>>,
}

/// A client of one connection: no reconnect policy, since what the client would hold back during an outage would come late, and
/// since a lost connection must come out as such.
struct Connection {
    client: Client,
    task: ConnectHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Redis {
    pub(super) fn new(url: &str) -> Result<Self, fred::error::Error> {
        Ok(Self { config: Config::from_url(url)?, publisher: Mutex::default() })
    }

    fn client(&self) -> Result<Client, fred::error::Error> {
        let mut builder = Builder::from_config(self.config.clone());
        builder.with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.internal_command_timeout = CONNECT_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.tcp.nodelay = Some(true);
        });
        builder.with_performance_config(|performance| {
            performance.broadcast_channel_capacity = BUFFERED;
            performance.default_command_timeout = CONNECT_TIMEOUT;
        });
        builder.build()
    }

    async fn connect(&self) -> Result<Connection, fred::error::Error> {
        let client = self.client()?;
        Ok(Connection { task: client.init().await?, client })
    }
}

#[async_trait]
impl Transport for Redis {
    type Listener = RedisListener;

    async fn send(&self, parcels: &[Parcel]) -> Result<(), BoxError> {
        let idle = self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take();
        let connection = if let Some(connection) = idle { connection } else { self.connect().await? };
        let pipeline = connection.client.pipeline();
        for parcel in parcels {
            let _: () = pipeline.publish(parcel.channel.as_str(), parcel.text.as_str()).await?;
        }
        let _: Vec<i64> = pipeline.all().await?;
        *self.publisher.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(())
    }

    async fn listen(&self) -> Result<RedisListener, BoxError> {
        let client = self.client()?;
        let messages = client.message_rx();
        Ok(RedisListener { connection: Connection { task: client.init().await?, client }, messages })
    }
}

pub(super) struct RedisListener {
    connection: Connection,
    messages: Receiver<Message>,
}

#[async_trait]
impl Listener for RedisListener {
    async fn subscribe(&mut self, channel: &str) -> Result<(), BoxError> {
        Ok(self.connection.client.subscribe(channel).await?)
    }

    async fn unsubscribe(&mut self, channel: &str) -> Result<(), BoxError> {
        Ok(self.connection.client.unsubscribe(channel).await?)
    }

    async fn next(&mut self) -> Result<Option<Parcel>, BoxError> {
        tokio::select! {
            biased;
            message = self.messages.recv() => match message {
                Ok(message) => Ok(message.value.as_string().map(|text| Parcel { channel: message.channel.to_string(), text })),
                Err(RecvError::Lagged(_)) => Ok(None),
                Err(RecvError::Closed) => Err("the client was closed".into()),
            },
            ended = &mut self.connection.task => match ended {
                Ok(Err(error)) => Err(error.into()),
                _ => Err("the connection was lost".into()),
            },
        }
    }

    async fn ping(&mut self) -> Result<(), BoxError> {
        Ok(self.connection.client.ping(None).await?)
    }
}
