//! Identity as a program of its own: settings, telemetry, serve; and the commands that an operator needs.

mod commands;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::auth::TrustList;
use mc_chassis::config::{
    self, DatabaseSettings, Invalid, ServerSettings, ServiceIdentitySettings, StoreUrl, TelemetrySettings,
};
use mc_chassis::db::{self, Database};
use mc_chassis::server::{Listener, serve};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_identity::{Dependencies, KeyRing, Settings, build};

/// Port on loopback when nothing is said.
const PORT: u16 = 7101;

/// Mission Control's identity: accounts, sessions, workspaces, API tokens, credentials and the audit trail.
///
/// Serves missioncontrol.identity.v1 over gRPC. It keeps its own schema `identity` in PostgreSQL and calls no other
/// service. Before the first start: `migrate` makes the schema, `new-key` the key file that stored secrets are encrypted
/// under (keep a copy: without it they are lost), `bootstrap` the first account.
#[derive(Parser)]
#[command(name = "mc-identity", version, args_conflicts_with_subcommands = true)]
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
    Migrate(commands::Migrate),
    /// Make the first account, its workspace and an API token, and write them to a file that is not overwritten.
    Bootstrap(commands::Bootstrap),
    /// Write a key file with one new key, for MC_KEY_FILE.
    NewKey(commands::NewKey),
    /// Retire the key that signs caller tokens and make a new one.
    RotateCallerKey(commands::RotateCallerKey),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    trust: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    settings: Settings,
    /// PostgreSQL, as the login mc_identity_relay.
    #[arg(long, env = "MC_RELAY_DATABASE_URL", hide_env_values = true)]
    relay_database_url: Option<StoreUrl>,
    /// File with the keys that stored secrets are encrypted under: `id:key` per line, 32 bytes in hex or base64; the
    /// first one seals, the others still open what they sealed.
    #[arg(long, env = "MC_KEY_FILE")]
    key_file: Option<PathBuf>,
}

impl Serve {
    fn relay_database_url(&self) -> Result<&StoreUrl, Invalid> {
        let missing = || {
            Invalid::new("MC_RELAY_DATABASE_URL", "must be set, as MC_DATABASE_URL but for mc_identity_relay")
        };
        self.relay_database_url.as_ref().ok_or_else(missing)
    }

    fn key_file(&self) -> Result<&Path, Invalid> {
        let missing = || {
            Invalid::new(
                "MC_KEY_FILE",
                "must name a key file: make one with `mc-identity new-key --out FILE`",
            )
        };
        self.key_file.as_deref().ok_or_else(missing)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    match program.command {
        None => run(program.serve).await,
        Some(Command::Serve(settings)) => run(settings).await,
        Some(Command::Migrate(settings)) => commands::migrate(settings).await,
        Some(Command::Bootstrap(settings)) => commands::bootstrap(settings).await,
        Some(Command::NewKey(settings)) => commands::new_key(settings),
        Some(Command::RotateCallerKey(settings)) => commands::rotate_caller_key(settings).await,
    }
}

async fn run(settings: Serve) -> anyhow::Result<()> {
    config::check(&[
        &settings.server,
        &settings.database,
        &settings.trust,
        &settings.telemetry,
        &settings.settings,
    ])?;
    let relay_database_url = settings.relay_database_url()?.clone();
    let keys = KeyRing::read(settings.key_file()?)?;
    let telemetry = telemetry::init("mc-identity", &settings.telemetry)?;
    config::announce("mc-identity", &settings);
    let (ambient, lifecycle) = (Ambient::system(), Lifecycle::new());
    lifecycle.stop_on_signals().context("listen for signals")?;

    let (_, trust_file) = settings.trust.files()?;
    let connect = async |url: &StoreUrl| {
        Database::connect(&db::Settings {
            max_connections: settings.database.database_connections,
            acquire_timeout: settings.database.database_patience,
            ..db::Settings::new(url.expose(), "mc-identity")
        })
        .await
    };
    let parts = Dependencies {
        database: connect(settings.database.url()?).await?,
        relay: connect(&relay_database_url).await?,
        keys,
        trust: TrustList::load(trust_file)?,
        ambient,
        lifecycle: lifecycle.clone(),
    };
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
