//! The core process: every service and the edge side by side, speaking over memory as they would over the network.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use mc_chassis::auth::{ServiceIdentity, TrustList, Verifier, keys_of};
use mc_chassis::bus::Bus;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{
    self, BusSettings, ClientSettings, ListenAddress, ServerSettings, StoreUrl, TelemetrySettings,
};
use mc_chassis::db::{self, Database};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::server::{Listener, MemoryListener, Served, memory, serve};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_tasks::notify::{MailSettings, Mailer};
use tokio::net::TcpListener;

use crate::data_dir::DataDir;
use crate::first_start::Secrets;
use crate::foundation;

/// How long requests in progress have when the edge stops.
const EDGE_GRACE: Duration = Duration::from_secs(10);

/// What the supervisor tells the core.
#[derive(Debug, Args)]
pub(crate) struct Core {
    /// PostgreSQL as a role that may migrate: logins are derived from it.
    #[arg(long, env = "MC_ADMIN_URL", hide_env_values = true)]
    admin_url: StoreUrl,
    /// Where the edge listens.
    #[arg(long, env = "MC_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    gateway: mc_gateway::Settings,
    #[command(flatten)]
    bus: BusSettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    mail: MailSettings,
    /// What model providers and receivers of notifications may be at besides public addresses.
    #[arg(long, env = "MC_EGRESS_ALLOW", default_value = "")]
    egress_allow: EgressPolicy,
}

/// Serves until told to stop: the edge first, then what stands behind it.
pub(crate) async fn run(data: &DataDir, args: Core) -> anyhow::Result<()> {
    config::check(&[&args.gateway, &args.bus, &args.telemetry])?;
    let telemetry = telemetry::init("mission-control", &args.telemetry)?;
    let edge_life = Lifecycle::new();
    edge_life.stop_on_signals().context("listen for signals")?;
    // A port that is taken should end the start before anything else begins.
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;

    let house = House::new(data, &args)?;
    let services = house.open(data).await?;
    let edge = house.edge(args.gateway, &edge_life)?;
    mc_gateway::serve(edge, listener).await.context("serve the edge")?;

    edge_life.shutdown(EDGE_GRACE).await;
    house.life.stop();
    for service in services {
        service.await.context("a service ended badly")??;
    }
    house.life.shutdown(ServerSettings::default().drain_grace).await;
    telemetry.flush();
    Ok(())
}

/// What the services share in this process.
struct House {
    ambient: Ambient,
    life: Lifecycle,
    secrets: Secrets,
    admin_url: String,
    trust: TrustList,
    bus: Bus,
    egress: Egress,
    mailer: Option<Mailer>,
    /// Where people find the app.
    public_url: url::Url,
    identity: Line,
    registry: Line,
    llm: Line,
    tasks: Line,
}

/// One service's place: how others call it, and where it takes those calls.
struct Line {
    upstream: Upstream,
    listener: std::sync::Mutex<Option<MemoryListener>>,
}

/// Where people find the app: where the operator says, else where the edge listens.
fn public_url(args: &Core) -> anyhow::Result<url::Url> {
    let said = args.gateway.public_url.first().map(|origin| origin.as_str().to_owned());
    let url = said.unwrap_or_else(|| format!("http://{}", args.listen));
    url.parse().with_context(|| format!("{url} is no address of the app"))
}

type Serving = tokio::task::JoinHandle<anyhow::Result<()>>;

