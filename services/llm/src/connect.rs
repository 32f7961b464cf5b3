//! From a provider as it is stored to one that can be spoken to, with its key fetched at the last moment.

use mc_chassis::auth::{RunAssertion, ServiceIdentity};
use mc_chassis::client::Upstream;
use mc_chassis::clock::SharedClock;
use mc_chassis::egress::Egress;
use mc_chassis::{Failure, sized};
use mc_proto::identity::v1::ResolveCredentialRequest;
use mc_proto::identity::v1::credential_service_client::CredentialServiceClient;
use tonic::Code;
use uuid::Uuid;

use crate::domain::fault::{Fault, Kind as FaultKind};
use crate::domain::provider::{Kind, Provider as Record};
use crate::provider::openai::{Deadlines, OpenAiCompatible};
use crate::provider::simulator::Simulator;
use crate::provider::{Key, Provider};

/// The way to every provider.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Reaches only what the operator's policy allows.
    pub egress: Egress,
    /// How long a provider may be silent.
    pub deadlines: Deadlines,
    /// The built-in one.
    pub simulator: Simulator,
    /// The vault.
    pub identity: Upstream,
    /// Who we are to the vault.
    pub service: ServiceIdentity,
    /// For `Retry-After` dates.
    pub clock: SharedClock,
}

impl Connector {
    /// A provider to speak to.
    pub fn connect(&self, record: &Record) -> Result<Box<dyn Provider>, Fault> {
        match &record.kind {
            Kind::Simulator => Ok(Box::new(self.simulator)),
            Kind::OpenAiCompatible { base_url, .. } => Ok(Box::new(OpenAiCompatible {
                base_url: base_url.clone(),
                client: self.egress.client().clone(),
                deadlines: self.deadlines,
                clock: self.clock.clone(),
            })),
        }
    }

    /// A provider's key, fresh from the vault: kept nowhere here, wiped when it is dropped, each use in the vault's
    /// audit trail. `None` when the provider needs none.
    pub async fn key(
        &self,
        workspace: Uuid,
        record: &Record,
        run: Option<&RunAssertion>,
    ) -> Result<Option<Key>, Fault> {
        let Kind::OpenAiCompatible { credential: Some(credential), .. } = &record.kind else {
            return Ok(None);
        };
        let message = ResolveCredentialRequest {
            name: format!("workspaces/{workspace}/credentials/{credential}"),
            purpose: format!("call the provider {}", record.id),
        };
        let audience = self.identity.name();
        let request = match run {
            Some(run) => self.service.request_for_run(audience, run, message),
            None => self.service.request_in(audience, workspace, message),
        };
        let mut client = sized!(CredentialServiceClient::new(self.identity.unary()));
        match client.resolve_credential(request).await {
            Ok(reply) => Ok(Some(Key::new(reply.into_inner().secret))),
            Err(status) => Err(keyless(&record.id, &Failure::from_status(&status))),
        }
    }
}

fn keyless(provider: &str, failure: &Failure) -> Fault {
    match failure.code() {
        Code::NotFound | Code::PermissionDenied | Code::FailedPrecondition => Fault::new(
            FaultKind::AuthFailed,
            format!("the key of the provider {provider} cannot be used: {}", failure.message()),
        ),
        _ => {
            tracing::warn!(%failure, provider, "resolve a provider's key");
            let text = format!("the key of the provider {provider} cannot be fetched right now");
            Fault::new(FaultKind::Unavailable, text).after(failure.retry_delay())
        }
    }
}
