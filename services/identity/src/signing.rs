//! The keys that sign caller tokens: made on first need, shared by all replicas, encrypted at rest.
//!
//! A key's life: made, signing; retired by a rotation, listed; forgotten once no token of its can be alive. Rotation is
//! [`CallerKeys::rotate`]: replicas go on with the old key for up to [`CACHED_FOR`], and verifiers fetch the new one when
//! they first meet its id.

use std::sync::Arc;

use mc_chassis::Ambient;
use mc_chassis::auth::{CALLER_TOKEN_TTL, PublicKey, SigningKey};
use mc_chassis::db::Database;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::store::caller_keys::{self, CallerKey};
use crate::vault::{KeyRing, OpenError, Place, Sealed};

/// How long a replica signs with a key before it looks whether that still is the one.
const CACHED_FOR: Duration = Duration::seconds(30);
/// How long a retired key stays listed: a replica may sign with it for as long as it is cached, tokens live their time,
/// and clocks differ.
const LISTED_FOR: Duration =
    Duration::seconds(CALLER_TOKEN_TTL.whole_seconds() + CACHED_FOR.whole_seconds() + 60);

/// Signs and lists.
#[derive(Debug, Clone)]
pub(crate) struct CallerKeys {
    database: Database,
    ring: KeyRing,
    ambient: Ambient,
    cached: Arc<Mutex<Option<(SigningKey, OffsetDateTime)>>>,
}

impl CallerKeys {
    pub(crate) fn new(database: Database, ring: KeyRing, ambient: Ambient) -> Self {
        Self { database, ring, ambient, cached: Arc::default() }
    }

    /// The key to sign with; made now if there is none.
    pub(crate) async fn signing(&self) -> Result<SigningKey, Error> {
        let now = self.ambient.clock.now();
        // Held while it is read, so that one call reads and the others find.
        let mut cached = self.cached.lock().await;
        if let Some((key, read_time)) = &*cached
            && now >= *read_time
            && now - *read_time < CACHED_FOR
        {
            return Ok(key.clone());
        }
        let mut tx = self.database.begin_open().await?;
        let stored = if let Some(stored) = caller_keys::signing(&mut tx).await? {
            stored
        } else {
            caller_keys::insert(&mut tx, &self.make(), now).await?;
            caller_keys::signing(&mut tx).await?.ok_or(Error::Stored("signing key"))?
        };
        tx.commit().await?;
        let key = self.open(&stored)?;
        *cached = Some((key.clone(), now));
        Ok(key)
    }

    /// The public keys whose tokens may be alive.
    pub(crate) async fn listed(&self) -> Result<Vec<PublicKey>, Error> {
        let mut tx = self.database.begin_open().await?;
        let listed = caller_keys::listed(&mut tx, self.ambient.clock.now() - LISTED_FOR).await?;
        Ok(listed.into_iter().map(|(_, bytes)| PublicKey::from_bytes(bytes)).collect())
    }

    /// Retires the key that signs and makes a new one.
    pub(crate) async fn rotate(&self) -> Result<PublicKey, Error> {
        let (now, new) = (self.ambient.clock.now(), self.make());
        let mut tx = self.database.begin_open().await?;
        caller_keys::retire(&mut tx, now).await?;
        caller_keys::insert(&mut tx, &new, now).await?;
        let stored = caller_keys::signing(&mut tx).await?.ok_or(Error::Stored("signing key"))?;
        tx.commit().await?;
        *self.cached.lock().await = None;
        Ok(PublicKey::from_bytes(stored.public_key))
    }

    fn make(&self) -> CallerKey {
        let key = SigningKey::generate(&self.ambient.ids);
        let kid = key.public().kid().to_owned();
        let private_key = Sealed::seal(&self.ring, &self.ambient.ids, place(&kid), key.seed());
        CallerKey { public_key: *key.public().bytes(), private_key, kid }
    }

    fn open(&self, stored: &CallerKey) -> Result<SigningKey, Error> {
        let seed = stored.private_key.open(&self.ring, place(&stored.kid))?;
        let seed = seed.as_slice().try_into().map_err(|_| OpenError::Refused)?;
        Ok(SigningKey::from_seed(seed))
    }
}

fn place(kid: &str) -> Place<'_> {
    Place { workspace: "-", table: "caller_key", record: kid, field: "private_key" }
}
