//! Tries again, but only while nothing of an answer was seen: after that a second try could repeat or contradict it.

use std::time::Duration;

use futures::StreamExt;
use mc_chassis::ids::Ids;

use super::{Call, Chunks, Key, Provider};
use crate::domain::accumulate::Chunk;
use crate::domain::fault::{Fault, Kind};

/// How often and how patiently a provider is tried within one generation.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Tries, the first one included; at least 1.
    pub tries: u32,
    /// Wait before the second try; doubles for each further one, and varies by half.
    pub base: Duration,
    /// Longest wait. A provider that asks for more is not waited for here: the caller hears when to come back.
    pub longest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { tries: 3, base: Duration::from_millis(250), longest: Duration::from_secs(1) }
    }
}

/// Opens an answer and waits for the first thing it says, trying again on passing failures.
pub async fn open(
    provider: &dyn Provider,
    call: &Call,
    key: Option<&Key>,
    policy: Policy,
    ids: &Ids,
) -> Result<Chunks, Fault> {
    let mut tried = 0;
    loop {
        tried += 1;
        let fault = match first(provider, call, key).await {
            Ok(chunks) => return Ok(chunks),
            Err(fault) => fault,
        };
        let wait = fault.retry_after.unwrap_or_else(|| backoff(policy, tried, ids.unit()));
        if !fault.kind.is_passing() || tried >= policy.tries || wait > policy.longest {
            return Err(fault);
        }
        tracing::debug!(
            reason = fault.kind.reason(),
            tried,
            wait_ms = wait.as_millis() as u64,
            "trying the provider again"
        );
        tokio::time::sleep(wait).await;
    }
}

/// One try, up to and with the first chunk that is part of the answer.
async fn first(provider: &dyn Provider, call: &Call, key: Option<&Key>) -> Result<Chunks, Fault> {
    let mut chunks = provider.open(call, key).await?;
    let mut seen: Vec<Result<Chunk, Fault>> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let semantic = chunk.is_semantic();
        seen.push(Ok(chunk));
        if semantic {
            return Ok(Box::pin(futures::stream::iter(seen).chain(chunks)));
        }
    }
    Err(Fault::new(Kind::Unavailable, "the provider closed the stream before it said anything"))
}

fn backoff(policy: Policy, tried: u32, unit: f64) -> Duration {
    let wait = policy.base.saturating_mul(1 << (tried - 1).min(16)).min(policy.longest);
    wait.mul_f64(0.5 + unit / 2.0)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use mc_chassis::Ambient;
    use time::macros::datetime;

    use super::*;
    use crate::domain::ask::tests::ask;

    type Try = Result<Vec<Result<Chunk, Fault>>, Fault>;

    #[derive(Debug)]
    struct Script(Mutex<VecDeque<Try>>);

    #[async_trait]
    impl Provider for Script {
        async fn open(&self, _: &Call, _: Option<&Key>) -> Result<Chunks, Fault> {
            let next = self.0.lock().expect("unpoisoned").pop_front().expect("no further try");
            next.map(|chunks| Box::pin(futures::stream::iter(chunks)) as Chunks)
        }

        async fn models(&self, _: Option<&Key>) -> Result<Vec<String>, Fault> {
            Ok(Vec::new())
        }
    }

    async fn run(tries: Vec<Try>) -> (Result<Vec<Result<Chunk, Fault>>, Fault>, usize) {
        let script = Script(Mutex::new(tries.into()));
        let call = Call { ask: Arc::new(ask("p/m", "hi")), attempt: 1 };
        let (ambient, _) = Ambient::fixed(datetime!(2026-11-23 07:00 UTC), 1);
        let outcome = match open(&script, &call, None, Policy::default(), &ambient.ids).await {
            Ok(chunks) => Ok(chunks.collect().await),
            Err(fault) => Err(fault),
        };
        (outcome, script.0.lock().expect("unpoisoned").len())
    }

    const MODEL: fn() -> Result<Chunk, Fault> = || Ok(Chunk::ProviderModel("x".into()));
    const TEXT: fn() -> Result<Chunk, Fault> = || Ok(Chunk::Text("hi".into()));

    fn fault(kind: Kind) -> Fault {
        Fault::new(kind, "no")
    }

    #[tokio::test(start_paused = true)]
    async fn passing_failures_are_tried_again_and_nothing_is_lost() {
        let tries = vec![
            Err(fault(Kind::Unavailable)),
            Ok(vec![MODEL(), Err(fault(Kind::Overloaded))]),
            Ok(vec![MODEL(), TEXT(), Ok(Chunk::Done)]),
        ];
        let (outcome, left) = run(tries).await;
        assert_eq!(outcome.expect("an answer"), [MODEL(), TEXT(), Ok(Chunk::Done)]);
        assert_eq!(left, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_bounded_and_final_failures_are_final() {
        let many = || (0..5).map(|_| Err(fault(Kind::Unavailable))).collect();
        assert_eq!(run(many()).await, (Err(fault(Kind::Unavailable)), 2));
        for kind in [Kind::AuthFailed, Kind::Refused, Kind::ContextTooLong] {
            assert_eq!(run(vec![Err(fault(kind)), Ok(vec![TEXT()])]).await, (Err(fault(kind)), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_left_to_the_caller() {
        let limited = |ms| fault(Kind::RateLimited).after(Some(Duration::from_millis(ms)));
        assert_eq!(run(vec![Err(limited(1_001)), Ok(vec![TEXT()])]).await, (Err(limited(1_001)), 1));
        assert_eq!(run(vec![Err(limited(1_000)), Ok(vec![TEXT()])]).await, (Ok(vec![TEXT()]), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_again_after_the_first_word() {
        let cut = || vec![TEXT(), Err(fault(Kind::Unavailable))];
        let (outcome, left) = run(vec![Ok(cut()), Ok(vec![TEXT()])]).await;
        assert_eq!((outcome.expect("the start of an answer"), left), (cut(), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_says_nothing_is_unavailable() {
        let (outcome, _) = run(vec![Ok(vec![]), Ok(vec![]), Ok(vec![])]).await;
        assert_eq!(outcome.expect_err("no answer").kind, Kind::Unavailable);
    }
}
