//! Asks a process on this machine whether it serves, by the protocol it speaks.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const PATIENCE: Duration = Duration::from_secs(2);

/// `Ok` if it serves; else why not. An address is `http://host:port` (the edge), `grpc:host:port`, `unix:/path`
/// (gRPC) or `host:port` (a server of somebody else's, which is asked for a connection alone).
pub(crate) async fn check(address: &str) -> anyhow::Result<()> {
    let asked = async {
        if address.starts_with("http://") {
            edge(address).await
        } else if let Some(path) = address.strip_prefix("unix:") {
            grpc(unix(path.into()).await?).await
        } else if let Some(address) = address.strip_prefix("grpc:") {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).context("read the address")?;
            grpc(endpoint.connect().await.context("connect")?).await
        } else {
            TcpStream::connect(address).await.map(drop).context("connect")
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.context("no answer within 2 s")?
}

async fn edge(url: &str) -> anyhow::Result<()> {
    let reply = reqwest::get(format!("{url}/readyz")).await.context("ask the edge")?;
    if !reply.status().is_success() {
        bail!("{} {}", reply.status().as_u16(), reply.text().await.unwrap_or_default().trim());
    }
    Ok(())
}

async fn unix(path: PathBuf) -> anyhow::Result<Channel> {
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    // The authority of a Unix socket is never resolved.
    let endpoint = Endpoint::from_static("http://localhost");
    endpoint.connect_with_connector(connector).await.context("connect")
}

async fn grpc(channel: Channel) -> anyhow::Result<()> {
    let request = HealthCheckRequest { service: String::new() };
    let reply = HealthClient::new(channel)
        .check(request)
        .await
        .map_err(|status| anyhow::anyhow!("{}", status.message()))?;
    match reply.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => bail!("{}", other.as_str_name().to_lowercase()),
    }
}
