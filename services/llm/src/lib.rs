//! The LLM gateway: providers, generations that outlive their callers, and the ledger of what they cost.
//!
//! `rpc` parses and replies, `generation` runs calls of models, `provider` and `wire` speak to providers, `domain` is
//! pure, `store` is SQL. It never knows what a task, a run or an agent is: it books what it is told to book it to.

pub mod connect;
pub mod domain;
pub mod error;
pub mod generation;
pub mod provider;
mod rpc;
pub mod settings;
pub mod store;
mod telemetry;
pub mod wire;

use mc_chassis::db::Schema;
use mc_chassis::server::{Readiness, Served};

use crate::connect::Connector;
use crate::generation::Generations;
use crate::provider::simulator::Simulator;
pub use crate::settings::{Dependencies, Settings};

/// Name of the service, and the audience of tokens for it.
pub const NAME: &str = "llm";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schema `llm`, served by the role `mc_llm_api`.
pub static SCHEMA: Schema = Schema::new("llm", &MIGRATIONS, &["api"]);

/// Builds the service. Its generations run on the lifecycle: a drain waits for them, and the hard token marks those that
/// are left as interrupted. It is ready once its database answers.
pub fn build(settings: &Settings, dependencies: Dependencies) -> Served {
    let Dependencies { database, identity, service, verifier, egress, ambient, lifecycle } = dependencies;
    let connector = Connector {
        egress,
        deadlines: settings.deadlines(),
        simulator: Simulator { pace_percent: settings.simulator_pace_percent },
        identity,
        service,
        clock: ambient.clock.clone(),
    };
    let readiness = Readiness::new(false);
    readiness.follow(database.clone(), &lifecycle);
    let generations = Generations::start(
        database.clone(),
        connector.clone(),
        settings.terms(),
        ambient.clone(),
        &lifecycle,
    );
    let ids = ambient.ids.clone();
    let routes = rpc::Llm { database, generations, connector, ambient }.routes();
    Served { name: NAME, routes, verifier, readiness, ids }
}
