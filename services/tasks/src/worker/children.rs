//! Work that a run hands to others: who may do it is asked of the registry, their runs are made in the transaction that journals
//! it, and they are told to end when they are not needed any longer, or when the run itself ends badly.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mc_chassis::{Failure, sized};
use mc_proto::registry::v1::ResolveTeammateRequest;
use mc_proto::registry::v1::agent_service_client::AgentServiceClient;
use time::OffsetDateTime;
use tonic::Code;

use crate::domain::arguments::Piece;
use crate::domain::brief::{AgentSnapshot, RunBrief, TaskSnapshot};
use crate::domain::decide::Delegate;
use crate::domain::event::{
    ChildCancelCause, ChildCancelled, ChildStarted, ChildrenCancelled, Event, Queued,
};
use crate::domain::family::{self, MAX_LIVE_IN_TREE};
use crate::domain::id::{AgentId, CommandId, RunId, TaskId, UserId, WorkspaceId};
use crate::domain::order::{CommandKind, Details, LetterContent};
use crate::schedules::may_pass;
use crate::start;
use crate::store::append::Besides;
use crate::store::children::{self, NewChild};
use crate::store::mailbox::{self, Posted};
use crate::store::task::Content;
use crate::topics;
use crate::worker::Worker;
use crate::worker::attempt::{Stop, wait_until};
use crate::worker::journal::Journal;
use crate::worker::model;

/// How long the registry has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a run waits before it asks a registry again that could not answer.
const TRY_AGAIN: time::Duration = time::Duration::seconds(1);

impl Journal {
    /// Hands work to others, or journals why not. While the registry is away nothing is journalled: the loop comes back here,
    /// for as long as the run has time.
    pub(super) async fn delegate(&mut self, delegate: &Delegate) -> Result<(), Stop> {
        let mut agents: HashMap<AgentId, AgentSnapshot> = HashMap::new();
        for (agent, piece) in &delegate.pieces {
            if agents.contains_key(agent) {
                continue;
            }
            match self.teammate(*agent).await {
                Ok(snapshot) => drop(agents.insert(*agent, snapshot)),
                Err(failure) if may_pass(&failure) => {
                    tracing::warn!(run = %self.lease().run, reason = failure.reason(), "ask for a teammate");
                    let draining = self.worker().lifecycle.draining();
                    return wait_until(self, self.now() + TRY_AGAIN, &draining).await;
                }
                Err(failure) => {
                    let why = cannot(&piece.teammate, &failure);
                    return self.append(delegate.refused(&why), Besides::default()).await;
                }
            }
        }
        let live = self.live_in_tree(delegate.lineage.root).await?;
        if live + i64::try_from(delegate.pieces.len()).unwrap_or(i64::MAX) > MAX_LIVE_IN_TREE {
            let why = format!(
                "{live} runs live below the one that a person or a schedule started, and {MAX_LIVE_IN_TREE} at once are the most; \
                 do it yourself or try again once some have ended"
            );
            return self.append(delegate.refused(&why), Besides::default()).await;
        }
        let (mut started, mut made) = (Vec::new(), Vec::new());
        for (agent, piece) in &delegate.pieces {
            let Some(agent) = agents.get(agent) else { continue };
            let agent = family::as_child(agent.clone(), delegate.lineage, delegate.ceiling);
            let (child, new) = self.child(delegate, piece.clone(), agent);
            started.push(child);
            made.push(new);
        }
        let besides = Besides { children: made, ..Besides::default() };
        self.append(vec![delegate.started(started)], besides).await?;
        topics::publish(&self.worker().means.bus, topics::READY, &"");
        Ok(())
    }

    /// A child as the journal tells of it, and as it is made.
    fn child(&self, delegate: &Delegate, piece: Piece, agent: AgentSnapshot) -> (ChildStarted, NewChild) {
        let ids = &self.worker().means.ambient.ids;
        let (run, task) = (RunId::new(ids.uuid()), TaskId::new(ids.uuid()));
        let started = ChildStarted {
            run,
            task,
            teammate: piece.teammate,
            title: piece.title.clone(),
            agent: agent.agent,
            agent_version: agent.version,
            max_tokens: agent.limits.max_tokens,
            max_cost_nano_usd: agent.limits.max_cost_nano_usd,
        };
        let content = Content {
            title: piece.title.clone(),
            brief: piece.brief.clone(),
            assignee: Some(agent.agent),
            acceptance_checks: piece.acceptance_checks.clone(),
        };
        let (title, brief, acceptance_checks) = (piece.title, piece.brief, piece.acceptance_checks);
        let task = TaskSnapshot { task, title, brief, acceptance_checks };
        let lease = self.lease();
        let brief = RunBrief::pin(lease.workspace, run, lease.starter, task, agent).below(delegate.lineage);
        (started, NewChild { queued: Queued { brief: Arc::new(brief), start_at: None }, task: content })
    }

