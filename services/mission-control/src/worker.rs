//! The worker process of an all-in-one system: carries runs out, so that what a run breaks is a worker and nothing else.

use anyhow::Context;
use clap::Args;
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::bus::Bus;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{
    self, BusSettings, ClientSettings, DatabaseSettings, ServiceIdentitySettings, TelemetrySettings,
};
use mc_chassis::db::{self, Database};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_tasks::notify::MailSettings;
use mc_tasks::worker::{Means, WorkerSettings};

/// How long steps in progress have when a worker stops; what is not done by then another worker takes up.
const GRACE: std::time::Duration = std::time::Duration::from_secs(20);

/// What the supervisor tells a worker.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    bus: BusSettings,
    #[command(flatten)]
    service: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    mail: MailSettings,
    /// Where the llm service is.
    #[arg(long, env = "MC_LLM_URL")]
    llm_url: Target,
    /// Where the registry is.
    #[arg(long, env = "MC_REGISTRY_URL")]
    registry_url: Target,
    /// Where the identity service is.
    #[arg(long, env = "MC_IDENTITY_URL")]
    identity_url: Target,
    /// What tools and notifications may reach besides public addresses.
    #[arg(long, env = "MC_EGRESS_ALLOW", default_value = "")]
    egress_allow: EgressPolicy,
    /// Where people find the app; links in notifications lead to the first.
    #[arg(long, env = "MC_PUBLIC_URL", value_delimiter = ',')]
    public_url: Vec<url::Url>,
}

/// Works until told to stop.
pub(crate) async fn run(args: Worker) -> anyhow::Result<()> {
    config::check(&[&args.database, &args.bus, &args.service, &args.telemetry])?;
    let telemetry = telemetry::init("mission-control-worker", &args.telemetry)?;
    let (ambient, life) = (Ambient::system(), Lifecycle::new());
    life.stop_on_signals().context("listen for signals")?;
    let (key, _) = args.service.files()?;
    let url = args.database.url()?.expose();
    let settings = db::Settings::from_config(&args.database, "worker")?;
    let means = Means {
        engine: Database::connect(&settings).await?,
        llm: Upstream::new("llm", args.llm_url, &ClientSettings::default(), &life),
        registry: Upstream::new("registry", args.registry_url, &ClientSettings::default(), &life),
        accounts: Upstream::new("identity", args.identity_url, &ClientSettings::default(), &life),
        identity: ServiceIdentity::load("tasks", key, ambient.clock.clone())?,
        egress: Egress::new(args.egress_allow).context("make the client for tools")?,
        mailer: args.mail.mailer()?,
        bus: Bus::open(&args.bus, url, &life).context("open the live bus")?,
        ambient,
    };
    let settings = WorkerSettings { public_url: args.public_url.into_iter().next(), ..Default::default() };
    mc_tasks::worker::run(settings, means, &life).await?;
    life.shutdown(GRACE).await;
    telemetry.flush();
    Ok(())
}
