//! Stopping a model call, of a run that ends, that took too long, or that a person interrupts: the provider is told, so that
//! it costs no more, and what it cost is booked.

use std::borrow::Cow;
use std::time::Duration;

use mc_chassis::{Failure, sized};
use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::GenerationState as State;
use mc_proto::llm::v1::generation_service_client::GenerationServiceClient;

use crate::domain::event::{Event, ModelCallFailed, RunError};
use crate::domain::fold::PendingIntent;
use crate::domain::key;
use crate::domain::order::{CommandKind, RUN_PAUSED, RUN_STEERED};
use crate::domain::retry::{self, AfterFailure};
use crate::store::append::Besides;
use crate::store::lease::Lease;
use crate::wire;
use crate::worker::Worker;
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;
use crate::worker::model;

/// How long a run waits for its model call to be stopped and booked: longer than it takes the llm service to hand the order
/// on to another of its instances. Without an answer the run ends or goes on all the same, and the call's cost counts as
/// unknown.
const STOP_CALL: Duration = Duration::from_secs(5);
/// How often a call whose time is up is asked for again because its answer was whole when it was to be stopped.
const ASK_FOR_WHOLE: u32 = 3;

/// A model call that is under way, here or left behind by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenCall {
    step: u32,
    attempt: u32,
    key: String,
}

/// Why the call is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Because {
    reason: String,
    /// A clause.
    what: Cow<'static, str>,
}

impl Because {
    /// A person ended the run.
    pub(super) fn cancelled() -> Self {
        Self { reason: "RUN_CANCELLED".into(), what: "the run was cancelled".into() }
    }

    /// The run failed by itself, as by its time limit.
    pub(super) fn failed(error: &RunError) -> Self {
        Self { reason: error.reason.clone(), what: "the run ended".into() }
    }

    /// The call took longer than it may.
    fn timed_out(limit: time::Duration) -> Self {
        let what = format!("it took longer than {limit}, the agent's max_step_duration");
        Self { reason: retry::TIMED_OUT.into(), what: what.into() }
    }

    /// A person does not wait for the answer.
    fn interrupted(order: CommandKind) -> Self {
        let reason = if order == CommandKind::Pause { RUN_PAUSED } else { RUN_STEERED };
        Self { reason: reason.into(), what: "a person interrupted it".into() }
    }
}

impl Journal {
    /// The model call that is under way, if one is.
    pub(super) fn open_call(&self) -> Option<OpenCall> {
        self.fold().pending().into_iter().find_map(|intent| match intent {
            PendingIntent::Model { step, attempt, idempotency_key, .. } => {
                Some(OpenCall { step, attempt, key: idempotency_key })
            }
            PendingIntent::Tool { .. } => None,
        })
    }

    /// Stops the model call that is under way if people do not want to wait for its answer. True if it did: the step is
    /// to be asked again under another key, which is a second charge.
    pub(super) async fn interrupt(&mut self) -> Result<bool, Stop> {
        let Some((order, call)) = self.fold().interruption().zip(self.open_call()) else { return Ok(false) };
        let generation = self.stop(&call).await;
        let stopped = stopped_call(&call, &Because::interrupted(order), generation);
        let stopped = ModelCallFailed { retry_at: Some(self.now()), ..stopped };
        self.worker().live.close(self.lease().run);
        self.append(vec![Event::ModelCallFailed(stopped)], Besides::default()).await?;
        Ok(true)
    }

    /// Stops a call for good; the record of it, for the append that ends the run.
    pub(super) async fn stop_call(&self, call: &OpenCall, because: Because) -> Event {
        let generation = self.stop(call).await;
        Event::ModelCallFailed(stopped_call(call, &because, generation))
    }