    /// The newest version of a teammate. The registry looks itself whether this run's version may hand work to it; that the
    /// run's starter may start tasks was checked when the run began, and holds.
    async fn teammate(&self, agent: AgentId) -> Result<AgentSnapshot, Failure> {
        let means = &self.worker().means;
        let name = format!("workspaces/{}/agents/{agent}", self.lease().workspace);
        let message = ResolveTeammateRequest { name };
        let request = means.identity.request_for_run("registry", &model::assertion(self.lease()), message);
        let asked = async {
            let reply = sized!(AgentServiceClient::new(means.registry.unary()))
                .resolve_teammate(request)
                .await
                .map_err(|status| Failure::from_status(&status))?;
            let version = reply.into_inner().agent_version;
            start::snapshot(version.ok_or_else(|| start::malformed("the reply holds no version"))?)
        };
        let late = || {
            Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the registry took too long to answer")
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
    }

    async fn live_in_tree(&self, root: RunId) -> Result<i64, Stop> {
        let workspace = self.lease().workspace;
        self.persist(|| async move {
            let mut tx = self.worker().means.engine.read(workspace.uuid()).await?;
            children::live_in_tree(&mut tx, root).await
        })
        .await
    }

    /// Orders children to end; the record of it, none where all of them have ended. It may be done again: an order that is
    /// there is the order. What has ended meanwhile has a letter in the mailbox.
    pub(super) async fn cancel_children(
        &mut self,
        runs: &[RunId],
        cause: ChildCancelCause,
        sender: UserId,
    ) -> Result<Option<Event>, Stop> {
        let mut ordered = Vec::new();
        for child in runs {
            let at = self.now();
            let worker = self.worker().clone();
            let told = self
                .persist(|| order_end(&worker, self.lease().workspace, *child, cause, sender, at))
                .await?;
            match told {
                Some(command) => ordered.push(ChildCancelled { run: *child, command }),
                None => self.expect_mail(),
            }
        }
        let event = Event::ChildrenCancelled(ChildrenCancelled { children: ordered.clone(), cause });
        Ok((!ordered.is_empty()).then_some(event))
    }

    /// The same for all that live, of a run that ends badly; the record of it, for the append that ends the run.
    pub(super) async fn cancel_all_children(
        &mut self,
        cause: ChildCancelCause,
        sender: UserId,
    ) -> Result<Option<Event>, Stop> {
        let live = self.fold().live_children();
        self.cancel_children(&live, cause, sender).await
    }
}

/// Orders a run to end, unless that was ordered before; none if it has ended. It holds no row but that run's, so that it waits
/// for nobody who waits for its parent's.
pub(super) async fn order_end(
    worker: &Worker,
    workspace: WorkspaceId,
    run: RunId,
    cause: ChildCancelCause,
    sender: UserId,
    at: OffsetDateTime,
) -> Result<Option<CommandId>, sqlx::Error> {
    let mut tx = worker.means.engine.begin(workspace.uuid()).await?;
    let Some(to) = mailbox::lock_live(&mut tx, run).await? else { return Ok(None) };
    if let Some(ordered) = mailbox::newest(&mut tx, run, &[CommandKind::Cancel]).await? {
        return Ok(Some(CommandId::new(ordered.command_id)));
    }
    let command = CommandId::new(worker.means.ambient.ids.uuid());
    let (reason, details) = (cause.reason().to_owned(), Details::default());
    let letter = LetterContent::Command { command, kind: CommandKind::Cancel, reason, details };
    let posted = mailbox::post(&mut tx, to, sender, &letter, at).await?;
    tx.commit().await?;
    announce(worker, &posted);
    Ok(Some(command))
}

/// Says on the bus that a run has mail.
pub(super) fn announce(worker: &Worker, posted: &Posted) {
    let mail = topics::Mail { run: posted.run, number: posted.number };
    topics::publish(&worker.means.bus, topics::MAIL, &mail);
    if posted.woken {
        topics::publish(&worker.means.bus, topics::READY, &"");
    }
}

/// Why work cannot be handed to somebody, as a clause for the model.
fn cannot(teammate: &str, failure: &Failure) -> String {
    match failure.reason() {
        "NOT_FOUND" => format!("`{teammate}` is not on the team any more"),
        "AGENT_NOT_PUBLISHED" => format!("`{teammate}` has no published version yet"),
        "PERMISSION_DENIED" => format!("you may not hand work to `{teammate}`"),
        reason => format!("work cannot be handed to `{teammate}` ({reason}: {})", failure.message()),
    }
}
