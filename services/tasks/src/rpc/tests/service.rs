//! The service under test, and its stand-ins for identity.

use std::collections::BTreeMap;

use mc_chassis::egress::Egress;
use mc_proto::identity::v1::credential_service_server::{CredentialService, CredentialServiceServer};
use mc_proto::llm::v1::model_service_server::ModelServiceServer;
use mc_proto::tasks::v1::notification_service_client::NotificationServiceClient;

use super::agents::Registry;
use super::prices::Prices;
use super::*;
use crate::domain::notice::message::Links;
use crate::notify::Notifier;
use crate::store::lease::Lease;

/// Identity, as far as a scheduler needs it: it gives leave to act for anybody, or for nobody.
pub(super) struct Leave {
    pub(super) auth: TestAuth,
    pub(super) refused: AtomicBool,
    /// It cannot be reached.
    pub(super) away: AtomicBool,
    /// Address of everybody's account.
    pub(super) email: Mutex<String>,
    pub(super) asked: Mutex<Vec<identity::DelegateTokenRequest>>,
}

/// Identity's vault, which people put secrets into and services take them out of.
#[derive(Default)]
pub(super) struct Safe {
    /// By the last part of their names.
    pub(super) secrets: Mutex<BTreeMap<Uuid, String>>,
    /// What they were taken out for.
    pub(super) uses: Mutex<Vec<String>>,
    /// It cannot be reached.
    pub(super) away: AtomicBool,
    made: AtomicU32,
}

impl Safe {
    fn id(name: &str) -> Uuid {
        let id = name.strip_prefix(&format!("workspaces/{HOME}/credentials/")).expect("a credential");
        id.parse().expect("an id")
    }

    /// Every secret, in the order in which they were put in.
    pub(super) fn kept(&self) -> Vec<String> {
        self.secrets.lock().expect("nothing panics with it").values().cloned().collect()
    }
}

/// Methods that no test calls, written as `async_trait` would: it cannot look into a macro.
macro_rules! not_in_the_script {
    ($($of:ident: $method:ident($request:ident) -> $response:ident;)+) => {
        $(fn $method<'a, 'async_trait>(
            &'a self,
            _: Request<$of::$request>,
        ) -> BoxFuture<'async_trait, Result<Response<$of::$response>, Status>>
        where
            'a: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { Err(Status::unimplemented("no part of this script")) })
        })+
    };
}
pub(super) use not_in_the_script;

#[tonic::async_trait]
impl CredentialService for Safe {
    async fn create_credential(
        &self,
        request: Request<identity::CreateCredentialRequest>,
    ) -> Result<Response<identity::CreateCredentialResponse>, Status> {
        Caller::of(&request)?.user()?;
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("VAULT_AWAY", "the vault cannot be reached").into());
        }
        let request = request.into_inner();
        let id = Uuid::from_u128(0xc0_0000 + u128::from(self.made.fetch_add(1, Ordering::Relaxed)));
        self.secrets.lock().expect("nothing panics with it").insert(id, request.secret);
        let credential = identity::Credential {
            name: format!("workspaces/{HOME}/credentials/{id}"),
            ..request.credential.expect("a credential")
        };
        Ok(Response::new(identity::CreateCredentialResponse { credential: Some(credential) }))
    }

    async fn delete_credential(
        &self,
        request: Request<identity::DeleteCredentialRequest>,
    ) -> Result<Response<identity::DeleteCredentialResponse>, Status> {
        let id = Self::id(&request.into_inner().name);
        self.secrets.lock().expect("nothing panics with it").remove(&id).expect("it is there");
        Ok(Response::new(identity::DeleteCredentialResponse {}))
    }

    async fn resolve_credential(
        &self,
        request: Request<identity::ResolveCredentialRequest>,
    ) -> Result<Response<identity::ResolveCredentialResponse>, Status> {
        let request = request.into_inner();
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("VAULT_AWAY", "the vault cannot be reached").into());
        }
        self.uses.lock().expect("nothing panics with it").push(request.purpose);
        let kept =
            self.secrets.lock().expect("nothing panics with it").get(&Self::id(&request.name)).cloned();
        let secret = kept.ok_or_else(|| Failure::not_found(request.name))?;
        Ok(Response::new(identity::ResolveCredentialResponse { secret }))
    }

    not_in_the_script! {
        identity: get_credential(GetCredentialRequest) -> GetCredentialResponse;
        identity: list_credentials(ListCredentialsRequest) -> ListCredentialsResponse;
        identity: rotate_credential(RotateCredentialRequest) -> RotateCredentialResponse;
    }
}

#[tonic::async_trait]
impl AuthService for Leave {
    async fn delegate_token(
        &self,
        request: Request<identity::DelegateTokenRequest>,
    ) -> Result<Response<identity::DelegateTokenResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace().expect("about a workspace");
        if self.away.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("IDENTITY_AWAY", "identity cannot be reached").into());
        }
        let request = request.into_inner();
        let user = request.user.strip_prefix("users/").expect("a user").parse().expect("an id");
        self.asked.lock().expect("nothing panics with it").push(request.clone());
        if self.refused.load(Ordering::Relaxed) {
            return Err(Failure::permission_denied(&request.permissions[0]).into());
        }
        let caller_token = self.auth.token_of(Person {
            user,
            workspace: Some(workspace),
            role: Some(Role::Operator),
            scopes: request.permissions,
            session: Uuid::nil(),
        });
        Ok(Response::new(identity::DelegateTokenResponse { caller_token, expire_time: None }))
    }

    async fn get_me(
        &self,
        request: Request<identity::GetMeRequest>,
    ) -> Result<Response<identity::GetMeResponse>, Status> {
        let name = format!("users/{}", Caller::of(&request)?.user()?);
        let email = self.email.lock().expect("nothing panics with it").clone();
        let user = identity::User { name, email, ..Default::default() };
        Ok(Response::new(identity::GetMeResponse { user: Some(user), memberships: Vec::new() }))
    }

    not_in_the_script! {
        identity: sign_in(SignInRequest) -> SignInResponse;
        identity: create_sign_in_code(CreateSignInCodeRequest) -> CreateSignInCodeResponse;
        identity: exchange_sign_in_code(ExchangeSignInCodeRequest) -> ExchangeSignInCodeResponse;
        identity: refresh(RefreshRequest) -> RefreshResponse;
        identity: sign_out(SignOutRequest) -> SignOutResponse;
        identity: exchange_token(ExchangeTokenRequest) -> ExchangeTokenResponse;
        identity: list_caller_keys(ListCallerKeysRequest) -> ListCallerKeysResponse;
    }
}

