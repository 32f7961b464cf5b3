//! The edge over HTTP: what stands at which path, and what every request passes through on its way.

mod answer;
mod context;
mod cors;
mod health;
mod serve;
mod sse;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use http::header::CONTENT_TYPE;
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::{Ambient, Lifecycle};

pub use answer::MAX_BODY_BYTES;
pub use context::RequestContext;
pub(crate) use context::is_traceparent;
pub use cors::{NotAnOrigin, Origin, Origins, TAURI_ORIGINS};
pub use serve::serve;

use crate::auth::Authenticator;
use crate::openapi;
use crate::settings::Settings;
use crate::transcode::call::Transcoder;
use crate::upstream::Upstreams;
use crate::ws;

/// Everything that a request may need.
#[derive(Debug)]
pub struct Edge {
    /// What the edge was told.
    pub settings: Settings,
    /// Serves the RPCs.
    pub transcoder: Transcoder,
    /// Knows the callers.
    pub auth: Arc<Authenticator>,
    /// The services behind it.
    pub upstreams: Upstreams,
    /// Time and ids.
    pub ambient: Ambient,
    /// Tasks, and when to stop.
    pub lifecycle: Lifecycle,
    openapi: String,
}

impl Edge {
    /// Builds the edge of the contract.
    ///
    /// # Errors
    /// An annotation cannot be served, or a service has no upstream.
    pub fn build(
        settings: Settings,
        upstreams: Upstreams,
        service: ServiceIdentity,
        ambient: Ambient,
        lifecycle: &Lifecycle,
    ) -> Result<Arc<Self>> {
        let pool = mc_proto::descriptors();
        let identity = upstreams.of_package("missioncontrol.identity.v1")?.unary.clone();
        let auth = Arc::new(Authenticator::new(identity, service, ambient.clock.clone()));
        let transcoder = Transcoder::new(pool, &upstreams, auth.clone(), settings.call_deadline)?;
        let openapi = openapi::text(&openapi::document(pool)?);
        let lifecycle = lifecycle.clone();
        Ok(Arc::new(Self { settings, transcoder, auth, upstreams, ambient, lifecycle, openapi }))
    }

    /// The paths. RPCs stand behind the fallback: their routes are the contract's.
    pub fn router(self: Arc<Self>) -> Router {
        let cors = self.settings.origins.layer();
        Router::new()
            .route("/healthz", get(health::live))
            .route("/readyz", get(health::ready))
            .route("/openapi.json", get(openapi_document))
            .route("/v1/ws", any(ws::upgrade))
            .fallback(answer::answer)
            .layer(axum::middleware::from_fn(context::contain_panics))
            .layer(cors)
            .layer(axum::middleware::from_fn_with_state(self.clone(), context::around))
            .with_state(self)
    }
}

async fn openapi_document(State(edge): State<Arc<Edge>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], edge.openapi.clone())
}
