//! The registry: agents (team members), their drafts and their immutable published versions.
//!
//! It never runs an agent, calls no other service and holds no secret.

mod domain;
mod error;
mod rpc;
mod settings;
mod store;
#[cfg(test)]
mod testing;

use mc_chassis::db::Schema;
use mc_chassis::server::{Readiness, Served};
use mc_chassis::sized;
use mc_proto::registry::v1::agent_service_server::AgentServiceServer;
use tonic::service::Routes;

pub use settings::{Dependencies, Settings};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schema `registry`, served by the role `mc_registry_api`.
pub static SCHEMA: Schema = Schema::new("registry", &MIGRATIONS, &["api"]);

/// Puts the service together; it is ready once its database answers.
#[allow(clippy::unused_async, reason = "every service of the fleet is built alike")]
pub async fn build(_: &Settings, parts: Dependencies) -> anyhow::Result<Served> {
    let Dependencies { database, verifier, ambient, lifecycle } = parts;
    let readiness = Readiness::new(false);
    readiness.follow(database.clone(), &lifecycle);
    let ids = ambient.ids.clone();
    let agents = AgentServiceServer::new(rpc::Agents::new(database, ambient));
    Ok(Served { name: "registry", routes: Routes::new(sized!(agents)), verifier, readiness, ids })
}
