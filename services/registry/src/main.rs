//! The registry as a program of its own: settings, telemetry, serve.

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::auth::{TrustList, Verifier, keys_of};
use mc_chassis::client::Upstream;
use mc_chassis::config::{
    self, ClientSettings, DatabaseSettings, Secret, ServerSettings, ServiceIdentitySettings, StoreUrl,
    TelemetrySettings, UpstreamSettings,
};
use mc_chassis::db::{self, Database, Passwords};
use mc_chassis::server::{Listener, serve};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_registry::{Dependencies, SCHEMA, Settings, build};

/// Port on loopback when nothing is said.
const PORT: u16 = 7102;

/// Mission Control's registry: agents (team members), their drafts and their published versions.
///
/// Serves missioncontrol.registry.v1 over gRPC. It keeps its own schema `registry` in PostgreSQL and verifies callers with
/// the keys that identity lists; it calls nothing else. `migrate` brings the schema up to date and must have run once.
#[derive(Parser)]
#[command(name = "mc-registry", version, args_conflicts_with_subcommands = true)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once per process")]
enum Command {
    /// Serve until told to stop (SIGTERM, Ctrl-C). The default.
    Serve(Serve),
    /// Bring the schema up to date, making roles where they are missing, then exit. Several may run at once.
    Migrate(Migrate),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    client: ClientSettings,
    #[command(flatten)]
    trust: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    upstreams: UpstreamSettings,
}

#[derive(Debug, clap::Args)]
struct Migrate {
    /// PostgreSQL, directly (no pooler), as a role that may create roles and schemas.
    #[arg(long = "migrate-url", env = "MC_MIGRATE_URL", hide_env_values = true)]
    url: StoreUrl,
    /// Password to give the login mc_registry_api; it keeps what it has when absent.
    #[arg(long, env = "MC_API_PASSWORD", hide_env_values = true)]
    api_password: Option<Secret<String>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    match program.command {
        None => run(program.serve).await,
        Some(Command::Serve(settings)) => run(settings).await,
        Some(Command::Migrate(settings)) => migrate(settings).await,
    }
}

async fn run(settings: Serve) -> anyhow::Result<()> {
    config::check(&[
        &settings.server,
        &settings.database,
        &settings.client,
        &settings.trust,
        &settings.telemetry,
        &settings.settings,
    ])?;
    let telemetry = telemetry::init("mc-registry", &settings.telemetry)?;
    config::announce("mc-registry", &settings);
    let (ambient, lifecycle) = (Ambient::system(), Lifecycle::new());
    lifecycle.stop_on_signals().context("listen for signals")?;

    let (_, trust_file) = settings.trust.files()?;
    let identity = Upstream::new("identity", settings.upstreams.identity()?, &settings.client, &lifecycle);
    let verifier =
        Verifier::new("registry", TrustList::load(trust_file)?, keys_of(&identity), ambient.clock.clone());
    let database = Database::connect(&db::Settings {
        max_connections: settings.database.database_connections,
        acquire_timeout: settings.database.database_patience,
        ..db::Settings::new(settings.database.url()?.expose(), "mc-registry")
    })
    .await?;
    let parts = Dependencies { database, verifier, ambient, lifecycle: lifecycle.clone() };
    let served = build(&settings.settings, parts).await?;
    let mut listeners = Vec::new();
    for address in settings.server.addresses(PORT) {
        listeners.push(Listener::bind(&address).await?);
    }
    serve(served, &settings.server, listeners, &lifecycle).await?;
    lifecycle.shutdown(settings.server.drain_grace).await;
    telemetry.flush();
    Ok(())
}

async fn migrate(settings: Migrate) -> anyhow::Result<()> {
    let passwords = match settings.api_password {
        Some(password) => Passwords::unchanged().set("api", password.expose()),
        None => Passwords::unchanged(),
    };
    db::migrate(settings.url.expose(), &SCHEMA, &passwords).await.context("migrate the schema registry")
}
