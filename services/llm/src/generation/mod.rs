//! Model calls that outlive their callers.
//!
//! The row comes first, then the provider. A generation runs as a task of the process, not of the request: callers
//! come, go and come back by its key. Its row has an owner, an epoch and a heartbeat; whoever finds the heartbeat older
//! than the lease takes the row away under a higher epoch, settles an estimate, and the old owner's writes match nothing.

mod attach;
mod begin;
mod cancel;
mod heartbeat;
mod live;
mod run;
mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::BoxStream;
use mc_chassis::auth::RunAssertion;
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Lifecycle};
use tokio::time::Instant;
use uuid::Uuid;

use self::live::Live;
use crate::connect::Connector;
use crate::domain::ask::Ask;
use crate::domain::generation::{Event, Stored};
use crate::domain::price::PriceBook;
use crate::error::Error;
use crate::provider::retry::Policy;
use crate::store;
use crate::store::generation::By;

/// What a caller follows.
pub type Events = BoxStream<'static, Result<Event, Error>>;

/// How generations run.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How often this process shows that its generations are alive.
    pub heartbeat: Duration,
    /// How long an owner may be silent before its generations are taken away; a few heartbeats.
    pub lease: Duration,
    /// How often a generation that another process runs is looked at.
    pub poll: Duration,
    /// How long a process that is stopping lets its generations come to their end before it cuts and settles them.
    pub handover: Duration,
    /// Longest life of a generation, from its row to its end.
    pub total: Duration,
    /// Largest answer, in bytes.
    pub max_answer_bytes: usize,
    /// How providers are tried again before their first word.
    pub retry: Policy,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(3),
            lease: Duration::from_secs(15),
            poll: Duration::from_millis(250),
            handover: Duration::from_secs(5),
            total: Duration::from_mins(30),
            max_answer_bytes: 2 * 1024 * 1024,
            retry: Policy::default(),
        }
    }
}

/// A checked request with whom it comes from.
#[derive(Debug)]
pub struct Request {
    /// The workspace that pays.
    pub workspace: Uuid,
    /// The key it is kept under.
    pub idempotency_key: String,
    /// What is asked.
    pub ask: Ask,
    /// The run that asks, if one does.
    pub run: Option<RunAssertion>,
}

/// The generations of this process and the way to all others. Clones are the same.
#[derive(Clone, Debug)]
pub struct Generations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// This process, as its rows name it.
    owner: Uuid,
    database: Database,
    connector: Connector,
    prices: &'static PriceBook,
    terms: Terms,
    ambient: Ambient,
    lifecycle: Lifecycle,
    live: Mutex<HashMap<Uuid, Arc<Live>>>,
    /// Until then owners may seem silent because the database was.
    unsure_until: Mutex<Option<Instant>>,
}

impl Generations {
    /// Generations that run on `lifecycle`, with a heartbeat for all of them.
    pub fn start(
        database: Database,
        connector: Connector,
        terms: Terms,
        ambient: Ambient,
        lifecycle: &Lifecycle,
    ) -> Self {
        let generations = Self(Arc::new(Inner {
            owner: ambient.ids.uuid(),
            database,
            connector,
            prices: PriceBook::embedded(),
            terms,
            ambient,
            lifecycle: lifecycle.clone(),
            live: Mutex::default(),
            unsure_until: Mutex::default(),
        }));
        lifecycle.spawn_background("generation heartbeat", heartbeat::beat(generations.clone()));
        lifecycle.spawn_background("generation sweep", sweep::sweep(generations.clone()));
        generations
    }

    /// Follows the generation under a key from its beginning: joins the one that there is, or begins it.
    pub async fn generate(&self, request: Request) -> Result<Events, Error> {
        let hash = request.ask.hash();
        match self.find(request.workspace, By::Key(&request.idempotency_key)).await? {
            Some(stored) => self.join(stored, hash),
            None => self.begin(request, hash).await,
        }
    }

    /// Reads a generation; one whose owner died is settled first.
    pub async fn get(&self, workspace: Uuid, id: Uuid) -> Result<Option<Stored>, Error> {
        match self.find(workspace, By::Id(id)).await? {
            Some(stored) if stored.stale => self.abandon(stored).await.map(Some),
            found => Ok(found),
        }
    }

    async fn find(&self, workspace: Uuid, by: By<'_>) -> Result<Option<Stored>, Error> {
        let mut tx = self.0.database.read(workspace).await?;
        Ok(store::generation::get(&mut tx, workspace, by, self.0.terms.lease).await?)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Live>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
