//! The RPCs of missioncontrol.registry.v1.AgentService, one operation per file.

mod convert;
mod create_agent;
mod delete_agent;
mod get_agent;
mod get_agent_version;
mod list_agent_versions;
mod list_agents;
mod publish_agent;
mod resolve_teammate;
mod update_agent;

use mc_chassis::auth::Caller;
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Failure, names};
use mc_proto::registry::v1 as pb;
use pb::agent_service_server::AgentService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::domain::AgentId;

const AGENT: &str = "workspaces/*/agents/*";

/// Serves agents and their versions.
#[derive(Debug, Clone)]
pub(crate) struct Agents {
    database: Database,
    ambient: Ambient,
}

impl Agents {
    pub(crate) fn new(database: Database, ambient: Ambient) -> Self {
        Self { database, ambient }
    }
}

/// The workspace and agent that a name means, if the caller's call is about that workspace.
fn agent_of(caller: &Caller, field: &str, name: &str) -> Result<(Uuid, AgentId), Failure> {
    let [workspace, agent] = names::parse(field, AGENT, name)?;
    // The agent is named as missing, not its workspace: the reply is the same whether either exists.
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((workspace, AgentId::new(agent)))
}

/// The workspace that a parent means, if the caller's call is about it.
fn workspace_of(caller: &Caller, parent: &str) -> Result<Uuid, Failure> {
    let [workspace] = names::parse("parent", "workspaces/*", parent)?;
    caller.in_workspace(workspace)?;
    Ok(workspace)
}

/// Hands a request with its caller to its operation, and puts the outcome into gRPC's terms.
macro_rules! serve {
    ($self:ident, $request:ident, $operation:path) => {{
        let caller = Caller::of(&$request)?;
        let reply = $operation($self, &caller, $request.into_inner()).await?;
        Ok(Response::new(reply))
    }};
}

#[tonic::async_trait]
impl AgentService for Agents {
    async fn create_agent(
        &self,
        request: Request<pb::CreateAgentRequest>,
    ) -> Result<Response<pb::CreateAgentResponse>, Status> {
        serve!(self, request, create_agent::handle)
    }

    async fn get_agent(
        &self,
        request: Request<pb::GetAgentRequest>,
    ) -> Result<Response<pb::GetAgentResponse>, Status> {
        serve!(self, request, get_agent::handle)
    }

    async fn list_agents(
        &self,
        request: Request<pb::ListAgentsRequest>,
    ) -> Result<Response<pb::ListAgentsResponse>, Status> {
        serve!(self, request, list_agents::handle)
    }

    async fn update_agent(
        &self,
        request: Request<pb::UpdateAgentRequest>,
    ) -> Result<Response<pb::UpdateAgentResponse>, Status> {
        serve!(self, request, update_agent::handle)
    }

    async fn delete_agent(
        &self,
        request: Request<pb::DeleteAgentRequest>,
    ) -> Result<Response<pb::DeleteAgentResponse>, Status> {
        serve!(self, request, delete_agent::handle)
    }

    async fn publish_agent(
        &self,
        request: Request<pb::PublishAgentRequest>,
    ) -> Result<Response<pb::PublishAgentResponse>, Status> {
        serve!(self, request, publish_agent::handle)
    }

    async fn get_agent_version(
        &self,
        request: Request<pb::GetAgentVersionRequest>,
    ) -> Result<Response<pb::GetAgentVersionResponse>, Status> {
        serve!(self, request, get_agent_version::handle)
    }

    async fn list_agent_versions(
        &self,
        request: Request<pb::ListAgentVersionsRequest>,
    ) -> Result<Response<pb::ListAgentVersionsResponse>, Status> {
        serve!(self, request, list_agent_versions::handle)
    }

    async fn resolve_teammate(
        &self,
        request: Request<pb::ResolveTeammateRequest>,
    ) -> Result<Response<pb::ResolveTeammateResponse>, Status> {
        serve!(self, request, resolve_teammate::handle)
    }
}
