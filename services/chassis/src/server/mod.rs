//! Serving gRPC: health, reflection, callers, deadlines, load shed, panic containment, request ids, traces, drain.
//!
//! [`serve`] takes connections from its listeners until the lifecycle drains. What happens to one call stands in
//! `call.rs`, from top to bottom; what happens to one connection in `connection.rs`.

mod body;
mod call;
mod connection;
mod deadline;
pub(crate) mod grpc_timeout;
mod health;
mod listener;
mod memory;
mod method;
mod observe;
mod panic;
mod request_id;
mod shed;

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::Layer as _;

pub use health::Readiness;
pub use listener::Listener;
pub use memory::{MemoryLink, MemoryListener, memory};

use crate::auth::{Verifier, layer::AuthLayer};
use crate::config::{ServerSettings, Validate as _};
use crate::ids::Ids;
use crate::lifecycle::Lifecycle;

/// The largest message that is sent or taken, in bytes. tonic takes 4 MiB unless told: wrap every generated server and
/// client in [`sized!`](crate::sized).
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The largest metadata of a call that is taken, in bytes as HTTP/2 counts them: names, values, and 32 for each. A caller
/// token has its place in it many times over.
pub const MAX_METADATA_BYTES: u32 = 16 * 1024;

/// Sets the message size limits on a generated server or client: `sized!(TaskServiceServer::new(tasks))`.
#[macro_export]
macro_rules! sized {
    ($generated:expr) => {
        $generated
            .max_decoding_message_size($crate::server::MAX_MESSAGE_BYTES)
            .max_encoding_message_size($crate::server::MAX_MESSAGE_BYTES)
    };
}

/// A service that is built and waits to be served.
#[derive(Debug, Clone)]
pub struct Served {
    /// Short name: `tasks`, as in the package `missioncontrol.tasks.v1`.
    pub name: &'static str,
    /// Its gRPC services, each wrapped in [`sized!`](crate::sized).
    pub routes: Routes,
    /// Knows its callers.
    pub verifier: Arc<Verifier>,
    /// What health says while the service runs.
    pub readiness: Readiness,
    /// Makes request ids and jitter.
    pub ids: Ids,
}

/// Serves until the lifecycle drains and the calls in progress are done, or have had their grace.
///
/// On the way out: health says NOT_SERVING; after the drain delay the listeners close, connections are told to go away,
/// watches end with UNAVAILABLE and reason DRAINING, all other calls get to finish within the drain grace.
///
/// # Errors
/// A setting cannot work.
pub async fn serve(
    served: Served,
    settings: &ServerSettings,
    listeners: Vec<Listener>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    settings.validate().with_context(|| format!("check the settings of {}", served.name))?;
    anyhow::ensure!(!listeners.is_empty(), "{} has nothing to listen on: set MC_LISTEN", served.name);
    let ending = Ending { closing: CancellationToken::new(), cut: lifecycle.killed().child_token() };
    // Should this future be dropped, its connections go with it.
    let _cut_on_drop = ending.cut.clone().drop_guard();

    let health = health::Health::new(served.name, served.readiness.clone());
    let routes = health.add_to(served.routes).prepare();
    let calls = Arc::new(call::Calls::new(
        served.name,
        AuthLayer::new(served.verifier).layer(routes),
        settings,
        served.ids.clone(),
        ending.closing.clone(),
    ));
    let connections = TaskTracker::new();
    for listener in listeners {
        tracing::info!(service = served.name, address = %listener, "listening");
        let accept = connection::accept(
            listener,
            connection::Terms::new(settings, served.ids.clone(), lifecycle.work_executor()),
            calls.clone(),
            connections.clone(),
            ending.clone(),
        );
        lifecycle.spawn("accept connections", accept);
    }

    health.serve_until(&lifecycle.draining()).await;
    tracing::info!(service = served.name, connections = connections.len(), "draining");
    let _ = tokio::time::timeout(settings.drain_delay, ending.cut.cancelled()).await;
    ending.closing.cancel();
    connections.close();
    let drained = tokio::select! {
        () = connections.wait() => true,
        () = tokio::time::sleep(settings.drain_grace) => false,
        () = ending.cut.cancelled() => false,
    };
    if !drained {
        tracing::warn!(
            service = served.name,
            connections = connections.len(),
            "cutting what was not drained"
        );
        ending.cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// How a server ends: first it closes, then it cuts.
#[derive(Debug, Clone)]
struct Ending {
    /// Cancelled when no more calls are taken.
    closing: CancellationToken,
    /// Cancelled when the grace is over.
    cut: CancellationToken,
}
