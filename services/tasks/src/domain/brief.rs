//! What a run is told at its start: the task and the agent version as they were, and the words that follow from them.

use serde::{Deserialize, Serialize};
use time::Duration;

use super::conversation::ToolDefinition;
use super::family::Lineage;
use super::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use super::tool::Tool;

/// Everything that a run is pinned to. It is journalled whole, so that neither an edit of the task or the agent nor
/// a deploy that rewords our prompts changes a run that has started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunBrief {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The run.
    pub run: RunId,
    /// Who started it.
    pub starter: UserId,
    /// The task as it was.
    pub task: TaskSnapshot,
    /// The agent version.
    pub agent: AgentSnapshot,
    /// The words every model call begins with.
    pub prompt: Prompt,
    /// Where it stands below the run that handed its task over; none if a person or a schedule started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
}

/// A task as it was when the run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskId,
    /// One line.
    pub title: String,
    /// What is to be done.
    #[serde(default)]
    pub brief: String,
    /// What must be true of the result.
    #[serde(default)]
    pub acceptance_checks: Vec<String>,
}

/// A published agent version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSnapshot {
    /// The agent.
    pub agent: AgentId,
    /// Its version, from 1.
    pub version: i32,
    /// Its name.
    pub display_name: String,
    /// Its owner's instructions.
    pub instructions: String,
    /// `{provider}/{model}`.
    pub model: String,
    /// How answers are sampled.
    #[serde(default)]
    pub parameters: ModelParameters,
    /// Tools it may use; `finish` is always there besides.
    #[serde(default)]
    pub tools: Vec<ToolGrant>,
    /// When the run is stopped.
    #[serde(default)]
    pub limits: RunLimits,
    /// How its conversation is kept within what the model reads.
    #[serde(default, skip_serializing_if = "ContextPolicy::says_nothing")]
    pub context: ContextPolicy,
}

/// How a conversation that grows is kept within what the model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContextPolicy {
    /// Tokens that the model reads and writes in one call; [`super::compaction::window::DEFAULT_WINDOW`] is assumed when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_tokens: Option<u32>,
    /// Percent of the window, less what is kept free for the answer, from which on the conversation is made shorter;
    /// [`super::compaction::window::DEFAULT_PERCENT`] when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compact_at_percent: Option<u8>,
}

impl ContextPolicy {
    /// True when everything is left to the engine.
    pub fn says_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AgentSnapshot {
    /// What its owner says of a tool; none for `finish`, which needs no leave.
    pub fn grant(&self, tool: Tool) -> Option<&ToolGrant> {
        self.tools.iter().find(|grant| grant.tool == tool.name())
    }

    /// True when it may use the tool.
    pub fn may_use(&self, tool: Tool) -> bool {
        tool == Tool::Finish || self.policy(tool).is_some_and(|policy| policy != ToolPolicy::Deny)
    }

    /// Whether it may use the tool by itself; none if its owner says nothing of it.
    pub fn policy(&self, tool: Tool) -> Option<ToolPolicy> {
        self.grant(tool).map(|grant| grant.policy)
    }

    /// Names of the tools it may use, in their fixed order.
    pub fn tool_names(&self) -> Vec<&'static str> {
        Tool::ALL.into_iter().filter(|tool| self.may_use(*tool)).map(Tool::name).collect()
    }
}

/// How answers are sampled; an absent field leaves the provider's default.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelParameters {
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Tokens of one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<i32>,
    /// For providers that take one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
}

/// Leave to use one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolGrant {
    /// Name of the tool.
    pub tool: String,
    /// For `http_fetch` and `http_request`: hosts it may reach, exact (`api.example.com`) or by suffix (`*.example.com`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Whether the agent may use it by itself.
    #[serde(default, skip_serializing_if = "ToolPolicy::is_allow")]
    pub policy: ToolPolicy,
    /// For `http_request`: what the servers behind `allowed_hosts` promise.
    #[serde(default, skip_serializing_if = "RequestEffect::is_at_most_once")]
    pub effect: RequestEffect,
    /// For `http_request` with [`RequestEffect::Queryable`]: where to ask what became of a request; `{key}` stands for its
    /// idempotency key. Empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query_url: String,
    /// With [`ToolPolicy::Ask`]: seconds for which an approval may stay open before it is escalated; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_expiry_s: Option<u32>,
    /// For `delegate`: whom it may hand work to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teammates: Vec<Teammate>,
}

/// An agent that another one may hand work to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teammate {
    /// What the agent that delegates calls it.
    pub name: String,
    /// The agent.
    pub agent: AgentId,
    /// What to give it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
}

