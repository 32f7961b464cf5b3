//! The service under test, and its stand-in for the registry.

use super::*;

/// A registry with one agent of one version.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) asked: AtomicU32,
}

/// Methods that no test calls, written as `async_trait` would: it cannot look into a macro.
macro_rules! not_in_the_script {
    ($($method:ident($request:ident) -> $response:ident;)+) => {
        $(fn $method<'a, 'async_trait>(
            &'a self,
            _: Request<registry::$request>,
        ) -> BoxFuture<'async_trait, Result<Response<registry::$response>, Status>>
        where
            'a: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err(Status::unimplemented("no part of this script")) })
        })+
    };
}

#[tonic::async_trait]
impl AgentService for Registry {
    async fn get_agent_version(
        &self,
        request: Request<registry::GetAgentVersionRequest>,
    ) -> Result<Response<registry::GetAgentVersionResponse>, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let name = request.into_inner().name;
        let agent = format!("workspaces/{HOME}/agents/{AGENT}/versions");
        if name != format!("{agent}/latest") && name != format!("{agent}/3") {
            return Err(Failure::not_found(name).into());
        }
        let version = registry::AgentVersion {
            name: format!("{agent}/3"),
            version: 3,
            display_name: "Writer".into(),
            spec: Some(registry::AgentSpec {
                instructions: "Write.".into(),
                model: "simulator/demo".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(Response::new(registry::GetAgentVersionResponse { agent_version: Some(version) }))
    }

    not_in_the_script! {
        create_agent(CreateAgentRequest) -> CreateAgentResponse;
        get_agent(GetAgentRequest) -> GetAgentResponse;
        list_agents(ListAgentsRequest) -> ListAgentsResponse;
        update_agent(UpdateAgentRequest) -> UpdateAgentResponse;
        delete_agent(DeleteAgentRequest) -> DeleteAgentResponse;
        publish_agent(PublishAgentRequest) -> PublishAgentResponse;
        list_agent_versions(ListAgentVersionsRequest) -> ListAgentVersionsResponse;
    }
}

pub(super) struct Service {
    pub(super) tables: Tables,
    pub(super) auth: TestAuth,
    pub(super) registry: Arc<Registry>,
    pub(super) upstream: Upstream,
    pub(super) bus: Bus,
    _lifecycle: Lifecycle,
}

pub(super) fn started(served: Served, lifecycle: &Lifecycle) -> MemoryLink {
    let (link, listener) = memory();
    let ends = lifecycle.clone();
    lifecycle.spawn_background("serve", async move {
        let settings = ServerSettings::default();
        serve(served, &settings, vec![Listener::Memory(listener)], &ends).await.expect("serve");
    });
    link
}

impl Service {
    pub(super) async fn new() -> Self {
        let tables = Tables::new().await;
        let (ambient, _) = Ambient::fixed(NOW, 3);
        let auth = TestAuth::new(ambient.clock.clone());
        let lifecycle = Lifecycle::new();
        let registry = Arc::<Registry>::default();
        let link = started(
            Served {
                name: "registry",
                routes: Routes::new(sized!(AgentServiceServer::from_arc(registry.clone()))),
                verifier: auth.verifier("registry"),
                readiness: Readiness::new(true),
                ids: ambient.ids.clone(),
            },
            &lifecycle,
        );
        let client = ClientSettings::default();
        let bus = Bus::local();
        let parts = Parts {
            database: tables.api.clone(),
            registry: Upstream::new("registry", Target::Memory(link), &client, &lifecycle),
            bus: bus.clone(),
            verifier: auth.verifier("tasks"),
            ambient,
        };
        let link = started(crate::build(parts, &lifecycle), &lifecycle);
        let upstream = Upstream::new("tasks", Target::Memory(link), &client, &lifecycle);
        Self { tables, auth, registry, upstream, bus, _lifecycle: lifecycle }
    }

    pub(super) fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.upstream.unary())
    }

    pub(super) fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.upstream.unary())
    }

    pub(super) fn inbox(&self) -> InboxServiceClient<Channel> {
        InboxServiceClient::new(self.upstream.unary())
    }

    pub(super) fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.upstream.unary())
    }

    pub(super) fn ask<M>(&self, message: M) -> Request<M> {
        self.auth.request(USER, HOME, Role::Operator, message)
    }

    pub(super) async fn create(&self, task: Task, request_id: &str) -> Result<Task, Failure> {
        let request = CreateTaskRequest {
            parent: format!("workspaces/{HOME}"),
            task: Some(task),
            request_id: request_id.into(),
        };
        let reply = self
            .tasks()
            .create_task(self.ask(request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().task.expect("a task"))
    }

    pub(super) async fn start(
        &self,
        task: &Task,
        agent_version: &str,
        request_id: &str,
    ) -> Result<String, Failure> {
        let request = StartTaskRequest {
            name: task.name.clone(),
            agent_version: agent_version.into(),
            request_id: request_id.into(),
            start_time: None,
        };
        let reply = self
            .tasks()
            .start_task(self.ask(request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().run.expect("a run").name)
    }
}
