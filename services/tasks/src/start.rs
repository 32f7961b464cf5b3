//! What a start is, whoever asks for it: a task and an agent version, pinned as they are now, and a run that is queued.

use std::sync::Arc;

use mc_chassis::db::Tx;
use mc_chassis::{Failure, db, names as resource};
use mc_proto::registry::v1 as registry;
use time::OffsetDateTime;

use crate::domain::brief::{
    AgentSnapshot, ContextPolicy, ModelParameters, RequestEffect, RunBrief, RunLimits, TaskSnapshot,
    Teammate, ToolGrant, ToolPolicy,
};
use crate::domain::event::Queued;
use crate::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use crate::error::Error;
use crate::store::run::{self, Run};
use crate::store::task::{self, Task};

/// What is to begin, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// The run that is made.
    pub(crate) run: RunId,
    /// On whose behalf.
    pub(crate) starter: UserId,
    /// When it may begin; at once if it is not said.
    pub(crate) at: Option<OffsetDateTime>,
}

/// Begins a run of a task that the transaction has locked or made, and moves the task along.
pub(crate) async fn begin(
    tx: &mut Tx,
    start: Start,
    task: Task,
    agent: AgentSnapshot,
    now: OffsetDateTime,
) -> Result<Run, Error> {
    let Start { run, starter, at } = start;
    let (workspace, id) = (WorkspaceId::new(task.workspace_id), TaskId::new(task.task_id));
    let brief = RunBrief::pin(workspace, run, starter, pinned(task), agent);
    let queued = Queued { brief: Arc::new(brief), start_at: at };
    let begun = run::insert(tx, &queued, now).await.map_err(|error| refusal(workspace, error))?;
    task::begin_run(tx, id, run, now).await?;
    Ok(begun)
}

/// What a run that may not live says. The lock of its task makes a second live run a matter of defence; the index is what
/// promises that there is none.
pub(crate) fn refusal(workspace: WorkspaceId, error: sqlx::Error) -> Error {
    if db::is_constraint(&error, "run_live_of_task") {
        Error::AlreadyRunning { workspace, run: None }
    } else {
        error.into()
    }
}

/// The version as runs are pinned to it: everything that it says, so that the registry is not asked again.
pub(crate) fn snapshot(version: registry::AgentVersion) -> Result<AgentSnapshot, Failure> {
    let spec = version.spec.ok_or_else(|| malformed("the version holds no spec"))?;
    let [_, agent, number] =
        resource::segments("agent_version", "workspaces/*/agents/*/versions/*", &version.name)
            .map_err(|_| malformed("the version's name is malformed"))?;
    let agent = resource::canonical(agent).ok_or_else(|| malformed("the agent's id is malformed"))?;
    let number = number.parse().map_err(|_| malformed("the version's number is malformed"))?;
    let parameters = spec.parameters.unwrap_or_default();
    Ok(AgentSnapshot {
        agent: AgentId::new(agent),
        version: number,
        display_name: version.display_name,
        instructions: spec.instructions,
        model: spec.model,
        parameters: ModelParameters {
            temperature: parameters.temperature,
            top_p: parameters.top_p,
            max_output_tokens: parameters.max_output_tokens,
            seed: parameters.seed,
        },
        tools: spec.tools.into_iter().map(tool_grant).collect(),
        limits: limits(spec.limits.unwrap_or_default()),
        context: context(spec.context.unwrap_or_default()),
    })
}

/// What this release does not know is no leave and no promise.
fn tool_grant(grant: registry::ToolGrant) -> ToolGrant {
    ToolGrant {
        policy: match registry::ToolPolicy::try_from(grant.policy) {
            Ok(registry::ToolPolicy::Unspecified | registry::ToolPolicy::Allow) => ToolPolicy::Allow,
            Ok(registry::ToolPolicy::Ask) => ToolPolicy::Ask,
            Ok(registry::ToolPolicy::Deny) | Err(_) => ToolPolicy::Deny,
        },
        effect: match grant.effect() {
            registry::RequestEffect::Unspecified | registry::RequestEffect::AtMostOnce => {
                RequestEffect::AtMostOnce
            }
            registry::RequestEffect::Idempotent => RequestEffect::Idempotent,
            registry::RequestEffect::Queryable => RequestEffect::Queryable,
        },
        approval_expiry_s: grant
            .approval_expiry
            .and_then(|expiry| u32::try_from(expiry.seconds).ok())
            .filter(|seconds| *seconds > 0),
        teammates: grant.teammates.into_iter().filter_map(teammate).collect(),
        tool: grant.tool,
        allowed_hosts: grant.allowed_hosts,
        query_url: grant.query_url,
    }
}

/// One whose name is malformed is nobody.
fn teammate(teammate: registry::Teammate) -> Option<Teammate> {
    let [_, agent] = resource::parse("agent", "workspaces/*/agents/*", &teammate.agent).ok()?;
    Some(Teammate { name: teammate.name, agent: AgentId::new(agent), purpose: teammate.purpose })
}