impl House {
    fn new(data: &DataDir, args: &Core) -> anyhow::Result<Self> {
        let (ambient, life) = (Ambient::system(), Lifecycle::new());
        let secrets = Secrets::ensure(&data.secrets(), &ambient.ids)?;
        let line = |name: &'static str| {
            let (link, listener) = memory();
            let upstream = Upstream::new(name, Target::Memory(link), &ClientSettings::default(), &life);
            Line { upstream, listener: Some(listener).into() }
        };
        Ok(Self {
            trust: TrustList::load(&secrets.trust())?,
            bus: Bus::open(&args.bus, args.admin_url.expose(), &life).context("open the live bus")?,
            egress: Egress::new(args.egress_allow.clone()).context("make the client for providers")?,
            mailer: args.mail.mailer()?,
            public_url: public_url(args)?,
            identity: line("identity"),
            registry: line("registry"),
            llm: line("llm"),
            tasks: line("tasks"),
            admin_url: args.admin_url.expose().to_owned(),
            ambient,
            life,
            secrets,
        })
    }

    /// Builds and serves every service; each also on a Unix socket, for the workers.
    async fn open(&self, data: &DataDir) -> anyhow::Result<Vec<Serving>> {
        let identity = mc_identity::Dependencies {
            database: self.database("identity", "api").await?,
            relay: self.database("identity", "relay").await?,
            keys: mc_identity::KeyRing::read(&self.secrets.kek())?,
            trust: self.trust.clone(),
            ambient: self.ambient.clone(),
            lifecycle: self.life.clone(),
        };
        let registry = mc_registry::Dependencies {
            database: self.database("registry", "api").await?,
            verifier: self.verifier("registry"),
            ambient: self.ambient.clone(),
            lifecycle: self.life.clone(),
        };
        let llm = mc_llm::Dependencies {
            database: self.database("llm", "api").await?,
            identity: self.identity.upstream.clone(),
            service: self.identity_of("llm")?,
            verifier: self.verifier("llm"),
            egress: self.egress.clone(),
            ambient: self.ambient.clone(),
            lifecycle: self.life.clone(),
        };
        let tasks = mc_tasks::Parts {
            database: self.database("tasks", "api").await?,
            registry: self.registry.upstream.clone(),
            llm: self.llm.upstream.clone(),
            identity: self.identity.upstream.clone(),
            mails: self.mailer.is_some(),
            bus: self.bus.clone(),
            verifier: self.verifier("tasks"),
            ambient: self.ambient.clone(),
        };
        let served = [
            (mc_identity::build(&mc_identity::Settings::default(), identity).await?, &self.identity),
            (mc_registry::build(&mc_registry::Settings::default(), registry).await?, &self.registry),
            (mc_llm::build(&mc_llm::Settings::default(), llm), &self.llm),
            (mc_tasks::build(tasks, &self.life), &self.tasks),
        ];
        let means = mc_tasks::scheduler::Means {
            engine: self.database("tasks", "engine").await?,
            registry: self.registry.upstream.clone(),
            llm: self.llm.upstream.clone(),
            identity: self.identity.upstream.clone(),
            service: self.identity_of("tasks")?,
            egress: self.egress.clone(),
            mailer: self.mailer.clone(),
            bus: self.bus.clone(),
            ambient: self.ambient.clone(),
        };
        let life = self.life.clone();
        let public_url = Some(self.public_url.clone());
        self.life.spawn("scheduler", async move {
            let settings = mc_tasks::scheduler::SchedulerSettings { public_url, ..Default::default() };
            mc_tasks::scheduler::run(settings, means, &life).await;
        });
        let mut serving = Vec::new();
        for (served, line) in served {
            serving.push(self.serve(data, served, line).await?);
        }
        Ok(serving)
    }

    async fn serve(&self, data: &DataDir, served: Served, line: &Line) -> anyhow::Result<Serving> {
        let socket = data.sockets().join(format!("{}.sock", served.name));
        let mut listeners = vec![Listener::bind(&ListenAddress::Unix(socket)).await?];
        listeners.extend(line.listener.lock().expect("nothing panics with it").take().map(Listener::Memory));
        let life = self.life.clone();
        Ok(self.life.spawn(served.name, async move {
            serve(served, &ServerSettings::default(), listeners, &life).await
        }))
    }

    fn edge(
        &self,
        settings: mc_gateway::Settings,
        life: &Lifecycle,
    ) -> anyhow::Result<std::sync::Arc<mc_gateway::Edge>> {
        let lines = [&self.identity, &self.registry, &self.llm, &self.tasks];
        let upstreams = lines.into_iter().map(|line| &line.upstream).collect();
        let service = self.identity_of("gateway")?;
        mc_gateway::Edge::build(settings, upstreams, service, self.ambient.clone(), life)
    }

    async fn database(&self, schema: &str, login: &str) -> anyhow::Result<Database> {
        let url = foundation::login_url(&self.admin_url, &self.secrets, schema, login)?;
        let settings = db::Settings::new(url, format!("core {schema} {login}"));
        Database::connect(&settings).await.with_context(|| format!("connect {schema} to its database"))
    }

    fn verifier(&self, audience: &'static str) -> std::sync::Arc<Verifier> {
        let keys = keys_of(&self.identity.upstream);
        Verifier::new(audience, self.trust.clone(), keys, self.ambient.clock.clone())
    }

    fn identity_of(&self, service: &'static str) -> anyhow::Result<ServiceIdentity> {
        ServiceIdentity::load(service, &self.secrets.service_key(service), self.ambient.clock.clone())
    }
}
