//! A vault with known secrets, behind the same server and the same checks as the real one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mc_chassis::auth::Caller;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::server::{Listener, Readiness, Served, memory, serve};
use mc_chassis::{Ambient, Failure, Lifecycle};
use mc_proto::identity::v1::credential_service_server::{CredentialService, CredentialServiceServer};
use mc_proto::identity::v1::{
    CreateCredentialRequest, CreateCredentialResponse, DeleteCredentialRequest, DeleteCredentialResponse,
    GetCredentialRequest, GetCredentialResponse, ListCredentialsRequest, ListCredentialsResponse,
    ResolveCredentialRequest, ResolveCredentialResponse, RotateCredentialRequest, RotateCredentialResponse,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};

/// The secrets by name, and who asked for them.
#[derive(Clone, Default)]
pub(crate) struct Vault {
    secrets: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<(Caller, ResolveCredentialRequest)>>>,
}

impl Vault {
    pub(crate) fn put(&self, name: &str, secret: &str) {
        self.secrets.lock().expect("unpoisoned").insert(name.into(), secret.into());
    }

    pub(crate) fn asked(&self) -> Vec<(Caller, ResolveCredentialRequest)> {
        self.asked.lock().expect("unpoisoned").clone()
    }
}

/// Serves a vault in this process.
pub(crate) fn start(auth: &TestAuth, ambient: &Ambient, lifecycle: &Lifecycle) -> (Vault, Upstream) {
    let vault = Vault::default();
    let served = Served {
        name: "identity",
        routes: Routes::new(CredentialServiceServer::new(vault.clone())),
        verifier: auth.verifier("identity"),
        readiness: Readiness::default(),
        ids: ambient.ids.clone(),
    };
    let (link, listener) = memory();
    let serving = lifecycle.clone();
    lifecycle.spawn_background("serve the vault", async move {
        let settings = ServerSettings::default();
        serve(served, &settings, vec![Listener::Memory(listener)], &serving).await.expect("serve");
    });
    let upstream = Upstream::new("identity", Target::Memory(link), &ClientSettings::default(), lifecycle);
    (vault, upstream)
}

fn unused() -> Status {
    Status::unimplemented("this vault only resolves")
}

#[async_trait]
impl CredentialService for Vault {
    async fn resolve_credential(
        &self,
        request: Request<ResolveCredentialRequest>,
    ) -> Result<Response<ResolveCredentialResponse>, Status> {
        let caller = Caller::of(&request)?;
        let message = request.into_inner();
        self.asked.lock().expect("unpoisoned").push((caller, message.clone()));
        let secret = self.secrets.lock().expect("unpoisoned").get(&message.name).cloned();
        let secret = secret.ok_or_else(|| Status::from(Failure::not_found(message.name)))?;
        Ok(Response::new(ResolveCredentialResponse { secret }))
    }

    async fn create_credential(
        &self,
        _: Request<CreateCredentialRequest>,
    ) -> Result<Response<CreateCredentialResponse>, Status> {
        Err(unused())
    }

    async fn get_credential(
        &self,
        _: Request<GetCredentialRequest>,
    ) -> Result<Response<GetCredentialResponse>, Status> {
        Err(unused())
    }

    async fn list_credentials(
        &self,
        _: Request<ListCredentialsRequest>,
    ) -> Result<Response<ListCredentialsResponse>, Status> {
        Err(unused())
    }

    async fn rotate_credential(
        &self,
        _: Request<RotateCredentialRequest>,
    ) -> Result<Response<RotateCredentialResponse>, Status> {
        Err(unused())
    }

    async fn delete_credential(
        &self,
        _: Request<DeleteCredentialRequest>,
    ) -> Result<Response<DeleteCredentialResponse>, Status> {
        Err(unused())
    }
}
