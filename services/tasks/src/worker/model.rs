//! One model call: asked of the llm service under a key that is the same whoever asks, and followed live while it comes.

use std::time::Duration;

use mc_chassis::auth::RunAssertion;
use mc_chassis::{Failure, sized};
use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::generate_response::Event as Answer;
use mc_proto::llm::v1::generation_service_client::GenerationServiceClient;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::domain::decide::ModelCall;
use crate::domain::event::bound::MAX_WHOLE_BYTES;
use crate::domain::event::{Event, ModelCallCompleted};
use crate::domain::fold::PendingIntent;
use crate::domain::retry::{self, AfterFailure, CallFailure, Charge};
use crate::rpc::view;
use crate::store::lease::Lease;
use crate::topics::TextKind;
use crate::wire;
use crate::worker::Worker;
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;
use crate::worker::park::{Leave, SIGN_OF_LIFE};

/// Live text goes out this often at most.
const FLUSH: Duration = Duration::from_millis(50);
/// A worker that comes to a call whose time is up still asks for so long: an answer that is stored comes at once.
const ATTACH: time::Duration = time::Duration::seconds(10);

/// Makes the call, reading mail as it comes. The answer is the event to append, or when to ask again.
pub(super) async fn call(
    journal: &mut Journal,
    call: &ModelCall,
    leave: Leave,
    asked_again: u32,
) -> Result<AfterFailure, Stop> {
    let worker = journal.worker().clone();
    let run = journal.lease().run;
    let draining = worker.lifecycle.draining();
    let deadline = call.deadline.map(|at| at - journal.now());
    let time_left = time_left(journal, call);
    let bell = journal.bell();
    worker.live.open(run, call.step, call.attempt);
    let mut generation = String::new();
    // Whoever comes to a call that another worker began may have come to one that goes first.
    let mut is_first = leave == Leave::First || (call.intent.is_none() && journal.still_first().await);
    let asked = {
        let lease = journal.lease().clone();
        let speaks = Notify::new();
        let asking = ask(&worker, &lease, call, &mut generation, &speaks);
        let mut alive = tokio::time::interval(SIGN_OF_LIFE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (out_of_time, too_slow) = (after(deadline), after(Some(time_left)));
        tokio::pin!(asking, out_of_time, too_slow);
        loop {
            if journal.has_mail() {
                // Cancelled, this is left at once, and the stream is dropped with it. A pause and a message wait for the
                // answer, unless they are to interrupt: then the loop stops the call.
                journal.read_mail(false).await?;
                if journal.fold().interruption().is_some() {
                    return Ok(AfterFailure::AskAgain { at: journal.now() });
                }
            }
            tokio::select! {
                asked = &mut asking => break Some(asked),
                () = bell.rung() => journal.expect_mail(),
                // The generation outlives its caller: whoever takes the run asks with the same key and joins it.
                () = draining.cancelled() => return Err(Stop::HandBack),
                // What the time limit does to the run is the loop's to say.
                () = &mut out_of_time => return Ok(AfterFailure::AskAgain { at: journal.now() }),
                () = &mut too_slow => break None,
                () = speaks.notified(), if is_first => is_first = !journal.takes_calls().await,
                _ = alive.tick(), if is_first => is_first = journal.still_first().await,
            }
        }
    };
    worker.live.flush(run);
    match asked {
        None => {
            if is_first {
                journal.pass_on(time::Duration::ZERO).await;
            }
            journal.time_out_call(call.time_limit, asked_again).await
        }
        Some(Ok(finished)) => {
            if is_first {
                journal.takes_calls().await;
            }
            let event = completed(journal, call, finished)?;
            match too_large(&event) {
                None => Ok(AfterFailure::Append(event)),
                Some(failure) => retry::after(journal.fold(), &failure, asked_again, journal.now())
                    .ok_or_else(|| Stop::Broken(anyhow::anyhow!("no model call is open"))),
            }
        }
        Some(Err(failure)) => {
            let refused = journal.refused(&failure).await?;
            let failure = CallFailure {
                reason: failure.reason().to_owned(),
                message: failure.message().to_owned(),
                retry_after: refused.or(failure.retry_delay()).and_then(|delay| delay.try_into().ok()),
                generation,
                charge: charge(&failure),
            };
            tracing::info!(%run, step = call.step, attempt = call.attempt, reason = failure.reason, "model call failed");
            let now = journal.now();
            let after = retry::after(journal.fold(), &failure, asked_again, now)
                .ok_or_else(|| Stop::Broken(anyhow::anyhow!("no model call is open")))?;
            if let AfterFailure::Append(Event::ModelCallFailed(failed)) = &after
                && is_first
                && refused.is_none()
            {
                journal.pass_on(failed.retry_at.map_or(time::Duration::ZERO, |at| at - now)).await;
            }
            Ok(after)
        }
    }
}

/// Asks and follows the stream to its end.
async fn ask(
    worker: &Worker,
    lease: &Lease,
    call: &ModelCall,
    generation: &mut String,
    speaks: &Notify,
) -> Result<llm::GenerationFinished, Failure> {
    let run = lease.run;
    let means = &worker.means;
    let request = means.identity.request_for_run("llm", &assertion(lease), request(lease, call));
    let mut client = sized!(GenerationServiceClient::new(means.llm.streams()));
    let failed = |status: tonic::Status| Failure::from_status(&status);
    let mut answer = client.generate(request).await.map_err(failed)?.into_inner();
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            message = answer.message() => message.map_err(failed)?,
            _ = flush.tick() => {
                worker.live.flush(run);
                continue;
            }
        };
        let Some(message) = message else {
            // The key is known to the llm service, so asking again costs nothing.
            return Err(Failure::unavailable("UNAVAILABLE", "the answer stopped before its end"));
        };
        if says_something(message.event.as_ref()) {
            speaks.notify_one();
        }
        match message.event {
            Some(Answer::Started(started)) => *generation = started.generation,
            Some(Answer::TextDelta(delta)) => {
                worker.live.push(run, TextKind::Text, delta.offset, &delta.text);
            }
            Some(Answer::ThinkingDelta(delta)) => {
                worker.live.push(run, TextKind::Thinking, delta.offset, &delta.text);
            }
            Some(Answer::Finished(finished)) => return Ok(finished),
            // Tool calls are shown once they are whole.
            Some(Answer::ToolCallDelta(_)) | None => {}
        }
    }
}

