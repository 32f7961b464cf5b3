//! The outside: a llm service that keeps its generations by key, and a server that counts what is done to it. Neither knows
//! of leases, and what was sent to them arrives whoever has died meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use futures::channel::oneshot;
use mc_tasks::domain::conversation::{FinishReason, Message};
use mc_tasks::domain::retry::{CallFailure, Charge};

use crate::exec::{Micros, Process, SECOND};
use crate::line::Lost;
use crate::script::{self, COST};
use crate::world::Site;

/// What became of a generation.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Running {
        until: Micros,
    },
    Answered,
    Interrupted,
    Cancelled,
    /// By the provider's limit.
    Refused,
}

/// One generation.
#[derive(Debug, Clone)]
struct Generation {
    answer: (Message, FinishReason),
    state: State,
}

/// The llm service.
#[derive(Debug, Default)]
pub(crate) struct Llm {
    generations: BTreeMap<String, Generation>,
    /// The provider takes no calls before this.
    pub(crate) limited_until: Micros,
    /// What was paid, by key: one charge for each generation that goes to the provider.
    pub(crate) charges: BTreeMap<String, u32>,
}

/// The server behind `http_request`.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// How often each key took effect.
    pub(crate) counts: BTreeMap<String, u32>,
    /// Keys that it would answer a repetition of from memory.
    honoured: BTreeSet<String>,
}

/// An answer of the model, or why there is none.
pub(crate) type Generated = Result<(Message, FinishReason), CallFailure>;

impl Site {
    /// Asks the llm service, which begins, joins or repeats by the key.
    pub(crate) async fn generate(&self, key: String, step: u32) -> Generated {
        let (answer, answered) = oneshot::channel();
        let site = self.clone();
        self.sim.spawn(Process::NETWORK, async move {
            let _ = answer.send(site.generated(&key, step).await);
        });
        answered.await.unwrap_or_else(|_| Err(failed("UNAVAILABLE", None)))
    }

    async fn generated(&self, key: &str, step: u32) -> Generated {
        let weather = self.with(|world| world.weather);
        let there = self.latency_outside();
        self.sim.sleep(there).await;
        if self.sim.happens(weather.outside) {
            return Err(failed("UNAVAILABLE", None));
        }
        let (now, takes) = (self.sim.now(), self.sim.below(3 * SECOND));
        let until = self.with(|world| {
            let llm = &mut world.llm;
            if !llm.generations.contains_key(key) {
                let refused = now < llm.limited_until;
                let state = if refused { State::Refused } else { State::Running { until: now + takes } };
                if !refused {
                    *llm.charges.entry(key.to_owned()).or_default() += 1;
                }
                world.tally.refusals += u64::from(refused);
                llm.generations
                    .insert(key.to_owned(), Generation { answer: script::answer(key, step), state });
            }
            match llm.generations[key].state {
                State::Running { until } => until,
                _ => now,
            }
        });
        self.sim.sleep(until.saturating_sub(now)).await;
        let interrupted = self.sim.happens(weather.outside);
        let generation = self.with(|world| {
            let generation = world.llm.generations.get_mut(key).unwrap();
            if matches!(generation.state, State::Running { .. }) {
                generation.state = if interrupted { State::Interrupted } else { State::Answered };
            }
            generation.clone()
        });
        let back = self.latency_outside();
        self.sim.sleep(back).await;
        match generation.state {
            _ if self.sim.happens(weather.outside) => Err(failed("UNAVAILABLE", None)),
            State::Answered => Ok(generation.answer),
            State::Refused => Err(failed("PROVIDER_RATE_LIMITED", None)),
            State::Interrupted => Err(failed("GENERATION_INTERRUPTED", Some(COST))),
            _ => Err(failed("GENERATION_CANCELLED", None)),
        }
    }

    /// Stops a generation for good; whether it had cost something.
    pub(crate) async fn cancel_generation(&self, key: &str) -> Result<bool, Lost> {
        let there = self.latency_outside();
        self.sim.sleep(there).await;
        if self.sim.happens(self.with(|world| world.weather.outside)) {
            return Err(Lost);
        }
        self.with(|world| {
            let Some(generation) = world.llm.generations.get_mut(key) else { return Ok(false) };
            if matches!(generation.state, State::Running { .. }) {
                generation.state = State::Cancelled;
            }
            Ok(true)
        })
    }

    /// Sends a request; nobody knows whether one that is lost took effect.
    pub(crate) async fn send(&self, key: String, idempotent: bool) -> Result<(), Lost> {
        let (answer, answered) = oneshot::channel();
        let site = self.clone();
        self.sim.spawn(Process::NETWORK, async move {
            let _ = answer.send(site.sent(key, idempotent).await);
        });
        answered.await.unwrap_or(Err(Lost))
    }

    async fn sent(&self, key: String, idempotent: bool) -> Result<(), Lost> {
        let weather = self.with(|world| world.weather);
        let there = self.latency_outside();
        self.sim.sleep(there).await;
        if self.sim.happens(weather.outside) {
            return Err(Lost);
        }
        self.with(|world| {
            let first = world.effects.honoured.insert(key.clone());
            if first || !idempotent {
                *world.effects.counts.entry(key).or_default() += 1;
                world.tally.effects += 1;
            }
        });
        let takes = self.sim.below(2 * SECOND);
        self.sim.sleep(takes).await;
        if self.sim.happens(weather.outside) { Err(Lost) } else { Ok(()) }
    }

    /// Asks what became of a request.
    pub(crate) async fn query(&self, key: &str) -> Result<bool, Lost> {
        let there = self.latency_outside();
        self.sim.sleep(there).await;
        if self.sim.happens(self.with(|world| world.weather.outside)) {
            return Err(Lost);
        }
        Ok(self.with(|world| world.effects.counts.contains_key(key)))
    }
}

fn failed(reason: &str, charge: Option<Charge>) -> CallFailure {
    CallFailure {
        reason: reason.into(),
        message: "It went wrong.".into(),
        retry_after: None,
        generation: String::new(),
        charge,
    }
}
