//! Identity: people and their sessions, workspaces, API tokens, the credential vault, and the audit trail.
//!
//! It signs the caller tokens that every other service verifies on its own. It calls no other service, keeps no bearer and
//! no password in the clear, and shows a stored secret to services alone.

pub mod bootstrap;
mod domain;
mod error;
mod passwords;
#[cfg(test)]
mod redaction_tests;
mod relay;
mod rpc;
mod settings;
mod signing;
mod store;
#[cfg(test)]
mod testing;
mod vault;

use std::sync::Arc;

use futures::future::BoxFuture;
use mc_chassis::auth::{CallerKeySource, PublicKey, Verifier};
use mc_chassis::db::{Database, Schema};
use mc_chassis::server::{Readiness, Served};
use mc_chassis::{Ambient, Failure, sized};
use mc_proto::identity::v1 as pb;
use pb::api_token_service_server::ApiTokenServiceServer;
use pb::auth_service_server::AuthServiceServer;
use pb::credential_service_server::CredentialServiceServer;
use pb::workspace_service_server::WorkspaceServiceServer;
use tonic::service::Routes;

pub use settings::{Dependencies, Settings};
pub use vault::{KeyFileError, KeyRing};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schema `identity`: served by the role `mc_identity_api`; `mc_identity_relay` keeps the audit trail and removes what
/// has expired.
pub static SCHEMA: Schema = Schema::new("identity", &MIGRATIONS, &["api", "relay"]);

/// Puts the service together and starts its relay; it is ready once its database answers.
#[allow(clippy::unused_async, reason = "every service of the fleet is built alike")]
pub async fn build(settings: &Settings, parts: Dependencies) -> anyhow::Result<Served> {
    let Dependencies { database, relay, keys, trust, ambient, lifecycle } = parts;
    let readiness = Readiness::new(false);
    readiness.follow(database.clone(), &lifecycle);
    let audit = relay::start(relay, ambient.clone(), &lifecycle);
    let signing = signing::CallerKeys::new(database.clone(), keys.clone(), ambient.clone());
    let verifier = Verifier::new("identity", trust, own_keys(signing.clone()), ambient.clock.clone());
    let ids = ambient.ids.clone();
    let passwords = passwords::Passwords::new(settings.passwords_at_once);
    let identity =
        rpc::Identity::new(rpc::Parts { database, ring: keys, signing, passwords, ambient, audit });
    Ok(Served { name: "identity", routes: routes(&identity), verifier, readiness, ids })
}

fn routes(identity: &rpc::Identity) -> Routes {
    Routes::new(sized!(AuthServiceServer::new(identity.clone())))
        .add_service(sized!(WorkspaceServiceServer::new(identity.clone())))
        .add_service(sized!(ApiTokenServiceServer::new(identity.clone())))
        .add_service(sized!(CredentialServiceServer::new(identity.clone())))
}

/// The keys that people's tokens are verified with are at hand here; other services ask for them.
fn own_keys(signing: signing::CallerKeys) -> CallerKeySource {
    Arc::new(move || {
        let signing = signing.clone();
        Box::pin(async move { signing.listed().await.map_err(Failure::from) })
            as BoxFuture<'static, Result<Vec<PublicKey>, Failure>>
    })
}

/// Retires the key that signs caller tokens and makes a new one. Tokens of the old one stay valid until they expire;
/// replicas take the new one within half a minute. Returns the new key's id.
pub async fn rotate_caller_key(
    database: Database,
    keys: KeyRing,
    ambient: Ambient,
) -> anyhow::Result<String> {
    let key = signing::CallerKeys::new(database, keys, ambient).rotate().await?;
    Ok(key.kid().to_owned())
}
