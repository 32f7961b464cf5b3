//! Work that is handed to others, as `worker/children.rs` has it.

use mc_tasks::domain::brief::{RequestEffect, RunBrief, TaskSnapshot, ToolPolicy};
use mc_tasks::domain::decide::Delegate;
use mc_tasks::domain::event::{
    ChildCancelCause, ChildCancelled, ChildStarted, ChildrenCancelled, Event, Queued,
};
use mc_tasks::domain::family::{MAX_LIVE_IN_TREE, as_child};
use mc_tasks::domain::id::{CommandId, RunId, TaskId, UserId};
use mc_tasks::domain::order::{CommandKind, Details, LetterContent};
use mc_tasks::store::append::Besides;
use mc_tasks::store::children::NewChild;
use mc_tasks::store::run::status;
use mc_tasks::store::task::Content;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::carry::{Journal, Stop};
use crate::script;
use crate::tables::Bug;
use crate::world::World;

const STARTER: UserId = UserId::new(Uuid::from_u128(5));

impl Journal {
    pub(crate) async fn delegate(&mut self, delegate: &Delegate) -> Result<(), Stop> {
        let root = delegate.lineage.root;
        let live = self.persist(move |world| world.tables.live_in_tree(root)).await;
        if live + delegate.pieces.len() as i64 > MAX_LIVE_IN_TREE {
            return self.append(delegate.refused("too many live"), Besides::default()).await;
        }
        let own = self.fold.brief().clone();
        let (mut started, mut made) = (Vec::new(), Vec::new());
        for (_, piece) in &delegate.pieces {
            let number = u128::from(self.worker.site.sim.unique());
            let run = RunId::new(Uuid::from_u128((0x0193_a5f1 << 96) + number));
            let task = TaskId::new(Uuid::from_u128((1 << 81) + number));
            let agent = script::agent(RequestEffect::Idempotent, ToolPolicy::Allow);
            let agent = as_child(agent, delegate.lineage, delegate.ceiling);
            started.push(ChildStarted {
                run,
                task,
                teammate: piece.teammate.clone(),
                title: piece.title.clone(),
                agent: agent.agent,
                agent_version: agent.version,
                max_tokens: agent.limits.max_tokens,
                max_cost_nano_usd: agent.limits.max_cost_nano_usd,
            });
            let content = Content {
                title: piece.title.clone(),
                brief: piece.brief.clone(),
                assignee: Some(agent.agent),
                acceptance_checks: Vec::new(),
            };
            let task = TaskSnapshot {
                task,
                title: piece.title.clone(),
                brief: piece.brief.clone(),
                acceptance_checks: Vec::new(),
            };
            let brief = RunBrief::pin(own.workspace, run, STARTER, task, agent).below(delegate.lineage);
            made.push(NewChild { queued: Queued { brief: brief.into(), start_at: None }, task: content });
        }
        let mut besides = Besides { children: made, ..Besides::default() };
        if self.worker.site.has(Bug::ChildrenBeforeRecord) {
            let (early, at) = (std::mem::take(&mut besides), self.now());
            self.persist(move |world| world.tables.begin_children(&early, at)).await;
        }
        self.append(vec![delegate.started(started)], besides).await
    }

    /// Orders children to end; the record of it, none where all of them have ended.
    pub(crate) async fn cancel_children(
        &mut self,
        runs: Vec<RunId>,
        cause: ChildCancelCause,
    ) -> Option<Event> {
        let mut children = Vec::new();
        for run in runs {
            let at = self.now();
            let new = CommandId::new(Uuid::from_u128(u128::from(self.worker.site.sim.unique()) + (1 << 92)));
            match self.persist(move |world| order_end(world, run, new, cause, at)).await {
                Some(command) => children.push(ChildCancelled { run, command }),
                None => self.expect_mail(),
            }
        }
        (!children.is_empty()).then_some(Event::ChildrenCancelled(ChildrenCancelled { children, cause }))
    }

    /// The same for all that live, of a run that ends badly.
    pub(crate) async fn cancel_all_children(&mut self, cause: ChildCancelCause) -> Option<Event> {
        if self.worker.site.has(Bug::ChildrenLeftBehind) {
            return None;
        }
        let live = self.fold.live_children();
        self.cancel_children(live, cause).await
    }
}

fn order_end(
    world: &mut World,
    run: RunId,
    new: CommandId,
    cause: ChildCancelCause,
    at: OffsetDateTime,
) -> Option<CommandId> {
    let row = &world.tables.runs[&run];
    if status::is_terminal(row.status) {
        return None;
    }
    let ordered = row.letters.iter().rev().find_map(|posted| match &posted.letter.content {
        LetterContent::Command { command, kind: CommandKind::Cancel, .. } if posted.state != 4 => {
            Some(*command)
        }
        _ => None,
    });
    if ordered.is_some() {
        return ordered;
    }
    let (reason, details) = (cause.reason().to_owned(), Details::default());
    let letter = LetterContent::Command { command: new, kind: CommandKind::Cancel, reason, details };
    world.tables.post(run, STARTER, &letter, at);
    Some(new)
}