pub(super) struct Service {
    pub(super) tables: Tables,
    pub(super) auth: TestAuth,
    pub(super) registry: Arc<Registry>,
    pub(super) prices: Arc<Prices>,
    pub(super) upstream: Upstream,
    pub(super) bus: Bus,
    pub(super) clock: Arc<FixedClock>,
    pub(super) leave: Arc<Leave>,
    /// What a scheduler fires schedules with.
    pub(super) clockwork: Clockwork,
    pub(super) safe: Arc<Safe>,
    /// What a scheduler sends notifications with.
    pub(super) notifier: Notifier,
    _lifecycle: Lifecycle,
}

pub(crate) fn started(served: Served, lifecycle: &Lifecycle) -> MemoryLink {
    let (link, listener) = memory();
    let ends = lifecycle.clone();
    lifecycle.spawn_background("serve", async move {
        let settings = ServerSettings::default();
        serve(served, &settings, vec![Listener::Memory(listener)], &ends).await.expect("serve");
    });
    link
}

impl Service {
    /// A run that a worker has.
    pub(super) async fn leased(&self) -> Lease {
        self.tables.run(WorkspaceId::new(HOME)).await;
        let worker = self.tables.worker().await;
        self.tables.claim(worker, 1).await.remove(0)
    }

    pub(super) async fn new() -> Self {
        Self::furnished(true).await
    }

    /// With a mail server, or without.
    pub(super) async fn furnished(mails: bool) -> Self {
        let tables = Tables::new().await;
        let (ambient, clock) = Ambient::fixed(NOW, 3);
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
        let prices = Arc::<Prices>::default();
        let prices_link = started(
            Served {
                name: "llm",
                routes: Routes::new(sized!(ModelServiceServer::from_arc(prices.clone()))),
                verifier: auth.verifier("llm"),
                readiness: Readiness::new(true),
                ids: ambient.ids.clone(),
            },
            &lifecycle,
        );
        let leave = Arc::new(Leave {
            auth: auth.clone(),
            refused: AtomicBool::new(false),
            away: AtomicBool::new(false),
            email: Mutex::new("ada@example.com".into()),
            asked: Mutex::default(),
        });
        let safe = Arc::<Safe>::default();
        let leave_link = started(
            Served {
                name: "identity",
                routes: Routes::new(sized!(AuthServiceServer::from_arc(leave.clone())))
                    .add_service(sized!(CredentialServiceServer::from_arc(safe.clone()))),
                verifier: auth.verifier("identity"),
                readiness: Readiness::new(true),
                ids: ambient.ids.clone(),
            },
            &lifecycle,
        );
        let client = ClientSettings::default();
        let bus = Bus::local();
        let clockwork = Clockwork {
            engine: tables.engine.clone(),
            registry: Upstream::new("registry", Target::Memory(link), &client, &lifecycle),
            llm: Upstream::new("llm", Target::Memory(prices_link), &client, &lifecycle),
            identity: Upstream::new("identity", Target::Memory(leave_link), &client, &lifecycle),
            service: auth.service("tasks"),
            bus: bus.clone(),
            ambient: ambient.clone(),
        };
        mc_chassis::install_crypto();
        let notifier = Notifier {
            engine: tables.engine.clone(),
            identity: clockwork.identity.clone(),
            service: auth.service("tasks"),
            egress: Egress::new("127.0.0.1".parse().expect("a policy")).expect("a client"),
            mailer: None,
            links: Links { public: Some("https://mc.example.com".parse().expect("a url")) },
            ambient: ambient.clone(),
        };
        let parts = Parts {
            database: tables.api.clone(),
            registry: clockwork.registry.clone(),
            llm: clockwork.llm.clone(),
            identity: clockwork.identity.clone(),
            mails,
            bus: bus.clone(),
            verifier: auth.verifier("tasks"),
            ambient,
        };
        let link = started(crate::build(parts, &lifecycle), &lifecycle);
        let upstream = Upstream::new("tasks", Target::Memory(link), &client, &lifecycle);
        Self {
            tables,
            auth,
            registry,
            prices,
            upstream,
            bus,
            clock,
            leave,
            clockwork,
            safe,
            notifier,
            _lifecycle: lifecycle,
        }
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

    pub(super) fn notifications(&self) -> NotificationServiceClient<Channel> {
        NotificationServiceClient::new(self.upstream.unary())
    }

    /// As somebody who may also make channels.
    pub(super) fn ask_as_admin<M>(&self, message: M) -> Request<M> {
        self.auth.request(USER, HOME, Role::Admin, message)
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
            ..Default::default()
        };
        let reply = self
            .tasks()
            .start_task(self.ask(request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().run.expect("a run").name)
    }
}
