//! Work that a run has handed to others: which of its children live, and what it waits for.

use serde::{Deserialize, Serialize};

use super::calls::{Answer, CallState};
use super::{Phase, RunFold};
use crate::domain::event::{
    ChildEnd, ChildEnded, ChildStarted, ChildWait, ChildrenCancelled, ChildrenStarted,
};
use crate::domain::id::RunId;
use crate::domain::order::Decision;
use crate::domain::tool::Tool;

/// A child that has not been heard to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Child {
    /// Tokens that it may use; none for no limit.
    max_tokens: Option<i64>,
    /// Nano US dollars that it may cost; none for no limit.
    max_cost_nano_usd: Option<i64>,
    /// It was ordered to end.
    ordered: bool,
}

/// A call that handed work to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Delegated {
    pub(in crate::domain) wait: ChildWait,
    pub(in crate::domain) leave_others: bool,
    /// The children, each with what became of it.
    pub(in crate::domain) children: Vec<(ChildStarted, Option<ChildEnded>)>,
    /// The arguments that a person put in place of the agent's.
    pub(in crate::domain) edited: Option<String>,
}

impl Delegated {
    /// True when what is waited for has come.
    pub(in crate::domain) fn is_over(&self) -> bool {
        let succeeded = |ended: &ChildEnded| ended.end == ChildEnd::Succeeded;
        let mut ends = self.children.iter().map(|(_, ended)| ended.as_ref());
        self.wait == ChildWait::Any && ends.clone().flatten().any(succeeded)
            || ends.all(|ended| ended.is_some())
    }
}

impl RunFold {
    /// Children that live, as far as the run has heard, and are not ordered to end.
    pub fn live_children(&self) -> Vec<RunId> {
        self.children.iter().filter(|(_, child)| !child.ordered).map(|(run, _)| *run).collect()
    }

    /// Tokens and nano dollars that its children may still use; those that were ordered to end are not waited for.
    pub fn promised(&self) -> (i64, i64) {
        let live = || self.children.values().filter(|child| !child.ordered);
        let sum =
            |limits: &mut dyn Iterator<Item = Option<i64>>| limits.flatten().fold(0_i64, i64::saturating_add);
        (
            sum(&mut live().map(|child| child.max_tokens)),
            sum(&mut live().map(|child| child.max_cost_nano_usd)),
        )
    }

    pub(super) fn start_children(&mut self, started: &ChildrenStarted) -> Result<(), String> {
        let id = &started.call_id;
        if started.children.is_empty() {
            return Err(format!("call `{id}` handed nothing to anybody"));
        }
        let known = |run| self.children.contains_key(&run);
        let twice = |at: usize, run| started.children[..at].iter().any(|child| child.run == run);
        if let Some((_, child)) =
            started.children.iter().enumerate().find(|(at, child)| known(child.run) || twice(*at, child.run))
        {
            return Err(format!("run {} was started before", child.run));
        }
        let call = self.call_mut(started.step, id)?;
        if call.call.tool != Tool::Delegate.name() {
            return Err(format!(
                "call `{id}` is of `{}`, and only `delegate` starts children",
                call.call.tool
            ));
        }
        let edited = match &call.state {
            CallState::Asked => None,
            CallState::Decided { decision: Decision::Approve { arguments_json }, .. } => {
                arguments_json.clone()
            }
            _ => return Err(format!("call `{id}` has been decided on")),
        };
        call.state = CallState::Delegated(Delegated {
            wait: started.wait,
            leave_others: started.leave_others,
            children: started.children.iter().map(|child| (child.clone(), None)).collect(),
            edited,
        });
        self.children.extend(started.children.iter().map(|child| {
            let (max_tokens, max_cost_nano_usd) = (child.max_tokens, child.max_cost_nano_usd);
            (child.run, Child { max_tokens, max_cost_nano_usd, ordered: false })
        }));
        Ok(())
    }

    /// What a child used counts as used by this run too.
    pub(super) fn end_child(&mut self, ended: &ChildEnded) -> Result<(), String> {
        if self.children.remove(&ended.run).is_none() {
            return Err(format!("run {} is no child of this one that lives", ended.run));
        }
        self.totals.add_child(ended);
        let Phase::Answered(answer) = &mut self.phase else { return Ok(()) };
        for delegated in answer.delegated_mut() {
            let of_it = delegated.children.iter_mut().find(|(child, _)| child.run == ended.run);
            if let Some((_, end)) = of_it {
                *end = Some(ended.clone());
            }
        }
        Ok(())
    }

    pub(super) fn cancel_children(&mut self, cancelled: &ChildrenCancelled) -> Result<(), String> {
        if let Some(stranger) = cancelled.children.iter().find(|it| !self.children.contains_key(&it.run)) {
            return Err(format!("run {} is no child of this one that lives", stranger.run));
        }
        for order in &cancelled.children {
            if let Some(child) = self.children.get_mut(&order.run) {
                child.ordered = true;
            }
        }
        Ok(())
    }
}

impl Answer {
    fn delegated_mut(&mut self) -> impl Iterator<Item = &mut Delegated> {
        self.calls.iter_mut().filter_map(|call| match &mut call.state {
            CallState::Delegated(delegated) => Some(delegated),
            _ => None,
        })
    }
}
