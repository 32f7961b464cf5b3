//! Tasks and their runs: the board, the journal each run is a fold of, and the workers that carry runs out.

pub mod domain;
pub mod store;
pub mod tools;

use mc_chassis::db::Schema;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service's tables; served as `mc_tasks_api` (people, one workspace at a time) and `mc_tasks_engine` (scheduling over
/// all workspaces, and the fenced append).
pub static SCHEMA: Schema = Schema::new("tasks", &MIGRATIONS, &["api", "engine"]);
