//! The tool calls of one answer: intents first, then all at once, each result committed as it comes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mc_chassis::db::Database;

use crate::domain::brief::RunBrief;
use crate::domain::decide::ToolUse;
use crate::domain::event::{Doubt, DoubtCause, EffectClass};
use crate::domain::id::{RunId, WorkspaceId};
use crate::domain::tool::Tool;
use crate::faults::{self, Point};
use crate::store::append::Besides;
use crate::store::artifact::{self, NewArtifact};
use crate::tools::artifacts::ReadArtifacts;
use crate::tools::{self, Outcome, ToolAnswer, ToolContext, Unavailable, Written};
use crate::worker::attempt::{Stop, wait_until};
use crate::worker::journal::Journal;
use crate::worker::model::milliseconds;

/// How long a call waits that our own means could not carry out.
const TRY_AGAIN: time::Duration = time::Duration::seconds(1);

/// Uses the tools and commits their results, reading mail as it comes. Comes back without those that our own means could
/// not carry out: their intents are open, and the loop decides on them anew.
pub(super) async fn use_all(journal: &mut Journal, uses: Vec<ToolUse>) -> Result<(), Stop> {
    let intents: Vec<_> = uses.iter().filter_map(|used| used.intent.clone()).collect();
    if !intents.is_empty() {
        faults::pass(Point::BeforeIntent);
        journal.append(intents, Besides::default()).await?;
        faults::pass(Point::AfterIntent);
    }
    let worker = journal.worker().clone();
    // The intents may have taken long to commit.
    worker.pulse.fresh().await;
    faults::pass(Point::BeforeTool);
    let begun = journal.now();
    let brief: Arc<RunBrief> = journal.fold().brief().clone();
    let artifacts = RunArtifacts {
        database: worker.means.engine.clone(),
        workspace: journal.lease().workspace,
        run: journal.lease().run,
    };
    let context = &ToolContext {
        agent: &brief.agent,
        ids: &worker.means.ambient.ids,
        artifacts: &artifacts,
        fetch: &worker.fetch,
        requests: &worker.requests,
    };
    let mut under_way: FuturesUnordered<_> = uses
        .iter()
        .map(|used| async move {
            let left = used.deadline.map(|at| at - begun);
            let wait = left.map_or(used.time_limit, |left| left.min(used.time_limit));
            let wait = Duration::try_from(wait).unwrap_or_default();
            let outcome = tokio::time::timeout(wait, tools::run(used, context)).await;
            let late = |_| match left {
                // When the run's time is up, the loop says so; the call's answer no longer matters.
                Some(left) if left <= used.time_limit => Outcome::Known(out_of_time(used)),
                _ => too_slow(used),
            };
            (used, outcome.unwrap_or_else(|elapsed| Ok(late(elapsed))))
        })
        .collect();

    let bell = journal.bell();
    let draining = worker.lifecycle.draining();
    // What may be done twice is left to the next worker; of anything else the result is waited for.
    let may_be_left =
        uses.iter().all(|used| matches!(used.effect_class, EffectClass::Pure | EffectClass::Idempotent));
    let mut unavailable: Option<Unavailable> = None;
    loop {
        if journal.has_mail() {
            // Cancelled, this is left at once, and the tools are dropped with it. Everything else waits for them.
            journal.read_mail(false).await?;
        }
        let (used, outcome) = tokio::select! {
            done = under_way.next() => match done {
                Some(done) => done,
                None => break,
            },
            () = bell.rung() => {
                journal.expect_mail();
                continue;
            }
            () = draining.cancelled(), if may_be_left => return Err(Stop::HandBack),
        };
        faults::pass(Point::AfterTool);
        match outcome {
            Ok(Outcome::Known(answer)) => {
                let took = milliseconds(journal.now() - begun);
                let (event, written) = answer.into_record(used, took);
                let artifacts = written.into_iter().map(stored).collect();
                journal.append(vec![event], Besides::artifacts(artifacts)).await?;
            }
            Ok(Outcome::Unknown(doubt)) => {
                let tool = used.tool.name();
                tracing::warn!(run = %journal.lease().run, tool, ?doubt, "the outcome of a call is unknown");
                journal.ask(vec![used.in_doubt(doubt)]).await?;
            }
            Err(error) => unavailable = Some(error),
        }
    }
    drop(under_way);
    if let Some(error) = unavailable {
        tracing::warn!(run = %journal.lease().run, error = &error as &dyn std::error::Error, "tool is out of order");
        wait_until(journal, journal.now() + TRY_AGAIN, &draining).await?;
    }
    Ok(())
}

fn out_of_time(used: &ToolUse) -> ToolAnswer {
    ToolAnswer::failed(match used.effect_class {
        EffectClass::Pure => "The run's time is up.",
        _ => "The run's time is up; whether the call took effect is unknown.",
    })
}

/// What comes of a call that took longer than it may. One that may have taken effect is in doubt, as after a crash.
fn too_slow(used: &ToolUse) -> Outcome {
    let limit = used.time_limit;
    match (used.effect_class, used.tool) {
        // A file is stored with its result, and there is none.
        (EffectClass::Pure, _) | (_, Tool::WriteArtifact) => Outcome::Known(ToolAnswer::failed(format!(
            "STEP_TIMED_OUT: stopped after {limit}, the longest that a call may take. It had no effect."
        ))),
        _ => {
            let why = format!("no result within {limit}, the agent's max_step_duration");
            Outcome::Unknown(Doubt::new(DoubtCause::TimedOut, &why))
        }
    }
}

fn stored(written: Written) -> NewArtifact {
    NewArtifact {
        artifact: written.artifact,
        path: written.path,
        media_type: written.media_type,
        content: written.content.into_bytes(),
    }
}

/// What one run has written.
struct RunArtifacts {
    database: Database,
    workspace: WorkspaceId,
    run: RunId,
}

impl ReadArtifacts for RunArtifacts {
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let read = async {
            let mut tx = self.database.read(self.workspace.uuid()).await?;
            artifact::newest_content(&mut tx, self.run, path).await
        };
        read.await.map_err(|error: sqlx::Error| Unavailable(error.to_string()))
    }
}
