//! StartTask: makes a run of a task by an agent version, pinned to both as they are now, to begin now or at a time.

use mc_chassis::auth::{Caller, forward};
use mc_chassis::{Failure, idempotency, names as resource, sized};
use mc_proto::registry::v1 as registry;
use mc_proto::registry::v1::agent_service_client::AgentServiceClient;
use mc_proto::tasks::v1::{StartLimits, StartTaskRequest, StartTaskResponse};
use prost::Message;
use prost_types::Timestamp;
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::domain::id::{RunId, TaskId, UserId, WorkspaceId};
use crate::error::Error;
use crate::price;
use crate::rpc::start_time::start_time;
use crate::rpc::{Api, names, placing, start_limits, view};
use crate::start::{self, Start};
use crate::store::{run, task};
use crate::topics;

pub(super) async fn start_task(
    api: &Api,
    request: Request<StartTaskRequest>,
) -> Result<StartTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let one = OneStart {
        name: &request.name,
        agent_version: &request.agent_version,
        start_time: request.start_time,
        limits: request.limits,
        operation: "StartTask",
        request_id: &request.request_id,
    };
    start(api, &caller, &metadata, one, &request).await
}

/// A start of one task, as it was asked for.
pub(super) struct OneStart<'a> {
    pub(super) name: &'a str,
    pub(super) agent_version: &'a str,
    pub(super) start_time: Option<Timestamp>,
    pub(super) limits: Option<StartLimits>,
    /// The RPC, for the idempotency record.
    pub(super) operation: &'static str,
    pub(super) request_id: &'a str,
}

/// Starts one task, in a transaction of its own.
pub(super) async fn start<Q: Message>(
    api: &Api,
    caller: &Caller,
    metadata: &MetadataMap,
    asked: OneStart<'_>,
    request: &Q,
) -> Result<StartTaskResponse, Error> {
    let starter = UserId::new(caller.user()?);
    let (workspace, id) = names::task(caller, "name", asked.name)?;
    let version = agent_version(workspace, asked.agent_version)?;
    let limits = start_limits::parse(asked.limits)?;

    // The others are asked first: no network call is made inside a transaction.
    let version = match version {
        Some(version) => version,
        None => latest_of_assignee(api, workspace, id, asked.name).await?,
    };
    let mut agent = start::snapshot(fetch(api, metadata, version).await?)?;
    limits.narrow(&mut agent.limits)?;
    price::check(&api.llm, metadata, workspace, &agent).await?;
    let now = api.ambient.clock.now();
    let start_at = start_time(asked.start_time, now)?;

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: asked.operation,
        request_id: asked.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, request, now, async |tx| {
        let stored = task::lock(tx, id).await?.ok_or_else(|| Error::NotFound(asked.name.to_owned()))?;
        if let Some(live) = run::live_of(tx, id).await? {
            return Err(Error::AlreadyRunning { workspace, run: Some(live) });
        }
        if !stored.open_blockers.is_empty() {
            let blockers: Vec<TaskId> = stored.open_blockers.iter().copied().map(TaskId::new).collect();
            let blockers = placing::named(tx, &blockers).await?;
            return Err(Error::Blocked { name: asked.name.to_owned(), blockers });
        }
        let run_id = RunId::new(api.ambient.ids.uuid());
        let begun = Start { run: run_id, starter, at: start_at };
        let run = start::begin(tx, begun, stored, agent, now).await?;
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
    reply.into_inner().agent_version.ok_or_else(|| start::malformed("the reply holds no version"))
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
}
