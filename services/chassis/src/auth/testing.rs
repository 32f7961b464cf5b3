//! Callers for tests: keys that follow from the service's name, so that no test needs a running identity.

use std::sync::Arc;

use time::Duration;
use uuid::Uuid;

use crate::auth::{
    Caller, CallerToken, Person, Role, RunAssertion, ServiceIdentity, SigningKey, TrustList, Verifier,
};
use crate::clock::SharedClock;

/// Every service of the fleet.
pub const SERVICES: [&str; 5] = ["gateway", "identity", "registry", "tasks", "llm"];

/// Makes callers that [`TestAuth::verifier`] accepts.
#[derive(Debug, Clone)]
pub struct TestAuth {
    clock: SharedClock,
    callers: SigningKey,
}

impl TestAuth {
    /// Callers whose tokens are dated by `clock`.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, callers: SigningKey::from_seed([1; 32]) }
    }

    /// The verifier of a service.
    pub fn verifier(&self, audience: &'static str) -> Arc<Verifier> {
        let key = self.callers.public().clone();
        let source = Arc::new(move || {
            let keys = vec![key.clone()];
            Box::pin(async move { Ok(keys) }) as futures::future::BoxFuture<'static, _>
        });
        Verifier::new(audience, self.trust(), source, self.clock.clone())
    }

    /// The trust list that has every service.
    pub fn trust(&self) -> TrustList {
        TrustList::new(SERVICES.map(|name| (name.to_owned(), service_key(name).public().clone())))
    }

    /// The identity of a service.
    pub fn service(&self, name: &str) -> ServiceIdentity {
        ServiceIdentity::new(name, service_key(name), self.clock.clone())
    }

    /// A caller token of a member of a workspace.
    pub fn token(&self, user: Uuid, workspace: Uuid, role: Role) -> String {
        self.token_of(Person {
            user,
            workspace: Some(workspace),
            role: Some(role),
            scopes: Vec::new(),
            session: user,
        })
    }

    /// A caller token of any person.
    pub fn token_of(&self, person: Person) -> String {
        let now = self.clock.now();
        CallerToken::sign(&self.callers, person, now, now + Duration::minutes(5))
    }

    /// A request of a member of a workspace.
    pub fn request<M>(&self, user: Uuid, workspace: Uuid, role: Role, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        let bearer = format!("Bearer {}", self.token(user, workspace, role));
        request.metadata_mut().insert("authorization", bearer.parse().expect("a JWT is ASCII"));
        request
    }

    /// A request with the caller already in place, for calling a handler without a server.
    pub fn admitted<M>(caller: Caller, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(caller);
        request
    }

    /// An assertion for a run in a workspace.
    pub fn run(workspace: Uuid, run: Uuid, started_by: Uuid) -> RunAssertion {
        let agent_version = format!("workspaces/{workspace}/agents/{run}/versions/1");
        RunAssertion { service: "tasks".to_owned(), workspace, run, agent_version, started_by }
    }
}

fn service_key(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_seed(seed)
}