/// Whether the provider has begun to answer, so that it has taken the call.
fn says_something(event: Option<&Answer>) -> bool {
    matches!(event, Some(Answer::TextDelta(_) | Answer::ThinkingDelta(_) | Answer::ToolCallDelta(_)))
}

/// Whom the worker acts for.
pub(super) fn assertion(lease: &Lease) -> RunAssertion {
    let workspace = lease.workspace.uuid();
    RunAssertion {
        service: "tasks".to_owned(),
        workspace,
        run: lease.run.uuid(),
        agent_version: view::version_name(workspace, lease.agent.uuid(), lease.agent_version),
        started_by: lease.starter.uuid(),
    }
}

fn request(lease: &Lease, call: &ModelCall) -> llm::GenerateRequest {
    let workspace = lease.workspace.uuid();
    let asked = &call.request;
    llm::GenerateRequest {
        parent: format!("workspaces/{workspace}"),
        idempotency_key: call.idempotency_key.clone(),
        model: asked.model.clone(),
        system: asked.system.clone(),
        messages: asked.messages.iter().map(|turn| wire::message_to(turn.as_ref().clone())).collect(),
        tools: asked.tools.iter().map(wire::tool_to).collect(),
        parameters: Some(llm::GenerateParameters {
            temperature: asked.parameters.temperature,
            top_p: asked.parameters.top_p,
            max_output_tokens: asked.parameters.max_output_tokens,
            seed: asked.parameters.seed,
        }),
        attribution: Some(llm::Attribution {
            run: view::run_name(workspace, lease.run.uuid()),
            task: view::task_name(workspace, lease.task.uuid()),
            agent_version: view::version_name(workspace, lease.agent.uuid(), lease.agent_version),
        }),
    }
}