fn limits(limits: registry::RunLimits) -> RunLimits {
    let default = RunLimits::default();
    RunLimits {
        max_steps: limits.max_steps.and_then(|steps| u32::try_from(steps).ok()).unwrap_or(default.max_steps),
        max_tokens: limits.max_tokens,
        max_duration_ms: limits.max_duration.map_or(default.max_duration_ms, milliseconds),
        max_cost_nano_usd: limits.max_cost_nano_usd,
        max_step_duration_ms: limits.max_step_duration.map(milliseconds).or(default.max_step_duration_ms),
        max_concurrent_runs: limits.max_concurrent_runs.and_then(|runs| u32::try_from(runs).ok()),
    }
}

/// What cannot be is left to the engine.
fn context(context: registry::ContextPolicy) -> ContextPolicy {
    let positive = |number: i32| u32::try_from(number).ok().filter(|number| *number > 0);
    ContextPolicy {
        window_tokens: context.window_tokens.and_then(positive),
        compact_at_percent: context
            .compact_at_percent
            .and_then(|it| u8::try_from(it).ok())
            .filter(|it| *it > 0),
    }
}

fn milliseconds(duration: prost_types::Duration) -> i64 {
    duration.seconds.saturating_mul(1000).saturating_add(i64::from(duration.nanos) / 1_000_000)
}

fn pinned(task: Task) -> TaskSnapshot {
    TaskSnapshot {
        task: TaskId::new(task.task_id),
        title: task.title,
        brief: task.brief,
        acceptance_checks: task.acceptance_checks,
    }
}

/// The registry broke the contract.
pub(crate) fn malformed(what: &str) -> Failure {
    tracing::error!(what, "the registry's answer breaks the contract");
    Failure::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grant_is_pinned_with_its_policy_and_promise_and_none_of_either_is_made_up() {
        let given = |policy, effect| registry::ToolGrant {
            tool: "http_request".into(),
            allowed_hosts: vec!["api.example.com".into()],
            policy,
            effect,
            query_url: "https://api.example.com/{key}".into(),
            approval_expiry: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
            teammates: [
                "workspaces/00000000-0000-0000-0000-000000000001/agents/00000000-0000-0000-0000-000000000002",
                "bob",
            ]
            .map(|agent| registry::Teammate {
                name: "bob".into(),
                agent: agent.into(),
                purpose: "Finds.".into(),
            })
            .to_vec(),
        };
        for (policy, effect, pinned) in [
            (0, 0, (ToolPolicy::Allow, RequestEffect::AtMostOnce)),
            (1, 1, (ToolPolicy::Allow, RequestEffect::AtMostOnce)),
            (2, 2, (ToolPolicy::Ask, RequestEffect::Idempotent)),
            (3, 3, (ToolPolicy::Deny, RequestEffect::Queryable)),
            (99, 99, (ToolPolicy::Deny, RequestEffect::AtMostOnce)),
        ] {
            let grant = tool_grant(given(policy, effect));
            assert_eq!((grant.policy, grant.effect), pinned, "{policy}, {effect}");
            assert_eq!(grant.query_url, "https://api.example.com/{key}");
            assert_eq!(grant.allowed_hosts, ["api.example.com"]);
            assert_eq!(grant.approval_expiry_s, Some(90));
            let bob = AgentId::new(uuid::Uuid::from_u128(2));
            assert_eq!(
                grant.teammates,
                [Teammate { name: "bob".into(), agent: bob, purpose: "Finds.".into() }],
                "who is no agent is no teammate"
            );
        }
    }

    #[test]
    fn what_is_said_of_the_context_is_pinned_and_nonsense_is_not() {
        let pinned = |window_tokens, compact_at_percent| {
            let pinned = context(registry::ContextPolicy { window_tokens, compact_at_percent });
            (pinned.window_tokens, pinned.compact_at_percent)
        };
        assert_eq!(pinned(Some(8_192), Some(60)), (Some(8_192), Some(60)));
        assert_eq!(pinned(None, None), (None, None));
        assert_eq!(pinned(Some(0), Some(0)), (None, None));
        assert_eq!(pinned(Some(-1), Some(300)), (None, None));
    }

    #[test]
    fn absent_limits_take_their_defaults() {
        assert_eq!(limits(registry::RunLimits::default()), RunLimits::default());
        let given = registry::RunLimits {
            max_steps: Some(3),
            max_tokens: Some(10),
            max_duration: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }),
            max_cost_nano_usd: Some(7),
            max_step_duration: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            max_concurrent_runs: Some(2),
        };
        let expected = RunLimits {
            max_steps: 3,
            max_tokens: Some(10),
            max_duration_ms: 2_500,
            max_cost_nano_usd: Some(7),
            max_step_duration_ms: Some(1_000),
            max_concurrent_runs: Some(2),
        };
        assert_eq!(limits(given), expected);
    }
}
