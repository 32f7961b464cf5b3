//! The program `mc-tasks`: `serve` (the default) in one of its roles, and `migrate`.

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::auth::{ServiceIdentity, TrustList, Verifier, keys_of};
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::config::{
    self, BusSettings, ClientSettings, DatabaseSettings, ServerSettings, ServiceIdentitySettings, StoreUrl,
    TelemetrySettings, UpstreamSettings, Validate,
};
use mc_chassis::db::{self, Database, Passwords};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::server::{Listener, serve};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_tasks::notify::MailSettings;
use mc_tasks::settings::{Role, Settings};
use mc_tasks::worker::{self, Means};
use mc_tasks::{NAME, Parts, SCHEMA, scheduler};

/// The port where nothing else is set.
const DEFAULT_PORT: u16 = 7103;

/// Mission Control's tasks and runs.
#[derive(Debug, Parser)]
#[command(name = "mc-tasks", version)]
struct Program {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    database: DatabaseSettings,
    /// PostgreSQL as `mc_tasks_engine`, for workers and schedulers; MC_DATABASE_URL where a process is nothing else.
    #[arg(long, env = "MC_ENGINE_DATABASE_URL", hide_env_values = true, global = true)]
    engine_database_url: Option<StoreUrl>,
    #[command(flatten)]
    bus: BusSettings,
    #[command(flatten)]
    client: ClientSettings,
    #[command(flatten)]
    upstreams: UpstreamSettings,
    #[command(flatten)]
    identity: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    mail: MailSettings,
    /// What `http_fetch` and notifications may reach besides public addresses: names, addresses and networks, with commas between.
    #[arg(long, env = "MC_EGRESS_ALLOW", default_value = "")]
    egress_allow: EgressPolicy,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Verb {
    /// Serves, works or schedules until it is stopped.
    Serve {
        /// What this process does.
        #[arg(long, env = "MC_TASKS_ROLE", value_enum, default_value_t)]
        role: Role,
    },
    /// Brings the schema up to date and ends.
    Migrate,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    let telemetry = telemetry::init(NAME, &program.telemetry)?;
    let done = match program.verb.unwrap_or(Verb::Serve { role: Role::default() }) {
        Verb::Serve { role } => program.serve(role).await,
        Verb::Migrate => program.migrate().await,
    };
    telemetry.flush();
    done
}

impl Program {
    async fn serve(self, role: Role) -> anyhow::Result<()> {
        self.check(role)?;
        let mailer = self.mail.mailer()?;
        let mails = mailer.is_some();
        config::announce(NAME, &self);
        let ambient = Ambient::system();
        let lifecycle = Lifecycle::new();
        lifecycle.stop_on_signals().context("listen for signals")?;
        let bus = Bus::open(&self.bus, self.database.url()?.expose(), &lifecycle)?;
        let (key_file, trust_file) = self.identity.files()?;
        let identity = ServiceIdentity::load(NAME, key_file, ambient.clock.clone())?;
        let trust = TrustList::load(trust_file)?;

        let engine = if role.schedules() { Some(self.connect(self.engine_url(role)?).await?) } else { None };
        let accounts = Upstream::new("identity", self.upstreams.identity()?, &self.client, &lifecycle);
        let registry = Upstream::new("registry", self.upstreams.registry()?, &self.client, &lifecycle);
        let llm = Upstream::new("llm", self.upstreams.llm()?, &self.client, &lifecycle);
        let egress = Egress::new(self.egress_allow.clone()).context("make the client for fetches")?;
        let worker =
            match (&engine, role.works()) {
                (Some(engine), true) => {
                    let means = Means {
                        engine: engine.clone(),
                        llm: llm.clone(),
                        identity,
                        registry: registry.clone(),
                        accounts: accounts.clone(),
                        egress,
                        mailer,
                        bus: bus.clone(),
                        ambient: ambient.clone(),
                    };
                    let (settings, lifecycle_of_runs) = (self.settings.worker(), lifecycle.clone());
                    Some(lifecycle.spawn("worker", async move {
                        worker::run(settings, means, &lifecycle_of_runs).await
                    }))
                }
                (Some(engine), false) => {
                    let (settings, ends) = (self.settings.scheduler(), lifecycle.clone());
                    let means = scheduler::Means {
                        engine: engine.clone(),
                        registry: registry.clone(),
                        llm: llm.clone(),
                        identity: accounts.clone(),
                        service: identity,
                        egress,
                        mailer,
                        bus: bus.clone(),
                        ambient: ambient.clone(),
                    };
                    lifecycle.spawn("scheduler", async move {
                        scheduler::run(settings, means, &ends).await;
                    });
                    None
                }
                (None, _) => None,
            };
        let api = if role.serves() {
            let database = self.connect(self.database.url()?).await?;
            let parts = Parts {
                database: database.clone(),
                registry,
                llm,
                identity: accounts.clone(),
                mails,
                bus,
                verifier: Verifier::new(NAME, trust, keys_of(&accounts), ambient.clock.clone()),
                ambient,
            };
            let mut listeners = Vec::new();
            for address in self.server.addresses(DEFAULT_PORT) {
                listeners.push(Listener::bind(&address).await?);
            }
            serve(mc_tasks::build(parts, &lifecycle), &self.server, listeners, &lifecycle).await?;
            Some(database)
        } else {
            None
        };

        // A worker that cannot begin ends the process; its supervisor starts another.
        let worked = if let Some(worker) = worker {
            worker.await.context("work")?
        } else {
            lifecycle.draining().cancelled().await;
            Ok(())
        };
        lifecycle.shutdown(self.server.drain_grace).await;
        for database in [api, engine].into_iter().flatten() {
            database.close().await;
        }
        worked
    }

    /// What this role needs is there, before anything is bound.
    fn check(&self, role: Role) -> anyhow::Result<()> {
        let parts: [&dyn Validate; 7] = [
            &self.server,
            &self.database,
            &self.bus,
            &self.client,
            &self.identity,
            &self.telemetry,
            &self.settings,
        ];
        config::check(&parts)?;
        // Who serves asks them for callers, and who schedules for schedules.
        self.upstreams.identity()?;
        self.upstreams.registry()?;
        // Who works calls it, and who starts runs asks it for prices.
        self.upstreams.llm()?;
        if role.schedules() {
            self.engine_url(role)?;
        }
        Ok(())
    }

    fn engine_url(&self, role: Role) -> anyhow::Result<&StoreUrl> {
        match &self.engine_database_url {
            Some(url) => Ok(url),
            None if !role.serves() => Ok(self.database.url()?),
            None => anyhow::bail!(
                "MC_ENGINE_DATABASE_URL must be set for the role `all`, as in postgres://mc_tasks_engine:password@host/mc"
            ),
        }
    }

    async fn connect(&self, url: &StoreUrl) -> anyhow::Result<Database> {
        Ok(Database::connect(&db::Settings {
            max_connections: self.database.database_connections,
            acquire_timeout: self.database.database_patience,
            ..db::Settings::new(url.expose(), "mc-tasks")
        })
        .await?)
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
