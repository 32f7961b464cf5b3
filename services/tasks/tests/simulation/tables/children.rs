//! `store/children.rs`: children are made with the record that says so, and their end goes to their parent with the end.

use mc_tasks::domain::event::{ChildEnd, ChildEnded, Event, RunError};
use mc_tasks::domain::family::MAX_LIVE_IN_TREE;
use mc_tasks::domain::id::{RunId, UserId};
use mc_tasks::domain::order::LetterContent;
use mc_tasks::store::append::{Append, Besides};
use mc_tasks::store::run::status;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Bug, Tables};
use crate::script;

impl Tables {
    pub(crate) fn live_in_tree(&self, root: RunId) -> i64 {
        let below = |row: &&super::Run| row.lineage.is_some_and(|lineage| lineage.root == root);
        let live = self.runs.values().filter(below).filter(|row| !status::is_terminal(row.status));
        live.count() as i64
    }

    pub(super) fn is_full(&self, besides: &Besides) -> bool {
        let lineage = besides.children.first().and_then(|child| child.queued.brief.lineage);
        lineage.is_some_and(|lineage| {
            self.live_in_tree(lineage.root) + besides.children.len() as i64 > MAX_LIVE_IN_TREE
        })
    }

    pub(crate) fn begin_children(&mut self, besides: &Besides, at: OffsetDateTime) {
        for child in &besides.children {
            let (run, workspace) = (child.queued.brief.run, child.queued.brief.workspace);
            self.insert_run(run, workspace, Event::Queued(child.queued.clone()), at);
        }
    }

    pub(super) fn tell_parent(&mut self, append: &Append) {
        let row = &self.runs[&append.run];
        let Some(lineage) = row.lineage.filter(|_| !self.has(Bug::EndTellsNoParent)) else { return };
        let parent = &self.runs[&lineage.parent];
        let told = parent.letters.iter().any(|posted| posted.id() == append.run.uuid());
        if told || matches!(parent.status, status::SUCCEEDED | status::CANCELLED) {
            return;
        }
        let (end, summary, error) = match append.events.last() {
            Some(Event::Succeeded(event)) => (ChildEnd::Succeeded, event.summary.clone(), None),
            Some(Event::Failed(event)) => (ChildEnd::Failed, String::new(), Some(event.error.clone())),
            _ => (ChildEnd::Cancelled, String::new(), Some(RunError::new("RUN_CANCELLED", ""))),
        };
        let spent = |of: fn(&script::Spent) -> i64| -> i64 {
            row.journal.iter().map(|entry| of(&script::spent(&entry.event))).sum()
        };
        let ended = ChildEnded {
            run: append.run,
            end,
            summary,
            error,
            steps: u32::try_from(row.steps).unwrap(),
            total_tokens: spent(|spent| spent.tokens),
            cost_nano_usd: spent(|spent| spent.cost_nano_usd),
            estimated_cost_nano_usd: 0,
            unpriced_calls: 0,
            artifacts: Vec::new(),
            more_artifacts: 0,
        };
        let letter = LetterContent::ChildEnded(Box::new(ended));
        self.post(lineage.parent, UserId::new(Uuid::from_u128(5)), &letter, append.at);
    }
}
