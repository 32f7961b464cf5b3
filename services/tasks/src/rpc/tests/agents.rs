//! A stand-in for the registry.

use super::service::not_in_the_script;
use super::*;

/// A registry with one agent of one version.
#[derive(Default)]
pub(crate) struct Registry {
    pub(super) asked: AtomicU32,
    /// It cannot be reached.
    pub(crate) away: AtomicBool,
    /// The agent was taken off the team.
    pub(crate) gone: AtomicBool,
    /// What the agent's version may use up.
    pub(crate) limits: Mutex<registry::RunLimits>,
}

impl Registry {
    /// How often it was asked.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl AgentService for Registry {
    async fn get_agent_version(
        &self,
        request: Request<registry::GetAgentVersionRequest>,
    ) -> Result<Response<registry::GetAgentVersionResponse>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("REGISTRY_AWAY", "the registry cannot be reached").into());
        }
        let name = request.into_inner().name;
        let agent = format!("workspaces/{HOME}/agents/{AGENT}/versions");
        let known = [format!("{agent}/latest"), format!("{agent}/3")];
        if !known.contains(&name) || self.gone.load(Ordering::Relaxed) {
            return Err(Failure::not_found(name).into());
        }
        let version = registry::AgentVersion {
            name: format!("{agent}/3"),
            version: 3,
            display_name: "Writer".into(),
            spec: Some(registry::AgentSpec {
                instructions: "Write.".into(),
                model: "simulator/demo".into(),
                limits: Some(*self.limits.lock().expect("nothing panics with it")),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(Response::new(registry::GetAgentVersionResponse { agent_version: Some(version) }))
    }

    /// Everybody is everybody's teammate, at version 5, and may ask people and hand work on.
    async fn resolve_teammate(
        &self,
        request: Request<registry::ResolveTeammateRequest>,
    ) -> Result<Response<registry::ResolveTeammateResponse>, Status> {
        let Caller::Run(_) = Caller::of(&request)? else { panic!("only runs have teammates") };
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("REGISTRY_AWAY", "the registry cannot be reached").into());
        }
        let name = request.into_inner().name;
        if self.gone.load(Ordering::Relaxed) {
            return Err(Failure::not_found(name).into());
        }
        let teammate =
            registry::Teammate { name: "bob".into(), agent: name.clone(), purpose: "Finds things.".into() };
        let tools = ["ask_human", "delegate"].map(|tool| registry::ToolGrant {
            tool: tool.into(),
            teammates: if tool == "delegate" { vec![teammate.clone()] } else { Vec::new() },
            ..Default::default()
        });
        let version = registry::AgentVersion {
            name: format!("{name}/versions/5"),
            version: 5,
            display_name: "Bob".into(),
            spec: Some(registry::AgentSpec {
                instructions: "Find.".into(),
                model: "simulator/demo".into(),
                tools: tools.to_vec(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(Response::new(registry::ResolveTeammateResponse { agent_version: Some(version) }))
    }

    not_in_the_script! {
        registry: create_agent(CreateAgentRequest) -> CreateAgentResponse;
        registry: get_agent(GetAgentRequest) -> GetAgentResponse;
        registry: list_agents(ListAgentsRequest) -> ListAgentsResponse;
        registry: update_agent(UpdateAgentRequest) -> UpdateAgentResponse;
        registry: delete_agent(DeleteAgentRequest) -> DeleteAgentResponse;
        registry: publish_agent(PublishAgentRequest) -> PublishAgentResponse;
        registry: list_agent_versions(ListAgentVersionsRequest) -> ListAgentVersionsResponse;
    }
}
