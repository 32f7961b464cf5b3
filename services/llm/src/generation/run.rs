//! The life of one generation: ask the provider, collect the answer, end the row and the ledger in one transaction.

use std::time::Duration;

use futures::StreamExt;
use mc_chassis::auth::RunAssertion;
use mc_chassis::db;
use time::OffsetDateTime;
use tracing::Instrument;

use super::Generations;
use super::live::{Live, Outcome};
use crate::domain::fault::{Fault, Kind};
use crate::domain::generation::{self, End, Finished, Settled, Settlement, Unanswered};
use crate::domain::provider::Provider;
use crate::domain::usage::Usage;
use crate::provider::{Call, retry};
use crate::telemetry::ChatSpan;
use crate::{domain::accumulate::Answer, store};

/// How often an end that the database could not take is tried again.
const SETTLE_AGAIN: Duration = Duration::from_millis(500);

/// What a generation needs to run.
pub(super) struct Job {
    pub(super) provider: Provider,
    pub(super) call: Call,
    pub(super) run: Option<RunAssertion>,
    /// Tokens that the request is about.
    pub(super) estimated_input: u64,
}

/// How far asking has come.
#[derive(Default)]
struct Progress {
    /// The request may have reached the provider.
    asked: bool,
    first_token_at: Option<OffsetDateTime>,
}

/// How asking the provider ended.
enum Asked {
    Answered(Answer),
    Failed(Fault),
    /// Somebody took the row away and has settled it.
    Fenced,
}

impl Generations {
    /// Runs a generation to its end.
    pub(super) async fn run(&self, live: &Live, job: Job) {
        let span = ChatSpan::new(&job.call.ask, &job.provider, live.owned.id);
        let began = self.0.ambient.clock.instant();
        let mut progress = Progress::default();
        let asked = self.ask(live, &job, &mut progress).instrument(span.span()).await;
        let end = match asked {
            Asked::Answered(answer) => self.paid(&job, answer),
            Asked::Failed(fault) => self.unpaid(live, &job, fault, &progress),
            Asked::Fenced => {
                live.finish(Outcome::Elsewhere);
                return;
            }
        };
        span.record(&end, began.elapsed());
        let outcome = self.settle(live, &end, progress.first_token_at).await;
        live.finish(outcome);
    }

    /// Asks within all deadlines. Leaving here drops the provider's stream, which closes the connection at once.
    async fn ask(&self, live: &Live, job: &Job, progress: &mut Progress) -> Asked {
        let total = self.0.terms.total;
        let (draining, killed) = (self.0.lifecycle.draining(), self.0.lifecycle.killed());
        // A connection to a provider cannot be handed to another process, so waiting longer would only delay the stop.
        let handed_over = async {
            draining.cancelled().await;
            tokio::select! {
                () = tokio::time::sleep(self.0.terms.handover) => {}
                () = killed.cancelled() => {}
            }
        };
        tokio::select! {
            biased;
            () = live.fenced.cancelled() => Asked::Fenced,
            () = live.stopped.cancelled() => Asked::Failed(Fault::new(Kind::Cancelled, store::cancel::MESSAGE)),
            () = handed_over => {
                Asked::Failed(Fault::new(Kind::Interrupted, "the service stopped in mid-answer"))
            }
            () = tokio::time::sleep(total) => {
                let text = format!("the answer took longer than {} s", total.as_secs());
                Asked::Failed(Fault::new(Kind::Interrupted, text))
            }
            answered = self.collect(live, job, progress) => match answered {
                Ok(answer) => Asked::Answered(answer),
                Err(fault) => Asked::Failed(fault),
            },
        }
    }

