//! The tool calls of one answer, as `worker/tool.rs` and `tools/http_request.rs` have them.

use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mc_tasks::domain::arguments::Arguments;
use mc_tasks::domain::decide::ToolUse;
use mc_tasks::domain::event::{ArtifactRef, Doubt, DoubtCause, EffectClass, Event};
use mc_tasks::domain::id::{ArtifactId, RunId};
use mc_tasks::store::append::Besides;
use uuid::Uuid;

use crate::carry::{Journal, Stop};
use crate::exec::SECOND;
use crate::tables::Bug;
use crate::worker::Worker;

/// How often a request is sent at most before a person is asked.
const MAX_SENDS: u32 = 3;

/// What came of a call; none when nobody knows.
type Outcome = Option<Event>;

impl Journal {
    pub(crate) async fn use_all(&mut self, uses: Vec<ToolUse>) -> Result<(), Stop> {
        let intents: Vec<Event> = uses.iter().filter_map(|used| used.intent.clone()).collect();
        let late = self.worker.site.has(Bug::EffectBeforeIntent);
        if !intents.is_empty() && !late {
            self.append(intents.clone(), Besides::default()).await?;
        }
        // The intents may have taken long to commit.
        self.worker.fresh().await;
        let run = self.lease.run;
        let mut under_way: FuturesUnordered<LocalBoxFuture<'static, (ToolUse, Outcome)>> = uses
            .into_iter()
            .map(|used| {
                let worker = self.worker.clone();
                async move {
                    let outcome = carry_out(&worker, run, &used).await;
                    (used, outcome)
                }
                .boxed_local()
            })
            .collect();
        if !intents.is_empty() && late {
            // The effects are on their way, and are not heard of before the intents are committed.
            let mut done = Vec::new();
            while let Some(one) = under_way.next().await {
                done.push(one);
            }
            self.append(intents, Besides::default()).await?;
            under_way = done.into_iter().map(|one| std::future::ready(one).boxed_local()).collect();
        }
        let bell = self.bell.clone();
        loop {
            if self.has_mail() {
                self.read_mail(false).await?;
            }
            let next = match select(under_way.next(), bell.rung().boxed_local()).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => {
                    self.expect_mail();
                    continue;
                }
            };
            match next {
                None => return Ok(()),
                Some((_, Some(event))) => self.append(vec![event], Besides::default()).await?,
                Some((used, None)) => {
                    self.ask(vec![used.in_doubt(Doubt::new(DoubtCause::AnswerLost, ""))]).await?;
                }
            }
        }
    }
}

async fn carry_out(worker: &Worker, run: RunId, used: &ToolUse) -> Outcome {
    match &used.arguments {
        Arguments::WriteArtifact { path, .. } => {
            let artifact = ArtifactId::new(Uuid::from_u128(u128::from(worker.site.sim.unique())));
            let artifact = ArtifactRef { artifact, path: path.clone() };
            Some(used.completed(format!("Wrote {path}, {}.", used.step), false, Some(artifact), 1))
        }
        Arguments::HttpRequest(_) => {
            let key = used.idempotency_key.clone();
            let taken = used.completed(format!("201 {}", used.idempotency_key), false, None, 1);
            match used.effect_class {
                EffectClass::Queryable => query_or_send(worker, run, used, key).await.then_some(taken),
                EffectClass::Idempotent => {
                    for _ in 0..MAX_SENDS {
                        worker.fresh().await;
                        worker.begins(run, "a request");
                        if worker.site.send(key.clone(), true).await.is_ok() {
                            return Some(taken);
                        }
                        worker.sleep(SECOND).await;
                    }
                    None
                }
                EffectClass::AtMostOnce | EffectClass::Pure => {
                    worker.begins(run, "a request");
                    worker.site.send(key, false).await.is_ok().then_some(taken)
                }
            }
        }
        _ => Some(used.completed("Nothing.".into(), false, None, 1)),
    }
}

/// True once the server says that it took effect.
async fn query_or_send(worker: &Worker, run: RunId, used: &ToolUse, key: String) -> bool {
    let mut in_doubt = used.query_first;
    for _ in 0..MAX_SENDS {
        if in_doubt {
            match worker.site.query(&key).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        worker.fresh().await;
        worker.begins(run, "a request");
        if worker.site.send(key.clone(), false).await.is_ok() {
            return true;
        }
        in_doubt = true;
        worker.sleep(SECOND).await;
    }
    worker.site.query(&key).await == Ok(true)
}
