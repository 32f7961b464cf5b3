//! Turns what a client holds into a caller token: identity is asked once per bearer and workspace, and again after a while.
//!
//! Taking access away is effective within [`REVOCATION_BOUND`]: no caller token is used for longer than that after
//! identity gave it, and open streams and sockets ask again at half of it ([`STREAM_RECHECK`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mc_chassis::Failure;
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::clock::SharedClock;
use mc_proto::identity::v1::ExchangeTokenRequest;
use mc_proto::identity::v1::auth_service_client::AuthServiceClient;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use tonic::metadata::{Ascii, MetadataValue};

use crate::problem;
use crate::upstream::Channel;

/// How long after a bearer was revoked calls with it may still pass.
pub const REVOCATION_BOUND: Duration = Duration::seconds(30);

/// How often a stream or a socket asks again, and how old an answer it takes: two of these are the bound.
pub const STREAM_RECHECK: Duration = Duration::seconds(15);

/// A caller token is not used this close to its end, so that it outlives the call's way to the service.
const EXPIRY_MARGIN: Duration = Duration::seconds(10);

/// Bearers that are remembered at once; more are asked about each time.
const CAPACITY: usize = 20_000;

/// The longest bearer that is looked at, in bytes.
const MAX_BEARER_BYTES: usize = 8 * 1024;

/// How fresh a caller token has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// For one call.
    Call,
    /// For the start of a stream, and for each look at whether it may go on.
    Stream,
}

impl Freshness {
    fn max_age(self) -> Duration {
        match self {
            Self::Call => REVOCATION_BOUND,
            Self::Stream => STREAM_RECHECK,
        }
    }
}

/// Exchanges bearers and remembers the answers.
#[derive(Debug)]
pub struct Authenticator {
    identity: AuthServiceClient<Channel>,
    service: ServiceIdentity,
    clock: SharedClock,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// SHA-256 of bearer and workspace: the bearer itself is never kept.
type Key = [u8; 32];

/// What is known of one bearer in one workspace. Its lock is held while identity is asked, so that it is asked once.
#[derive(Debug, Default)]
struct Slot {
    state: tokio::sync::Mutex<State>,
    /// Counts the questions that were answered.
    answers: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    token: Option<CallerToken>,
    refusal: Option<Failure>,
}

/// A token for the services.
#[derive(Debug, Clone)]
struct CallerToken {
    /// `Bearer {jwt}`, never printed.
    authorization: MetadataValue<Ascii>,
    /// When identity was asked, before it answered.
    asked: OffsetDateTime,
    /// When it may no longer be used.
    end: OffsetDateTime,
}

impl CallerToken {
    fn is_fresh(&self, now: OffsetDateTime, freshness: Freshness) -> bool {
        // A clock that was set back must not make a token young again.
        now >= self.asked && now - self.asked < freshness.max_age() && now < self.end
    }
}

impl Authenticator {
    /// Asks `identity` as `service`.
    pub fn new(identity: Channel, service: ServiceIdentity, clock: SharedClock) -> Self {
        Self { identity: AuthServiceClient::new(identity), service, clock, slots: Mutex::default() }
    }

    /// The `authorization` that services take for this bearer in this `workspaces/{workspace}` (empty: in none).
    ///
    /// # Errors
    /// UNAUTHENTICATED when identity does not know the bearer, or whatever else it answers.
    pub async fn authorization(
        &self,
        bearer: &str,
        workspace: &str,
        freshness: Freshness,
    ) -> Result<MetadataValue<Ascii>, Failure> {
        if bearer.is_empty()
            || bearer.len() > MAX_BEARER_BYTES
            || !bearer.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(refusal());
        }
        let key = key(bearer, workspace);
        let slot = self.slot(key);
        let seen = slot.answers.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        let now = self.clock.now();
        if let Some(token) = state.token.as_ref().filter(|token| token.is_fresh(now, freshness)) {
            return Ok(token.authorization.clone());
        }
        // Whoever waited while the question was put takes its answer, a refusal as well.
        if slot.answers.load(Ordering::Acquire) > seen
            && let Some(refusal) = &state.refusal
        {
            return Err(refusal.clone());
        }
        let answer = self.exchange(bearer, workspace, now).await;
        slot.answers.fetch_add(1, Ordering::AcqRel);
        match answer {
            Ok(token) => {
                let authorization = token.authorization.clone();
                *state = State { token: Some(token), refusal: None };
                Ok(authorization)
            }
            Err(failure) => {
                *state = State { token: None, refusal: Some(failure.clone()) };
                self.forget(key, &slot);
                Err(failure)
            }
        }
    }

    async fn exchange(
        &self,
        bearer: &str,
        workspace: &str,
        now: OffsetDateTime,
    ) -> Result<CallerToken, Failure> {
        let message = ExchangeTokenRequest { token: bearer.to_owned(), workspace: workspace.to_owned() };
        let request = self.service.request("identity", message);
        let reply = self.identity.clone().exchange_token(request).await;
        let reply = reply.map_err(|status| problem::from_upstream(&status))?.into_inner();
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {}", reply.caller_token).parse().map_err(|_| Failure::internal())?;
        authorization.set_sensitive(true);
        let expiry =
            reply.expire_time.and_then(|time| OffsetDateTime::from_unix_timestamp(time.seconds).ok());
        let end = expiry.map_or(now, |expiry| expiry - EXPIRY_MARGIN);
        Ok(CallerToken { authorization, asked: now, end })
    }

    /// The slot of a key. When all places are taken by fresh tokens, the slot is not kept.
    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        if slots.len() >= CAPACITY {
            let now = self.clock.now();
            slots.retain(|_, slot| match slot.state.try_lock() {
                Ok(state) => state.token.as_ref().is_some_and(|token| token.is_fresh(now, Freshness::Call)),
                Err(_) => true,
            });
        }
        let slot = Arc::new(Slot::default());
        if slots.len() < CAPACITY {
            slots.insert(key, slot.clone());
        }
        slot
    }

    /// Bearers that were refused take no place.
    fn forget(&self, key: Key, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(&key).is_some_and(|kept| Arc::ptr_eq(kept, slot)) {
            slots.remove(&key);
        }
    }
}

/// What a call without an acceptable bearer gets.
pub fn refusal() -> Failure {
    Failure::unauthenticated("sign in, or send an API token: Authorization: Bearer mc_pat_...")
}

/// The bearer of an `Authorization` header.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn key(bearer: &str, workspace: &str) -> Key {
    // A bearer is visible ASCII, so that the zero byte cannot be part of it.
    Sha256::new().chain_update(bearer).chain_update([0]).chain_update(workspace).finalize().into()
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
