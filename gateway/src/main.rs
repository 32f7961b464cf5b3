//! The edge as a program of its own: settings, telemetry, serve.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{self, ClientSettings, ServiceIdentitySettings, TelemetrySettings, parse_duration};
use mc_chassis::{Ambient, Lifecycle, telemetry};
use mc_gateway::{Edge, Settings, Upstreams, openapi, ws};
use tokio::net::TcpListener;

/// Port on loopback when nothing is said.
const PORT: u16 = 8080;

/// Mission Control's edge: REST, server-sent events, WebSocket and OpenAPI over the services' gRPC.
///
/// It holds no data and no domain logic: its routes are the contract's annotations. Callers are exchanged at identity.
#[derive(Parser)]
#[command(name = "mc-gateway", version, args_conflicts_with_subcommands = true)]
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
    /// Print the OpenAPI 3.1 document of the REST edge.
    Openapi,
    /// Print the JSON Schema of the WebSocket's frames.
    WsSchema,
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where to listen, as `address:port`; several with commas.
    #[arg(long, env = "MC_LISTEN", value_delimiter = ',')]
    listen: Vec<SocketAddr>,
    /// Port on all addresses, as Cloud Run says it; only where MC_LISTEN is not set.
    #[arg(long, env = "PORT")]
    port: Option<u16>,
    /// When stopping: how long requests in progress have left.
    #[arg(long, env = "MC_DRAIN_GRACE", default_value = "25s", value_parser = parse_duration)]
    drain_grace: Duration,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    client: ClientSettings,
    #[command(flatten)]
    service: ServiceIdentitySettings,
    #[command(flatten)]
    telemetry: TelemetrySettings,
    /// Where identity is: `http://host:port` or `unix:/path`.
    #[arg(long, env = "MC_IDENTITY_URL", default_value = "http://127.0.0.1:7101")]
    identity_url: Target,
    /// Where the registry is.
    #[arg(long, env = "MC_REGISTRY_URL", default_value = "http://127.0.0.1:7102")]
    registry_url: Target,
    /// Where tasks is.
    #[arg(long, env = "MC_TASKS_URL", default_value = "http://127.0.0.1:7103")]
    tasks_url: Target,
    /// Where the LLM gateway is.
    #[arg(long, env = "MC_LLM_URL", default_value = "http://127.0.0.1:7104")]
    llm_url: Target,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    match program.command {
        None => run(program.serve).await,
        Some(Command::Serve(settings)) => run(settings).await,
        Some(Command::Openapi) => print(&openapi::document(mc_proto::descriptors())?),
        Some(Command::WsSchema) => print(&ws::frame::schema()),
    }
}

async fn run(serve: Serve) -> anyhow::Result<()> {
    config::check(&[&serve.settings, &serve.client, &serve.service, &serve.telemetry])?;
    let telemetry = telemetry::init("mc-gateway", &serve.telemetry)?;
    config::announce("mc-gateway", &serve);
    let (ambient, lifecycle) = (Ambient::system(), Lifecycle::new());
    lifecycle.stop_on_signals().context("listen for signals")?;

    let addresses = serve.addresses();
    let (key_file, _) = serve.service.files()?;
    let service = ServiceIdentity::load("gateway", key_file, ambient.clock.clone())?;
    let upstream = |name, target| Upstream::new(name, target, &serve.client, &lifecycle);
    let upstreams: Upstreams = [
        &upstream("identity", serve.identity_url),
        &upstream("registry", serve.registry_url),
        &upstream("tasks", serve.tasks_url),
        &upstream("llm", serve.llm_url),
    ]
    .into_iter()
    .collect();
    let edge = Edge::build(serve.settings, upstreams, service, ambient, &lifecycle)?;
    for address in addresses {
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        lifecycle.spawn("accept connections", mc_gateway::serve(edge.clone(), listener));
    }
    lifecycle.draining().cancelled().await;
    lifecycle.shutdown(serve.drain_grace).await;
    telemetry.flush();
    Ok(())
}

impl Serve {
    /// Where to listen: MC_LISTEN, else all addresses at PORT, else loopback alone.
    fn addresses(&self) -> Vec<SocketAddr> {
        match self.port {
            _ if !self.listen.is_empty() => self.listen.clone(),
            Some(port) => vec![SocketAddr::from(([0, 0, 0, 0], port))],
            None => vec![SocketAddr::from(([127, 0, 0, 1], PORT))],
        }
    }
}

fn print(document: &serde_json::Value) -> anyhow::Result<()> {
    std::io::stdout().write_all(openapi::text(document).as_bytes()).context("write the document")
}
