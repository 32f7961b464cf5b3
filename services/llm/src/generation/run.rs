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
use crate::domain::generation::{End, Finished, Settlement};
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
        let mut first_token_at = None;
        let asked = self.ask(live, &job, &mut first_token_at).instrument(span.span()).await;
        let end = match asked {
            Asked::Answered(answer) => self.paid(&job, answer),
            Asked::Failed(fault) => self.unpaid(live, &job, fault, first_token_at.is_some()),
            Asked::Fenced => {
                live.finish(Err(fenced()));
                return;
            }
        };
        span.record(&end, began.elapsed());
        let outcome = self.settle(live, &end, first_token_at).await;
        live.finish(outcome);
    }

    /// Asks within all deadlines. Leaving here drops the provider's stream, which closes the connection at once.
    async fn ask(&self, live: &Live, job: &Job, first_token_at: &mut Option<OffsetDateTime>) -> Asked {
        let total = self.0.terms.total;
        let killed = self.0.lifecycle.killed();
        tokio::select! {
            biased;
            () = live.fenced.cancelled() => Asked::Fenced,
            () = killed.cancelled() => {
                Asked::Failed(Fault::new(Kind::Interrupted, "the service stopped in mid-answer"))
            }
            () = tokio::time::sleep(total) => {
                let text = format!("the answer took longer than {} s", total.as_secs());
                Asked::Failed(Fault::new(Kind::Interrupted, text))
            }
            answered = self.collect(live, job, first_token_at) => match answered {
                Ok(answer) => Asked::Answered(answer),
                Err(fault) => Asked::Failed(fault),
            },
        }
    }

    async fn collect(
        &self,
        live: &Live,
        job: &Job,
        first_token_at: &mut Option<OffsetDateTime>,
    ) -> Result<Answer, Fault> {
        let connector = &self.0.connector;
        let provider = connector.connect(&job.provider)?;
        // The key lives as long as this request for an answer, and not as long as the answer.
        let mut chunks = {
            let key = connector.key(live.owned.workspace, &job.provider, job.run.as_ref()).await?;
            retry::open(&*provider, &job.call, key.as_ref(), self.0.terms.retry, &self.0.ambient.ids).await?
        };
        let mut failed = None;
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    if chunk.is_semantic() && first_token_at.is_none() {
                        *first_token_at = Some(self.0.ambient.clock.now());
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

    /// A provider that fails before its first word is taken not to charge. One that was cut, by itself or by us, is
    /// taken to charge for what was asked and what had come.
    fn unpaid(&self, live: &Live, job: &Job, fault: Fault, started: bool) -> End {
        if !started && fault.kind != Kind::Interrupted {
            return End::Failed(fault);
        }
        let (message, usage, _) = live.partial();
        let usage = usage.unwrap_or_else(|| Usage::estimate(job.estimated_input, live.output_estimate()));
        let partial = (!message.parts.is_empty()).then_some(message);
        End::Interrupted(fault.in_mid_answer(), partial, self.settlement(job, usage, None))
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
                Ok(false) => return Err(fenced()),
                Err(error) if db::is_unavailable(&error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "settle a generation; will try again"
                    );
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "settle a generation");
                    return Err(Fault::new(Kind::Interrupted, "the answer could not be stored"));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(SETTLE_AGAIN) => {}
                () = live.fenced.cancelled() => return Err(fenced()),
                () = killed.cancelled() => {
                    return Err(Fault::new(Kind::Interrupted, "the service stopped before the answer was stored"));
                }
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

fn fenced() -> Fault {
    Fault::new(Kind::Interrupted, "the generation was taken from this process, which had seemed dead")
}

fn outcome(live: &Live, end: &End) -> Outcome {
    match end {
        End::Failed(fault) | End::Interrupted(fault, ..) => Err(fault.clone()),
        End::Succeeded(answer, settlement) => Ok(Box::new(Finished {
            id: live.owned.id,
            message: answer.message.clone(),
            finish_reason: answer.finish_reason,
            usage: settlement.usage,
            cost_nano_usd: settlement.cost_nano_usd,
            provider_model: answer.provider_model.clone(),
        })),
    }
}
