//! The edge in front of the chassis' own servers and channels: real tokens, real permissions, health and restarts.

use std::time::Duration;

use mc_chassis::auth::testing::TestAuth;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::server::{Listener, MemoryLink, Readiness, Served, memory, serve};
use mc_chassis::{Ambient, Lifecycle};
use mc_gateway::{Edge, Settings};
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::fake::{Fake, Script, event};
use crate::rig::{BEARER, json as send, until};

const WORKSPACE: &str = "00000000-0000-0000-0000-000000000002";

struct Fleet {
    fake: Fake,
    tasks: Lifecycle,
    tasks_ready: Readiness,
    address: String,
    http: reqwest::Client,
}

impl Fleet {
    async fn start() -> Self {
        mc_chassis::install_crypto();
        let (ambient, clock) = Ambient::fixed(datetime!(2026-11-23 08:00 UTC), 1);
        let auth = TestAuth::new(clock);
        let fake = Fake::new();
        *fake.0.tokens.lock().expect("lock") = Some(auth.clone());
        let (lifecycle, tasks, tasks_ready) = (Lifecycle::new(), Lifecycle::new(), Readiness::default());
        let run = |name, routes, readiness, life: &Lifecycle| {
            let ids = ambient.ids.clone();
            start(Served { name, routes, verifier: auth.verifier(name), readiness, ids }, life)
        };
        let [of_identity, of_registry, of_tasks] = fake.routes();
        let links = [
            ("identity", run("identity", of_identity, Readiness::default(), &lifecycle)),
            ("registry", run("registry", of_registry, Readiness::default(), &lifecycle)),
            ("tasks", run("tasks", of_tasks, tasks_ready.clone(), &tasks)),
            ("llm", run("llm", Routes::default(), Readiness::default(), &lifecycle)),
        ];
        let client =
            ClientSettings { connect_patience: Duration::from_millis(100), ..ClientSettings::default() };
        let upstream = |(name, link)| Upstream::new(name, Target::Memory(link), &client, &lifecycle);
        let upstreams: Vec<Upstream> = links.into_iter().map(upstream).collect();
        let service = auth.service("gateway");
        let edge = Edge::build(Settings::default(), upstreams.iter().collect(), service, ambient, &lifecycle);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        lifecycle.spawn("edge", mc_gateway::serve(edge.expect("the contract can be served"), listener));
        Self { fake, tasks, tasks_ready, address, http: reqwest::Client::new() }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.http.request(method.parse().expect("method"), url).bearer_auth(BEARER)
    }
}

fn start(served: Served, lifecycle: &Lifecycle) -> MemoryLink {
    let (link, listener) = memory();
    let life = lifecycle.clone();
    lifecycle.spawn(served.name, async move {
        serve(served, &ServerSettings::default(), vec![Listener::Memory(listener)], &life).await
    });
    link
}

#[tokio::test]
async fn services_verify_the_callers_that_the_edge_brings() {
    let fleet = Fleet::start().await;
    let agents = format!("/v1/workspaces/{WORKSPACE}/agents");
    let (status, body) = send(fleet.request("GET", &format!("{agents}/a"))).await;
    assert_eq!((status, body["agent"]["etag"].as_str()), (200, Some("e1")), "a viewer reads");
    let (status, problem) = send(fleet.request("POST", &agents).json(&json!({"displayName": "A"}))).await;
    assert_eq!((status, problem["reason"].as_str()), (403, Some("PERMISSION_DENIED")), "and does not write");
    assert_eq!(problem["metadata"]["permission"], "registry.agent.write");
}

#[tokio::test]
async fn edge_is_ready_when_its_services_are() {
    let fleet = Fleet::start().await;
    let (status, states) = send(fleet.request("GET", "/readyz")).await;
    let all = json!({"identity": "SERVING", "llm": "SERVING", "registry": "SERVING", "tasks": "SERVING"});
    assert_eq!((status, states), (200, all));
    fleet.tasks_ready.set(false);
    let mut answer: (u16, Value) = (200, Value::Null);
    for _ in 0..200 {
        answer = send(fleet.request("GET", "/readyz")).await;
        if answer.0 == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((answer.0, answer.1["tasks"].as_str()), (503, Some("NOT_SERVING")));
}

#[tokio::test]
async fn watch_of_a_stopping_service_ends_with_a_problem_and_calls_to_it_are_worth_a_retry() {
    let fleet = Fleet::start().await;
    let run = format!("workspaces/{WORKSPACE}/runs/r");
    fleet.fake.script(&run).send_replace(Script { updates: vec![event(1)], ended: false });
    let watch = fleet.request("GET", &format!("/v1/{run}:watch")).send().await.expect("answered");
    assert_eq!(watch.status(), 200);
    let stop = async {
        until("the watch is open", || !fleet.fake.0.watches.lock().expect("lock").is_empty()).await;
        fleet.tasks.shutdown(Duration::from_secs(5)).await
    };
    let (text, _) = tokio::join!(watch.text(), stop);
    let text = text.expect("text");
    assert!(text.contains("event: error\n") && text.contains("\"status\":503"), "{text}");

    let response = fleet.request("GET", &format!("/v1/{run}")).send().await.expect("answered");
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
}
