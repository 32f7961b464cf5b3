//! Runs below runs: how deep and how wide work may be handed on, and what of a run's limits its children get.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::brief::{AgentSnapshot, RunLimits};
use super::fold::RunFold;
use super::id::RunId;
use super::tool::Tool;

/// Runs that may be above a run. One that stands so deep hands nothing on.
pub const MAX_DEPTH: u32 = 3;
/// Children of one run that may live at once.
pub const MAX_LIVE_CHILDREN: usize = 8;
/// Runs below one that a person or a schedule started that may live at once, however they hang together.
pub const MAX_LIVE_IN_TREE: i64 = 32;

/// Where a run stands below the run that handed its task over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that handed its task over.
    pub parent: RunId,
    /// The run at the top, which a person or a schedule started.
    pub root: RunId,
    /// How many runs are above it, 1 to [`MAX_DEPTH`].
    pub depth: u32,
}

impl Lineage {
    /// That of the children of a run.
    pub fn below(fold: &RunFold) -> Self {
        let brief = fold.brief();
        let (root, depth) = brief.lineage.map_or((brief.run, 0), |own| (own.root, own.depth));
        Self { parent: brief.run, root, depth: depth + 1 }
    }
}

/// What a child may use at most, whatever its agent's limits say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Model calls.
    pub max_steps: u32,
    /// Time of work in milliseconds.
    pub max_duration_ms: i64,
    /// Tokens in and out; none for no limit.
    pub max_tokens: Option<i64>,
    /// Nano US dollars; none for no limit.
    pub max_cost_nano_usd: Option<i64>,
}

impl Ceiling {
    /// What a run has left for each of so many children that are to start together. Model calls and time are what itself
    /// has left. Of tokens and dollars, which are used up together, what it has left less what its living children may
    /// still use, in equal parts. The error is a clause for the model.
    pub fn of(fold: &RunFold, now: OffsetDateTime, children: usize) -> Result<Self, String> {
        let limits = &fold.brief().agent.limits;
        let max_steps = limits.max_steps.saturating_sub(fold.steps());
        if max_steps == 0 {
            return Err(
                "you have no model calls left, and a teammate may not make more than you have left".into()
            );
        }
        let left = limits.max_duration().saturating_sub(fold.worked(now));
        let max_duration_ms = i64::try_from(left.whole_milliseconds()).unwrap_or(i64::MAX).max(1);
        let totals = fold.totals();
        let (tokens, cost) = fold.promised();
        let parts = i64::try_from(children.max(1)).unwrap_or(i64::MAX);
        let share = |limit: Option<i64>, used: i64, promised: i64, what: &str| {
            let Some(limit) = limit else { return Ok(None) };
            let part = limit.saturating_sub(used).saturating_sub(promised) / parts;
            if part > 0 { Ok(Some(part)) } else { Err(format!("of your {what} nothing is left to hand on")) }
        };
        Ok(Self {
            max_steps,
            max_duration_ms,
            max_tokens: share(limits.max_tokens, totals.tokens, tokens, "tokens")?,
            max_cost_nano_usd: share(limits.max_cost_nano_usd, totals.cost_nano_usd, cost, "dollars")?,
        })
    }

    /// An agent's limits, lowered to this.
    pub fn lower(self, limits: RunLimits) -> RunLimits {
        let lower = |own: Option<i64>, most: Option<i64>| match (own, most) {
            (Some(own), Some(most)) => Some(own.min(most)),
            (own, most) => own.or(most),
        };
        RunLimits {
            max_steps: limits.max_steps.min(self.max_steps),
            max_duration_ms: limits.max_duration_ms.min(self.max_duration_ms),
            max_tokens: lower(limits.max_tokens, self.max_tokens),
            max_cost_nano_usd: lower(limits.max_cost_nano_usd, self.max_cost_nano_usd),
            ..limits
        }
    }
}

/// The agent as its child run is pinned to it: within what its parent has left, and without a team where it stands too deep
/// for one.
pub fn as_child(mut agent: AgentSnapshot, lineage: Lineage, ceiling: Ceiling) -> AgentSnapshot {
    agent.limits = ceiling.lower(agent.limits);
    if lineage.depth >= MAX_DEPTH {
        agent.tools.retain(|grant| grant.tool != Tool::Delegate.name());
    }
    agent
}
