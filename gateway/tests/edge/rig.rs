//! An edge that listens on loopback, with everything behind it under the test's control.

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::auth::{ServiceIdentity, SigningKey};
use mc_chassis::clock::FixedClock;
use mc_chassis::{Ambient, Lifecycle};
use mc_gateway::{Edge, Settings, serve};
use time::macros::datetime;
use tokio::net::TcpListener;

use crate::fake::Fake;

pub(crate) const BEARER: &str = "mc_pat_test";

pub(crate) struct Rig {
    pub(crate) fake: Fake,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        mc_chassis::install_crypto();
        let fake = Fake::new();
        let lifecycle = Lifecycle::new();
        let (ambient, clock) = Ambient::fixed(datetime!(2026-11-23 08:00 UTC), 1);
        let service = ServiceIdentity::new("gateway", SigningKey::from_seed([7; 32]), ambient.clock.clone());
        let edge = Edge::build(settings, fake.upstreams(), service, ambient, &lifecycle)
            .expect("the contract can be served");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        lifecycle.spawn("edge", serve(edge, listener));
        Self { fake, clock, lifecycle, address, http: reqwest::Client::new() }
    }

    /// A request with a bearer.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("method");
        self.http.request(method, format!("http://{}{path}", self.address)).bearer_auth(BEARER)
    }

    /// A GET: status and JSON.
    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        json(self.request("GET", path)).await
    }
}

/// Sends a request; answers with status and JSON.
pub(crate) async fn json(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.expect("answered");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// Waits for something that a task of the edge is about to do.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to pass: {what}");
}
