//! What a fire needs from others: leave to act on somebody's behalf, and the agent's version. Asked outside transactions.

use std::time::Duration;

use mc_chassis::{Failure, names, sized};
use mc_proto::identity::v1::DelegateTokenRequest;
use mc_proto::identity::v1::auth_service_client::AuthServiceClient;
use mc_proto::registry::v1::GetAgentVersionRequest;
use mc_proto::registry::v1::agent_service_client::AgentServiceClient;
use tonic::{Code, Request};
use uuid::Uuid;

use crate::domain::brief::AgentSnapshot;
use crate::domain::id::{ScheduleId, WorkspaceId};
use crate::price;
use crate::start;

use super::Clockwork;

/// What starting a task takes.
const PERMISSIONS: [&str; 3] = ["llm.model.read", "registry.agent.read", "tasks.task.start"];
/// How long the others have to answer. Less than a schedule that was taken is left to who took it.
const PATIENCE: Duration = Duration::from_secs(10);

impl Clockwork {
    /// The agent's latest version, as the person may see it who the fire is on behalf of; refused unless that person may
    /// start tasks at this moment.
    pub(super) async fn agent(
        &self,
        workspace: WorkspaceId,
        schedule: ScheduleId,
        person: Uuid,
        agent: Uuid,
    ) -> Result<AgentSnapshot, Failure> {
        let asked = async {
            let token = self.delegate(workspace, schedule, person).await?;
            let agent = self.latest_version(workspace, agent, &token).await?;
            price::check(&self.llm, bearer(&token, ())?.metadata(), workspace, &agent).await?;
            Ok(agent)
        };
        let late =
            || Failure::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "a service took too long to answer");
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
    }

    async fn delegate(
        &self,
        workspace: WorkspaceId,
        schedule: ScheduleId,
        person: Uuid,
    ) -> Result<String, Failure> {
        let request = DelegateTokenRequest {
            user: names::user(person),
            permissions: PERMISSIONS.map(str::to_owned).to_vec(),
            purpose: format!("workspaces/{workspace}/schedules/{schedule}"),
        };
        let reply = sized!(AuthServiceClient::new(self.identity.unary()))
            .delegate_token(self.service.request_in("identity", workspace.uuid(), request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().caller_token)
    }

    async fn latest_version(
        &self,
        workspace: WorkspaceId,
        agent: Uuid,
        token: &str,
    ) -> Result<AgentSnapshot, Failure> {
        let name = format!("workspaces/{workspace}/agents/{agent}/versions/latest");
        let reply = sized!(AgentServiceClient::new(self.registry.unary()))
            .get_agent_version(bearer(token, GetAgentVersionRequest { name })?)
            .await
            .map_err(|status| Failure::from_status(&status))?;
        let version = reply.into_inner().agent_version;
        start::snapshot(version.ok_or_else(|| start::malformed("the reply holds no version"))?)
    }
}

/// A request by this token.
fn bearer<M>(token: &str, message: M) -> Result<Request<M>, Failure> {
    let mut request = Request::new(message);
    let bearer = format!("Bearer {token}").parse().map_err(|_| start::malformed("the token is no text"))?;
    request.metadata_mut().insert("authorization", bearer);
    Ok(request)
}

/// Whether asking again later may help.
pub(crate) fn may_pass(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled
            | Code::Internal
            | Code::Unknown
            | Code::Unauthenticated
            | Code::Unimplemented
    )
}