fn completed(journal: &Journal, call: &ModelCall, finished: llm::GenerationFinished) -> Result<Event, Stop> {
    let finish_reason = finished.finish_reason();
    let message = finished.message.ok_or_else(|| {
        Stop::Broken(anyhow::anyhow!("the llm service finished an answer without a message"))
    })?;
    let since = since(journal);
    Ok(Event::ModelCallCompleted(ModelCallCompleted {
        step: call.step,
        attempt: call.attempt,
        message: wire::answer_from(message),
        finish_reason: wire::finish_reason_from(finish_reason),
        usage: finished.usage.map(wire::usage_from).unwrap_or_default(),
        cost_nano_usd: finished.cost_nano_usd,
        generation: finished.generation,
        duration_ms: since.map_or(0, |since| milliseconds(journal.now() - since)),
    }))
}

/// What is the matter with an answer that not even an artifact takes. It was paid for.
fn too_large(event: &Event) -> Option<CallFailure> {
    let Event::ModelCallCompleted(call) = event else { return None };
    let bytes = event.oversized()?.len();
    (bytes > MAX_WHOLE_BYTES).then(|| CallFailure {
        reason: "ANSWER_TOO_LARGE".into(),
        message: format!(
            "The answer is {bytes} bytes long, and {MAX_WHOLE_BYTES} is the most that a run keeps of one. Lower the agent's \
             max_output_tokens, or have it write long files in parts."
        ),
        retry_after: None,
        generation: call.generation.clone(),
        charge: Some(Charge {
            cost_nano_usd: call.cost_nano_usd,
            estimated: call.usage.estimated,
            total_tokens: call.usage.total_tokens(),
        }),
    })
}

/// When the open call's intent was committed.
fn since(journal: &Journal) -> Option<OffsetDateTime> {
    journal.fold().pending().into_iter().find_map(|intent| match intent {
        PendingIntent::Model { since, .. } => Some(since),
        PendingIntent::Tool { .. } => None,
    })
}

/// How long the call may take from now on.
fn time_left(journal: &Journal, call: &ModelCall) -> time::Duration {
    let gone = since(journal).map_or(time::Duration::ZERO, |since| journal.now() - since);
    // A clock that stepped back gives it no more than it has.
    let left = call.time_limit.saturating_sub(gone.max(time::Duration::ZERO));
    if left.is_positive() { left } else { ATTACH }
}

/// What the ledger has booked for an answer that was cut, as the status of Generate says it.
fn charge(failure: &Failure) -> Option<Charge> {
    let said = |key: &str| failure.metadata().get(key);
    // Said of everything that is booked, and of nothing else.
    let estimated = said("cost_estimated")?;
    Some(Charge {
        cost_nano_usd: said("cost_nano_usd").and_then(|cost| cost.parse().ok()),
        estimated: estimated == "true",
        total_tokens: said("total_tokens").and_then(|tokens| tokens.parse().ok()).unwrap_or_default(),
    })
}

/// Waits so long, or for ever where there is no limit.
pub(super) async fn after(wait: Option<time::Duration>) {
    match wait {
        Some(wait) => {
            let wait = Duration::try_from(wait).unwrap_or_default();
            // The timer counts up to two years; a run's time is a month at most.
            tokio::time::sleep(wait.min(Duration::from_hours(24 * 365))).await;
        }
        None => std::future::pending().await,
    }
}

/// Whole milliseconds, none for a clock that stepped back.
pub(super) fn milliseconds(span: time::Duration) -> u64 {
    u64::try_from(span.whole_milliseconds()).unwrap_or(0)
}
