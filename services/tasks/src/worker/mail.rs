//! The mail of a run under a lease: read, journalled with what follows from it, and carried out if it ends the run.

use std::time::Duration;

use mc_chassis::{Failure, sized};
use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::generation_service_client::GenerationServiceClient;

use crate::domain::event::{Event, ModelCallFailed, RunError};
use crate::domain::fold::PendingIntent;
use crate::domain::mail::{self, Reading};
use crate::domain::order::Letter;
use crate::store::append::Besides;
use crate::store::mailbox::{self, Settlement};
use crate::wire;
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;
use crate::worker::model;

/// How long a run that is cancelled waits for its model call to be stopped and booked. Without an answer it ends all the
/// same, and the call's cost counts as unknown.
const STOP_CALL: Duration = Duration::from_millis(1_500);
/// Reason of a model call that was stopped because its run was.
const CANCELLED: &str = "RUN_CANCELLED";

impl Journal {
    /// Takes note of all mail, in one transaction with what follows from it. `at_rest` says that nothing of the run is
    /// under way here, so that a pause may take effect. Comes back with [`Stop::Ended`] when the run is cancelled.
    pub(super) async fn read_mail(&mut self, at_rest: bool) -> Result<(), Stop> {
        loop {
            let letters = if self.has_mail() { self.unread().await? } else { Vec::new() };
            let mut reading = mail::read(self.fold(), &letters, at_rest);
            for item in &reading.stray {
                tracing::warn!(run = %self.lease().run, %item, "a decision on something that the run does not ask");
            }
            if reading.cancels() {
                self.stop_call(&mut reading).await;
            }
            if reading.is_empty() {
                self.mail_is_read();
                return Ok(());
            }
            let ends = reading.cancels();
            let besides =
                Besides { read_up_to: reading.read_up_to, settled: settled(&reading), ..Besides::default() };
            self.append(reading.events, besides).await?;
            if ends {
                return Err(Stop::Ended);
            }
            if !self.has_mail() {
                return Ok(());
            }
        }
    }

    async fn unread(&self) -> Result<Vec<Letter>, Stop> {
        self.persist(|| async {
            let mut tx = self.worker().means.engine.read(self.lease().workspace.uuid()).await?;
            match mailbox::unread(&mut tx, self.lease().run).await {
                Ok(letters) => Ok(Ok(letters)),
                Err(mailbox::Error::Database(error)) => Err(error),
                // A newer release put it there, which also has workers that can read it.
                Err(error @ mailbox::Error::Letter { .. }) => Ok(Err(Stop::Foreign(error.into()))),
            }
        })
        .await?
    }

    /// Stops the model call that is under way, here or left behind by a crash, so that it costs no more, and books it.
    async fn stop_call(&self, reading: &mut Reading) {
        let open = self.fold().pending().into_iter().find_map(|intent| match intent {
            PendingIntent::Model { step, attempt, idempotency_key, .. } => {
                Some((step, attempt, idempotency_key))
            }
            PendingIntent::Tool { .. } => None,
        });
        let Some((step, attempt, key)) = open else { return };
        let stopped = match tokio::time::timeout(STOP_CALL, self.cancel_generation(key)).await {
            Ok(Ok(generation)) => Some(generation),
            Ok(Err(failure)) => {
                tracing::warn!(run = %self.lease().run, reason = failure.reason(), "stop a model call");
                None
            }
            Err(_) => {
                tracing::warn!(run = %self.lease().run, "a model call was not stopped in time");
                None
            }
        };
        let booked = stopped.filter(|generation| generation.state() != llm::GenerationState::Running);
        let usage = booked.as_ref().and_then(|generation| generation.usage).map(wire::usage_from);
        let total_tokens = usage.map_or(0, |usage| usage.total_tokens());
        let cost_nano_usd = booked.as_ref().and_then(|generation| generation.cost_nano_usd);
        let failed = Event::ModelCallFailed(ModelCallFailed {
            step,
            attempt,
            error: RunError::new(CANCELLED, "The call was stopped because the run was cancelled."),
            retry_at: None,
            // Of a call that is not known to have ended, nobody knows what it costs.
            maybe_billed: booked.is_none() || total_tokens > 0 || cost_nano_usd.is_some_and(|cost| cost > 0),
            cost_nano_usd,
            cost_estimated: booked.as_ref().is_some_and(|generation| generation.cost_estimated),
            total_tokens,
            generation: booked.map(|generation| generation.name).unwrap_or_default(),
        });
        let end = reading.events.len() - 1;
        reading.events.insert(end, failed);
    }

    async fn cancel_generation(&self, idempotency_key: String) -> Result<llm::Generation, Failure> {
        let means = &self.worker().means;
        let message = llm::CancelGenerationRequest {
            parent: format!("workspaces/{}", self.lease().workspace),
            idempotency_key,
        };
        let request = means.identity.request_for_run("llm", &model::assertion(self.lease()), message);
        let reply = sized!(GenerationServiceClient::new(means.llm.unary()))
            .cancel_generation(request)
            .await
            .map_err(|status| Failure::from_status(&status))?;
        reply.into_inner().generation.ok_or_else(Failure::internal)
    }
}

fn settled(reading: &Reading) -> Vec<(crate::domain::id::CommandId, Settlement)> {
    let effective = reading.effective.iter().map(|command| (*command, Settlement::Effective));
    let superseded = reading.superseded.iter().map(|command| (*command, Settlement::Superseded));
    effective.chain(superseded).collect()
}
