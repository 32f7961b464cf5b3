//! StartTask: makes a run of a task by an agent version, pinned to both as they are now, to begin now or at a time.

use std::sync::Arc;

use mc_chassis::auth::{Caller, forward};
use mc_chassis::{Failure, db, idempotency, names as resource, sized};
use mc_proto::registry::v1 as registry;
use mc_proto::registry::v1::agent_service_client::AgentServiceClient;
use mc_proto::tasks::v1::{StartTaskRequest, StartTaskResponse};
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::domain::brief::{
    AgentSnapshot, ModelParameters, RequestEffect, RunBrief, RunLimits, TaskSnapshot, ToolGrant, ToolPolicy,
};
use crate::domain::event::Queued;
use crate::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use crate::error::Error;
use crate::rpc::start_time::start_time;
use crate::rpc::{Api, names, view};
use crate::store::task::Task;
use crate::store::{run, task};
use crate::topics;

pub(super) async fn start_task(
    api: &Api,
    request: Request<StartTaskRequest>,
) -> Result<StartTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let starter = UserId::new(caller.user()?);
    let (metadata, _, request) = request.into_parts();
    let (workspace, id) = names::task(&caller, "name", &request.name)?;
    let version = agent_version(workspace, &request.agent_version)?;

    // The registry is asked first: no network call is made inside a transaction.
    let version = match version {
        Some(version) => version,
        None => latest_of_assignee(api, workspace, id, &request.name).await?,
    };
    let agent = snapshot(fetch(api, &metadata, version).await?)?;
    let now = api.ambient.clock.now();
    let start_at = start_time(request.start_time, now)?;

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "StartTask",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let stored = task::lock(tx, id).await?.ok_or_else(|| Error::NotFound(request.name.clone()))?;
        if let Some(live) = run::live_of(tx, id).await? {
            return Err(Error::AlreadyRunning { workspace, run: Some(live) });
        }
        let run_id = RunId::new(api.ambient.ids.uuid());
        let brief = RunBrief::pin(workspace, run_id, starter, pinned(stored), agent);
        let queued = Queued { brief: Arc::new(brief), start_at };
        let run = run::insert(tx, &queued, now).await.map_err(|error| {
            // The lock makes this a matter of defence; the index is what promises it.
            if db::is_constraint(&error, "run_live_of_task") {
                Error::AlreadyRunning { workspace, run: None }
            } else {
                error.into()
            }
        })?;
        task::begin_run(tx, id, run_id, now).await?;
        Ok(StartTaskResponse { run: Some(view::run(&run)) })
    })
    .await?;
    tx.commit().await?;
    // A hint alone: workers find the run by looking, a moment later.
    topics::publish(&api.bus, topics::READY, &"");
    Ok(reply)
}

/// The `agent_version` of the request; none when it is empty.
fn agent_version(workspace: WorkspaceId, name: &str) -> Result<Option<String>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let field = "agent_version";
    let [other, agent, version] = resource::segments(field, "workspaces/*/agents/*/versions/*", name)?;
    let ids = resource::canonical(other).zip(resource::canonical(agent));
    let (other, agent) = ids.ok_or_else(|| {
        Failure::invalid(field, "has the form workspaces/{workspace}/agents/{agent}/versions/{version}")
    })?;
    names::same_workspace(workspace, field, other)?;
    // One spelling: no sign, no leading zero.
    let is_number = version.parse().is_ok_and(|number: i32| number >= 1 && number.to_string() == version);
    if version != "latest" && !is_number {
        return Err(Failure::invalid(field, "must end in a version number from 1, or in `latest`"));
    }
    Ok(Some(format!("workspaces/{workspace}/agents/{agent}/versions/{version}")))
}

async fn latest_of_assignee(
    api: &Api,
    workspace: WorkspaceId,
    id: TaskId,
    name: &str,
) -> Result<String, Error> {
    let mut tx = api.database.read(workspace.uuid()).await?;
    let task = task::get(&mut tx, id).await?.ok_or_else(|| Error::NotFound(name.to_owned()))?;
    let agent = task.assignee.ok_or_else(|| Error::Unassigned(name.to_owned()))?;
    Ok(format!("workspaces/{workspace}/agents/{agent}/versions/latest"))
}

/// Reads the version on behalf of the person who starts the run: they need to be allowed to see it.
async fn fetch(api: &Api, metadata: &MetadataMap, name: String) -> Result<registry::AgentVersion, Failure> {
    let request = forward(metadata, registry::GetAgentVersionRequest { name });
    let reply = sized!(AgentServiceClient::new(api.registry.unary()))
        .get_agent_version(request)
        .await
        .map_err(|status| Failure::from_status(&status))?;
    reply.into_inner().agent_version.ok_or_else(|| malformed("the reply holds no version"))
}

/// The version as runs are pinned to it: everything that it says, so that the registry is not asked again.
fn snapshot(version: registry::AgentVersion) -> Result<AgentSnapshot, Failure> {
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
        tool: grant.tool,
        allowed_hosts: grant.allowed_hosts,
        query_url: grant.query_url,
    }
}

fn limits(limits: registry::RunLimits) -> RunLimits {
    let default = RunLimits::default();
    RunLimits {
        max_steps: limits.max_steps.and_then(|steps| u32::try_from(steps).ok()).unwrap_or(default.max_steps),
        max_tokens: limits.max_tokens,
        max_duration_ms: limits.max_duration.map_or(default.max_duration_ms, milliseconds),
        max_cost_nano_usd: limits.max_cost_nano_usd,
        max_step_duration_ms: limits.max_step_duration.map(milliseconds).or(default.max_step_duration_ms),
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
fn malformed(what: &str) -> Failure {
    tracing::error!(what, "the registry's answer breaks the contract");
    Failure::internal()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(7));

    #[test]
    fn agent_version_is_of_the_same_workspace_and_a_number_or_latest() {
        let agent = Uuid::from_u128(9);
        let name = |workspace: Uuid, version: &str| {
            format!("workspaces/{workspace}/agents/{agent}/versions/{version}")
        };
        for version in ["1", "2147483647", "latest"] {
            let name = name(WORKSPACE.uuid(), version);
            assert_eq!(agent_version(WORKSPACE, &name).expect(version), Some(name));
        }
        assert_eq!(agent_version(WORKSPACE, "").expect("the assignee's latest"), None);
        let wrong = ["0", "-1", "newest", "2147483648", ""].map(|version| name(WORKSPACE.uuid(), version));
        for name in wrong.iter().chain([&name(Uuid::from_u128(8), "1"), &"agents/x".to_owned()]) {
            let failure = agent_version(WORKSPACE, name).expect_err(name);
            assert_eq!(failure.violations()[0].field, "agent_version", "{name}");
        }
    }

    #[test]
    fn grant_is_pinned_with_its_policy_and_promise_and_none_of_either_is_made_up() {
        let given = |policy, effect| registry::ToolGrant {
            tool: "http_request".into(),
            allowed_hosts: vec!["api.example.com".into()],
            policy,
            effect,
            query_url: "https://api.example.com/{key}".into(),
            approval_expiry: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
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
        }
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
        };
        let expected = RunLimits {
            max_steps: 3,
            max_tokens: Some(10),
            max_duration_ms: 2_500,
            max_cost_nano_usd: Some(7),
            max_step_duration_ms: Some(1_000),
        };
        assert_eq!(limits(given), expected);
    }
}
