//! Tasks and their runs: the board, the journal each run is a fold of, and the workers that carry runs out.

pub mod domain;
pub mod error;
pub mod faults;
mod keeping;
pub mod notify;
mod price;
mod relay;
mod rpc;
pub mod scheduler;
mod schedules;
pub mod settings;
mod start;
pub mod store;
pub mod tools;
pub mod topics;
mod vault;
mod watch;
mod wire;
pub mod worker;

use std::sync::Arc;

use mc_chassis::auth::Verifier;
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::db::{Database, Schema};
use mc_chassis::server::{Readiness, Served};
use mc_chassis::{Ambient, Lifecycle};

/// Name of the service, and the audience of tokens for it.
pub const NAME: &str = "tasks";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service's tables; served as `mc_tasks_api` (people, one workspace at a time) and `mc_tasks_engine` (scheduling over
/// all workspaces, and the fenced append).
pub static SCHEMA: Schema = Schema::new("tasks", &MIGRATIONS, &["api", "engine"]);

/// What the service's RPCs work with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database, as `mc_tasks_api`.
    pub database: Database,
    /// The registry.
    pub registry: Upstream,
    /// The llm service, which knows prices.
    pub llm: Upstream,
    /// Identity, whose vault has the secrets of channels.
    pub identity: Upstream,
    /// Whether mail can be sent.
    pub mails: bool,
    /// Hints and live text.
    pub bus: Bus,
    /// Knows the callers.
    pub verifier: Arc<Verifier>,
    /// Time and ids.
    pub ambient: Ambient,
}

/// Builds the service: the RPCs of tasks, runs, the inbox, rules, schedules, artifacts, notifications and activity. It is ready once its
/// database answers; its watches end when the lifecycle drains.
pub fn build(parts: Parts, lifecycle: &Lifecycle) -> Served {
    let Parts { database, registry, llm, identity, mails, bus, verifier, ambient } = parts;
    let readiness = Readiness::new(false);
    readiness.follow(database.clone(), lifecycle);
    let watcher = watch::Watcher::new(database.clone(), bus.clone(), watch::Cadence::default(), lifecycle);
    let ids = ambient.ids.clone();
    let api = rpc::Api {
        database,
        registry,
        llm,
        identity,
        mails,
        bus,
        watcher,
        verifier: verifier.clone(),
        ambient,
    };
    Served { name: NAME, routes: rpc::routes(api), verifier, readiness, ids }
}
