//! Turns the tokens of a call into its caller, against identity's public keys and the trust list.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use http::HeaderMap;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::Failure;
use crate::auth::{Caller, CallerToken, PublicKey, SERVICE_HEADER, TrustList};
use crate::clock::SharedClock;

/// Fetches identity's public keys.
pub type CallerKeySource = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<PublicKey>, Failure>> + Send + Sync>;

/// An unknown key id asks identity again, at most this often.
const REFETCH_INTERVAL: Duration = Duration::seconds(5);

/// Verified tokens that are remembered by their hash.
const CACHED_TOKENS: usize = 10_000;

/// Verifies callers for one service.
pub struct Verifier {
    /// The name that service tokens must be made out to.
    audience: &'static str,
    trust: TrustList,
    source: CallerKeySource,
    keys: RwLock<HashMap<String, PublicKey>>,
    last_fetch: Mutex<Option<OffsetDateTime>>,
    verified: quick_cache::sync::Cache<[u8; 32], (Caller, OffsetDateTime)>,
    clock: SharedClock,
}

impl Verifier {
    /// A verifier for the service `audience`.
    pub fn new(
        audience: &'static str,
        trust: TrustList,
        source: CallerKeySource,
        clock: SharedClock,
    ) -> Arc<Self> {
        Arc::new(Self {
            audience,
            trust,
            source,
            keys: RwLock::default(),
            last_fetch: Mutex::new(None),
            verified: quick_cache::sync::Cache::new(CACHED_TOKENS),
            clock,
        })
    }

    /// The caller behind the headers of a call: a person's caller token first, else a service's own.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        if let Some(value) = headers.get(http::header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
            return self
                .person(token.ok_or_else(|| refused("authorization must be `Bearer {caller token}`"))?)
                .await;
        }
        let token = headers.get(SERVICE_HEADER).and_then(|value| value.to_str().ok());
        self.service(token.ok_or_else(|| refused("this call needs a caller token or a service token"))?)
    }

    async fn person(&self, token: &str) -> Result<Caller, Failure> {
        self.remembered(token, async |now| {
            let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
            let key = self.key(&kid.ok_or_else(|| refused("the caller token is malformed"))?, now).await?;
            let opened = CallerToken::open(&key, token, now);
            let opened =
                opened.ok_or_else(|| refused("the caller token is invalid or has expired; sign in again"))?;
            Ok((Caller::Person(opened.person), opened.expire_time))
        })
        .await
    }

    fn service(&self, token: &str) -> Result<Caller, Failure> {
        // Made for one call each, so remembering them would only fill the cache.
        self.trust
            .open(self.audience, token, self.clock.now())
            .map(|(caller, _)| caller)
            .ok_or_else(|| refused("the service token is invalid, has expired, or is for another service"))
    }

    async fn remembered(
        &self,
        token: &str,
        verify: impl AsyncFnOnce(OffsetDateTime) -> Result<(Caller, OffsetDateTime), Failure>,
    ) -> Result<Caller, Failure> {
        let now = self.clock.now();
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some((caller, expire_time)) = self.verified.get(&hash)
            && now < expire_time
        {
            return Ok(caller);
        }
        let (caller, expire_time) = verify(now).await?;
        self.verified.insert(hash, (caller.clone(), expire_time));
        Ok(caller)
    }

    async fn key(&self, kid: &str, now: OffsetDateTime) -> Result<PublicKey, Failure> {
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        // One fetch at a time: whoever waited here finds what the one before fetched.
        let mut last_fetch = self.last_fetch.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        if last_fetch.is_none_or(|at| now - at >= REFETCH_INTERVAL || at > now) {
            let fetched = (self.source)().await?;
            // A failed fetch leaves the door open for the next call; only an answer closes it for a while.
            *last_fetch = Some(now);
            let keys = fetched.into_iter().map(|key| (key.kid().to_owned(), key)).collect();
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        self.known(kid)
            .ok_or_else(|| refused("the caller token is signed with an unknown key; sign in again"))
    }

    fn known(&self, kid: &str) -> Option<PublicKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }
}

fn refused(message: &str) -> Failure {
    Failure::unauthenticated(message)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("audience", &self.audience).finish_non_exhaustive()
    }
}
