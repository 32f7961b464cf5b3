//! The bus over PostgreSQL's LISTEN/NOTIFY: one connection listens, one notifies, outside any other transaction.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::pump::{BoxError, Listener, Parcel, Transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Both connections must be direct: LISTEN belongs to a session.
pub(super) struct Postgres {
    options: PgConnectOptions,
    notify: PgPool,
}

impl Postgres {
    pub(super) fn new(url: &str) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?.application_name("mc bus").extra_float_digits(None);
        // A notification that is lost in a crash of the server is lost anyway: nobody need wait for the disk.
        let notify = pool(1).connect_lazy_with(options.clone().options([("synchronous_commit", "off")]));
        Ok(Self { options, notify })
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECT_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout(None)
}

#[async_trait]
impl Transport for Postgres {
    type Listener = PgListener;

    /// A statement of its own, and many parcels in it: each commit that notifies takes a lock that all share.
    async fn send(&self, parcels: &[Parcel]) -> Result<(), BoxError> {
        let channels: Vec<&str> = parcels.iter().map(|parcel| parcel.channel.as_str()).collect();
        let texts: Vec<&str> = parcels.iter().map(|parcel| parcel.text.as_str()).collect();
        sqlx::query(
            "SELECT pg_notify(channel, text) FROM unnest($1::text[], $2::text[]) AS parcel (channel, text)",
        )
        .bind(channels)
        .bind(texts)
        .execute(&self.notify)
        .await?;
        Ok(())
    }

    async fn listen(&self) -> Result<PgListener, BoxError> {
        let pool = pool(1).connect_with(self.options.clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        // A lost connection must come out as such: the pump reconnects, and tells the subscribers.
        listener.eager_reconnect(false);
        Ok(listener)
    }
}

#[async_trait]
impl Listener for PgListener {
    async fn subscribe(&mut self, channel: &str) -> Result<(), BoxError> {
        Ok(self.listen(channel).await?)
    }

    async fn unsubscribe(&mut self, channel: &str) -> Result<(), BoxError> {
        Ok(self.unlisten(channel).await?)
    }

    async fn next(&mut self) -> Result<Option<Parcel>, BoxError> {
        match self.try_recv().await? {
            Some(it) => Ok(Some(Parcel { channel: it.channel().to_owned(), text: it.payload().to_owned() })),
            None => Err("the connection was lost".into()),
        }
    }

    async fn ping(&mut self) -> Result<(), BoxError> {
        sqlx::query("SELECT 1").execute(self).await?;
        Ok(())
    }
}