    async fn collect(&self, live: &Live, job: &Job, progress: &mut Progress) -> Result<Answer, Fault> {
        let connector = &self.0.connector;
        let provider = connector.connect(&job.provider)?;
        // The key lives as long as this request for an answer, and not as long as the answer.
        let mut chunks = {
            let key = connector.key(live.owned.workspace, &job.provider, job.run.as_ref()).await?;
            progress.asked = true;
            retry::open(&*provider, &job.call, key.as_ref(), self.0.terms.retry, &self.0.ambient.ids).await?
        };
        let mut failed = None;
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    if chunk.is_semantic() && progress.first_token_at.is_none() {
                        progress.first_token_at = Some(self.0.ambient.clock.now());
                    }
                    live.push(chunk)
                        .map_err(|violation| Fault::new(Kind::Interrupted, violation.to_string()))?;
                }
                Err(fault) => {
                    failed = Some(fault);
                    break;
                }
            }
        }
        // A link that breaks behind the finish reason takes nothing of the answer with it.
        live.close().map_err(|incomplete| {
            failed.unwrap_or_else(|| Fault::new(Kind::Interrupted, incomplete.to_string())).in_mid_answer()
        })
    }

    fn paid(&self, job: &Job, mut answer: Answer) -> End {
        let output = crate::domain::usage::message_bytes(&answer.message);
        let usage = answer.usage.unwrap_or_else(|| {
            Usage::estimate(job.estimated_input, crate::domain::usage::estimate_tokens(output))
        });
        answer.usage = Some(usage);
        let settlement = self.settlement(job, usage, answer.raw_usage.take());
        End::Succeeded(answer, settlement)
    }

    /// A provider that fails before its first word is taken not to charge, and one that was not asked does not. One that
    /// was cut, by itself or by us, is taken to charge for what was asked and what had come.
    fn unpaid(&self, live: &Live, job: &Job, fault: Fault, progress: &Progress) -> End {
        if fault.kind == Kind::Cancelled && !progress.asked {
            return End::Cut(fault, None, None);
        }
        if !progress.asked && fault.kind == Kind::Interrupted {
            let text = format!("{}, before its provider was asked", fault.message);
            return End::Failed(Fault::new(Kind::Unavailable, text));
        }
        if progress.first_token_at.is_none() && !fault.kind.is_ours() {
            return End::Failed(fault);
        }
        let (message, usage, _) = live.partial();
        let usage = usage.unwrap_or_else(|| Usage::estimate(job.estimated_input, live.output_estimate()));
        let partial = (!message.parts.is_empty()).then_some(message);
        End::Cut(fault.in_mid_answer(), partial, Some(self.settlement(job, usage, None)))
    }

    fn settlement(&self, job: &Job, usage: Usage, raw_usage: Option<String>) -> Settlement {
        let model = job.call.ask.model.model();
        Settlement::of(self.0.prices, job.provider.price_place(), model, usage, raw_usage)
    }

    /// Commits the end, the ledger entry and the cost at once. A database that is away is waited for: the answer is here
    /// and paid, and only a lost lease or the end of the process make us give it up.
    async fn settle(&self, live: &Live, end: &End, first_token_at: Option<OffsetDateTime>) -> Outcome {
        let killed = self.0.lifecycle.killed();
        loop {
            match self.commit(live, end, first_token_at).await {
                Ok(true) => return outcome(live, end),
                Ok(false) => return Outcome::Elsewhere,
                Err(error) if db::is_unavailable(&error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "settle a generation; will try again"
                    );
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "settle a generation");
                    return Outcome::Elsewhere;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(SETTLE_AGAIN) => {}
                () = live.fenced.cancelled() => return Outcome::Elsewhere,
                () = killed.cancelled() => return Outcome::Elsewhere,
            }
        }
    }

    async fn commit(
        &self,
        live: &Live,
        end: &End,
        first_token_at: Option<OffsetDateTime>,
    ) -> Result<bool, sqlx::Error> {
        let now = self.0.ambient.clock.now();
        let (_, _, provider_model) = live.partial();
        let mut tx = self.0.database.begin(live.owned.workspace).await?;
        let ours =
            store::generation::end(&mut tx, &live.owned, end, &provider_model, first_token_at, now).await?;
        tx.commit().await?;
        Ok(ours)
    }
}

fn outcome(live: &Live, end: &End) -> Outcome {
    let unanswered = |fault: &Fault, settlement: Option<&Settlement>| {
        let name = generation::name(live.owned.workspace, live.owned.id);
        let settled = settlement.map(Settled::from);
        Outcome::Unanswered(Box::new(Unanswered { name, fault: fault.clone(), settled }))
    };
    match end {
        End::Failed(fault) => unanswered(fault, None),
        End::Cut(fault, _, settlement) => unanswered(fault, settlement.as_ref()),
        End::Succeeded(answer, settlement) => Outcome::Finished(Box::new(Finished {
            id: live.owned.id,
            message: answer.message.clone(),
            finish_reason: answer.finish_reason,
            usage: settlement.usage,
            cost_nano_usd: settlement.cost_nano_usd,
            provider_model: answer.provider_model.clone(),
        })),
    }
}
