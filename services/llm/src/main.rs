//! The program `mc-llm`: `serve` (the default) and `migrate`.

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::auth::{ServiceIdentity, TrustList, Verifier, keys_of};
use mc_chassis::client::Upstream;
use mc_chassis::config::{
    self, ClientSettings, DatabaseSettings, ServerSettings, ServiceIdentitySettings, TelemetrySettings,
    UpstreamSettings,
};
use mc_chassis::db::{self, Database, Passwords};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::server::{Listener, serve};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_llm::{Dependencies, NAME, SCHEMA, Settings};

/// The port where nothing else is set.
const DEFAULT_PORT: u16 = 7104;

/// Mission Control's LLM gateway.
#[derive(Debug, Parser)]
#[command(name = "mc-llm", version)]
struct Program {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    client: ClientSettings,
    #[command(flatten)]
    identity: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    upstreams: UpstreamSettings,
    /// What providers may be at besides public addresses: names, addresses and networks, with commas between.
    #[arg(long, env = "MC_EGRESS_ALLOW", default_value = "")]
    egress_allow: EgressPolicy,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Verb {
    /// Serves until it is stopped.
    Serve,
    /// Brings the schema up to date and ends.
    Migrate,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    let telemetry = telemetry::init(NAME, &program.telemetry)?;
    let done = match program.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => program.serve().await,
        Verb::Migrate => program.migrate().await,
    };
    telemetry.flush();
    done
}

impl Program {
    async fn serve(self) -> anyhow::Result<()> {
        config::check(&[
            &self.server,
            &self.database,
            &self.client,
            &self.identity,
            &self.telemetry,
            &self.settings,
        ])?;
        config::announce(NAME, &self);
        let ambient = Ambient::system();
        let lifecycle = Lifecycle::new();
        lifecycle.stop_on_signals().context("listen for signals")?;

        let (key_file, trust_file) = self.identity.files()?;
        let service = ServiceIdentity::load(NAME, key_file, ambient.clock.clone())?;
        let trust = TrustList::load(trust_file)?;
        let identity = Upstream::new("identity", self.upstreams.identity()?, &self.client, &lifecycle);
        let verifier = Verifier::new(NAME, trust, keys_of(&identity), ambient.clock.clone());
        let database = Database::connect(&db::Settings {
            max_connections: self.database.database_connections,
            acquire_timeout: self.database.database_patience,
            ..db::Settings::new(self.database.url()?.expose(), "mc-llm")
        })
        .await?;
        let egress = Egress::new(self.egress_allow).context("make the client for providers")?;

        let dependencies = Dependencies {
            database: database.clone(),
            identity,
            service,
            verifier,
            egress,
            ambient,
            lifecycle: lifecycle.clone(),
        };
        let served = mc_llm::build(&self.settings, dependencies);
        let mut listeners = Vec::new();
        for address in self.server.addresses(DEFAULT_PORT) {
            listeners.push(Listener::bind(&address).await?);
        }
        serve(served, &self.server, listeners, &lifecycle).await?;
        lifecycle.shutdown(self.server.drain_grace).await;
        database.close().await;
        Ok(())
    }

    async fn migrate(self) -> anyhow::Result<()> {
        let url = self
            .database
            .migrate_url
            .context("MC_MIGRATE_URL must be set, as in postgres://admin@host/mc")?;
        db::migrate(url.expose(), &SCHEMA, &Passwords::unchanged()).await?;
        tracing::info!(schema = NAME, "migrated");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn flags_do_not_clash() {
        super::Program::command().debug_assert();
    }
}
