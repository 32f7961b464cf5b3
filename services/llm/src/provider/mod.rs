//! How providers are spoken to. A provider decodes its own wire into chunks and knows nothing of generations or money.

pub mod openai;
pub mod retry;
pub mod simulator;

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Stream;
use zeroize::Zeroizing;

use crate::domain::accumulate::Chunk;
use crate::domain::ask::Ask;
use crate::domain::fault::Fault;

/// An answer as it comes. Dropping it closes whatever is open towards the provider, at once.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<Chunk, Fault>> + Send>>;

/// A provider's key, wiped from memory when the last holder lets go.
pub type Key = Zeroizing<String>;

/// One try to get an answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub ask: Arc<Ask>,
    /// Which attempt of the caller this is, from 1: the last part of an idempotency key `{run}/{step}/{attempt}`.
    pub attempt: u32,
}

/// A place that serves models. Two of them are real: the simulator and everything that speaks `OpenAI`'s dialect.
#[async_trait]
pub trait Provider: Send + Sync + Debug {
    /// Asks once. Returns when the provider has taken the request; the answer follows in the stream.
    async fn open(&self, call: &Call, key: Option<&Key>) -> Result<Chunks, Fault>;

    /// Ids of the models that it offers now.
    async fn models(&self, key: Option<&Key>) -> Result<Vec<String>, Fault>;
}
