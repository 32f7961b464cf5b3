//! `/healthz`: the process answers. `/readyz`: so do the services behind it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::join_all;
use http::StatusCode;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::Request;

use super::Edge;
use crate::upstream::{self, Upstream};

/// How long one service may take to say that it serves.
const PATIENCE: Duration = Duration::from_secs(2);

/// Always well, as long as anything is answered at all.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Well when every service behind the edge says SERVING, and the edge is not stopping.
pub(super) async fn ready(State(edge): State<Arc<Edge>>) -> Response {
    let checks = edge.upstreams.iter().map(async |(name, upstream)| (name.to_owned(), state(upstream).await));
    let mut states: BTreeMap<String, &str> = join_all(checks).await.into_iter().collect();
    if edge.lifecycle.draining().is_cancelled() {
        states.insert("gateway".to_owned(), "DRAINING");
    }
    let ready = states.values().all(|state| *state == "SERVING");
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(states)).into_response()
}

/// Asks `grpc.health.v1.Health/Check` about the service as a whole.
async fn state(upstream: &Upstream) -> &'static str {
    let mut request = Request::new(Bytes::new());
    request.set_timeout(PATIENCE);
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let check = upstream::unary(upstream.unary.clone(), path, request);
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(reply)) => match Check::decode(reply.into_inner()) {
            Ok(Check { status: 1 }) => "SERVING",
            _ => "NOT_SERVING",
        },
        _ => "UNREACHABLE",
    }
}

/// `grpc.health.v1.HealthCheckResponse`; 1 is SERVING.
#[derive(Clone, Copy, PartialEq, Message)]
struct Check {
    #[prost(int32, tag = "1")]
    status: i32,
}
