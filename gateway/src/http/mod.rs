//! The edge over HTTP: what stands at which path, and what every request passes through on its way.

mod answer;
mod client;
mod context;
mod cors;
mod head;
mod health;
mod pages;
mod pieces;
mod serve;
mod sse;
mod web;

use std::sync::Arc;

use anyhow::Result;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Extension, Router};
use http::Response;
use http::header::{ALLOW, CONTENT_TYPE};
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::{Ambient, Lifecycle};

pub use answer::{BODY_PATIENCE, MAX_BODY_BYTES};
pub use context::RequestContext;
pub(crate) use context::is_traceparent;
pub use cors::{NotAnOrigin, Origin, Origins, TAURI_ORIGINS};
pub use head::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET_BYTES};
pub use pages::Pages;
pub use serve::{HEAD_PATIENCE, serve};
pub(crate) use web::INDEX;

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
    /// Pages that may call.
    pub pages: Pages,
    web: web::Web,
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
        let transcoder =
            Transcoder::new(pool, &upstreams, auth.clone(), settings.call_deadline, settings.requests)?;
        let openapi = openapi::text(&openapi::document(pool)?);
        let lifecycle = lifecycle.clone();
        let pages = Pages::new(settings.origins.clone(), settings.public_url.clone());
        let web = web::Web::new(settings.web_dir.as_deref());
        Ok(Arc::new(Self { settings, transcoder, auth, upstreams, ambient, lifecycle, pages, web, openapi }))
    }

    /// The paths. RPCs and the web app stand behind the fallback: their routes are the contract's and the build's.
    pub fn router(self: Arc<Self>) -> Router {
        let cors = cors::layer(self.pages.clone());
        Router::new()
            .route("/healthz", get(health::live))
            .route("/readyz", get(health::ready))
            .route("/openapi.json", get(openapi_document))
            .route("/v1/ws", any(ws::upgrade))
            .fallback(elsewhere)
            .layer(axum::middleware::from_fn(context::contain_panics))
            .layer(axum::middleware::from_fn_with_state(self.clone(), pages::guard))
            .layer(cors)
            .layer(axum::middleware::from_fn_with_state(self.clone(), context::around))
            .with_state(self)
    }
}

async fn openapi_document(State(edge): State<Arc<Edge>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], edge.openapi.clone())
}

/// Whatever no fixed route answers: a page or file of the web app, or an RPC.
async fn elsewhere(
    State(edge): State<Arc<Edge>>,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Response<Body> {
    let outcome = if edge.web.owns(request.uri().path()) {
        edge.web.answer(request, &edge.pages).await
    } else {
        answer::answer(&edge, &context, request).await
    };
    outcome.unwrap_or_else(|failure| {
        let mut response = context.problem(&failure);
        if let Some(allow) = failure.metadata().get("allow").and_then(|allow| allow.parse().ok()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    })
}