    /// Stops the open call because it took longer than it may. An answer that was complete all the same is asked for again,
    /// a few times: it is there, and paid.
    pub(super) async fn time_out_call(
        &self,
        limit: time::Duration,
        asked_again: u32,
    ) -> Result<AfterFailure, Stop> {
        let Some(call) = self.open_call() else {
            return Err(Stop::Broken(anyhow::anyhow!("no model call is open")));
        };
        let generation = self.stop(&call).await;
        let is_whole = generation.as_ref().is_some_and(|generation| generation.state() == State::Succeeded);
        if is_whole && asked_again < ASK_FOR_WHOLE {
            return Ok(AfterFailure::AskAgain { at: self.now() });
        }
        let stopped = stopped_call(&call, &Because::timed_out(limit), generation);
        Ok(AfterFailure::Append(Event::ModelCallFailed(retry::timed_out(self.fold(), stopped, self.now()))))
    }

    async fn stop(&self, call: &OpenCall) -> Option<llm::Generation> {
        stop(self.worker(), self.lease(), call).await
    }
}

/// Stops a call of a run whose journal nobody folds any more; the record of it, for the append that ends the run.
pub(super) async fn stop_for_good(
    worker: &Worker,
    lease: &Lease,
    (step, attempt): (u32, u32),
    error: &RunError,
) -> Event {
    let call = OpenCall { step, attempt, key: key::model_call(lease.run, step, attempt) };
    let generation = stop(worker, lease, &call).await;
    Event::ModelCallFailed(stopped_call(&call, &Because::failed(error), generation))
}

async fn stop(worker: &Worker, lease: &Lease, call: &OpenCall) -> Option<llm::Generation> {
    let run = lease.run;
    match tokio::time::timeout(STOP_CALL, cancel_generation(worker, lease, call)).await {
        Ok(Ok(generation)) => Some(generation),
        Ok(Err(failure)) => {
            tracing::warn!(%run, reason = failure.reason(), "stop a model call");
            None
        }
        Err(_) => {
            tracing::warn!(%run, "a model call was not stopped in time");
            None
        }
    }
}

async fn cancel_generation(
    worker: &Worker,
    lease: &Lease,
    call: &OpenCall,
) -> Result<llm::Generation, Failure> {
    let means = &worker.means;
    let message = llm::CancelGenerationRequest {
        parent: format!("workspaces/{}", lease.workspace),
        idempotency_key: call.key.clone(),
    };
    let request = means.identity.request_for_run("llm", &model::assertion(lease), message);
    let reply = sized!(GenerationServiceClient::new(means.llm.unary()))
        .cancel_generation(request)
        .await
        .map_err(|status| Failure::from_status(&status))?;
    reply.into_inner().generation.ok_or_else(Failure::internal)
}

/// What is journalled of a call that was to be stopped, by what became of its generation.
fn stopped_call(call: &OpenCall, because: &Because, generation: Option<llm::Generation>) -> ModelCallFailed {
    let what = &because.what;
    let booked = generation.filter(|generation| generation.state() != State::Running);
    let message = match booked.as_ref().map(llm::Generation::state) {
        None => format!("Whether the call was stopped when {what} is unknown, and so is what it cost."),
        Some(State::Succeeded) => format!("The answer was complete when {what}; it was not used."),
        Some(_) => format!("The call was stopped because {what}."),
    };
    let usage = booked.as_ref().and_then(|generation| generation.usage).map(wire::usage_from);
    let total_tokens = usage.map_or(0, |usage| usage.total_tokens());
    let cost_nano_usd = booked.as_ref().and_then(|generation| generation.cost_nano_usd);
    ModelCallFailed {
        step: call.step,
        attempt: call.attempt,
        error: RunError::new(because.reason.as_str(), message),
        retry_at: None,
        // Of a call that is not known to have ended, nobody knows what it costs.
        maybe_billed: booked.is_none() || total_tokens > 0 || cost_nano_usd.is_some_and(|cost| cost > 0),
        cost_nano_usd,
        cost_estimated: booked.as_ref().is_some_and(|generation| generation.cost_estimated),
        total_tokens,
        generation: booked.map(|generation| generation.name).unwrap_or_default(),
    }
}