/// Whether an agent may use a tool by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolPolicy {
    /// It may.
    #[default]
    Allow,
    /// A person approves each call.
    Ask,
    /// It may not: the tool is not offered, and a call of it is refused. So is every policy that this version does not know.
    #[serde(other)]
    Deny,
}

impl ToolPolicy {
    // Serde hands a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_allow(&self) -> bool {
        *self == Self::Allow
    }
}

/// What a server promises about a request that may have come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestEffect {
    /// It honours the `Idempotency-Key` header: the request may be sent again with the same key.
    Idempotent,
    /// It can be asked what became of a request.
    Queryable,
    /// Nothing; so is every promise that this version does not know.
    #[default]
    #[serde(other)]
    AtMostOnce,
}

impl RequestEffect {
    // Serde hands a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_at_most_once(&self) -> bool {
        *self == Self::AtMostOnce
    }
}

impl ToolGrant {
    /// Leave to use a tool freely, with no host to reach.
    pub fn of(tool: impl Into<String>) -> Self {
        Self {
            tool: tool.into(),
            allowed_hosts: Vec::new(),
            policy: ToolPolicy::default(),
            effect: RequestEffect::default(),
            query_url: String::new(),
            approval_expiry_s: None,
            teammates: Vec::new(),
        }
    }

    /// True when `host` is one of the allowed hosts: exactly, or by a suffix `*.example.com`, which stands for every
    /// name below `example.com` and not for that name itself. Case and a trailing dot do not matter.
    pub fn allows_host(&self, host: &str) -> bool {
        let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let host = plain(host);
        self.allowed_hosts.iter().map(|pattern| plain(pattern)).any(|pattern| {
            match pattern.strip_prefix("*.") {
                Some(domain) => {
                    host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
                }
                None => host == pattern,
            }
        })
    }
}

/// When a run is stopped, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLimits {
    /// Model calls, retries of one call not counted.
    pub max_steps: u32,
    /// Tokens in and out, all calls together; no limit when absent. The call that crosses it is still taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// Time of work from the first start, in milliseconds.
    pub max_duration_ms: i64,
    /// Cost of all calls together in nano US dollars, estimates included; no limit when absent. The call that crosses it is
    /// still taken; one whose cost is unknown ends the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_nano_usd: Option<i64>,
    /// Time of one attempt at a model call and of one tool call, in milliseconds. Absent in runs from before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_step_duration_ms: Option<i64>,
    /// Runs of the agent at work at once; what the fleet allows when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_runs: Option<u32>,
}

/// [`RunLimits::max_step_duration_ms`] where nothing is said: 15 minutes.
pub const DEFAULT_STEP_MS: i64 = 15 * 60 * 1000;

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            max_steps: 100,
            max_tokens: None,
            max_duration_ms: 24 * 60 * 60 * 1000,
            max_cost_nano_usd: None,
            max_step_duration_ms: Some(DEFAULT_STEP_MS),
            max_concurrent_runs: None,
        }
    }
}

impl RunLimits {
    /// Time of work from the first start.
    pub fn max_duration(&self) -> Duration {
        Duration::milliseconds(self.max_duration_ms)
    }

    /// Time of one attempt at a model call, and of one tool call.
    pub fn max_step_duration(&self) -> Duration {
        Duration::milliseconds(self.max_step_duration_ms.unwrap_or(DEFAULT_STEP_MS))
    }
}

/// The words every model call of a run begins with, rendered once and pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The system prompt.
    pub system: String,
    /// The first user turn.
    pub opening: String,
    /// The tools, in the order they are always sent in.
    pub tools: Vec<ToolDefinition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_exactly_or_below_a_domain() {
        let grant = ToolGrant {
            allowed_hosts: vec!["api.example.com".into(), "*.Example.org".into(), "127.0.0.1".into()],
            ..ToolGrant::of("http_fetch")
        };
        for allowed in
            ["api.example.com", "API.EXAMPLE.COM.", "a.example.org", "a.b.example.org", "127.0.0.1"]
        {
            assert!(grant.allows_host(allowed), "{allowed}");
        }
        for refused in [
            "example.com",
            "x.api.example.com",
            "example.org",
            ".example.org",
            "badexample.org",
            "example.org.evil.net",
            "",
            "*.example.org.evil",
            "127.0.0.11",
        ] {
            assert!(!grant.allows_host(refused), "{refused}");
        }
        assert!(
            !ToolGrant {
                allowed_hosts: vec!["*.".into(), "*".into(), String::new()],
                ..ToolGrant::of("http_fetch")
            }
            .allows_host("a.b")
        );
    }
}
