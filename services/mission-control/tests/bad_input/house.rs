//! Every service behind the real edge, in this process: links over memory, a database of the test's own, a clock it moves.

use std::sync::Arc;

use mc_chassis::auth::testing::TestAuth;
use mc_chassis::auth::{Verifier, keys_of};
use mc_chassis::bus::Bus;
use mc_chassis::client::{Target, Upstream};
use mc_chassis::clock::{Clock, FixedClock, SystemClock};
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::server::{Listener, MemoryListener, Served, memory, serve};
use mc_chassis::testkit::{self, TestDatabase};
use mc_chassis::{Ambient, Lifecycle};
use tokio::net::TcpListener;

/// The fleet, and what the test needs of its inside.
pub(crate) struct House {
    pub(crate) ambient: Ambient,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) kit: TestDatabase,
    /// Makes callers that services take for other services.
    pub(crate) auth: TestAuth,
    pub(crate) llm: Upstream,
    /// `127.0.0.1:{port}` of the edge.
    pub(crate) address: String,
    _life: Lifecycle,
}

/// One service's place: how others call it, and where it takes those calls.
struct Line {
    upstream: Upstream,
    listener: MemoryListener,
}

impl House {
    pub(crate) async fn open() -> Self {
        mc_chassis::install_crypto();
        // The clock starts at the machine's time, because PostgreSQL has no other.
        let (ambient, clock) = Ambient::fixed(SystemClock.now(), 1);
        let auth = TestAuth::new(clock.clone());
        let schemas = [&mc_identity::SCHEMA, &mc_registry::SCHEMA, &mc_llm::SCHEMA, &mc_tasks::SCHEMA];
        let kit = testkit::database(&schemas).await;
        let life = Lifecycle::new();
        let line = |name: &'static str| {
            let (link, listener) = memory();
            let upstream = Upstream::new(name, Target::Memory(link), &ClientSettings::default(), &life);
            Line { upstream, listener }
        };
        let (identity, registry, llm, tasks) =
            (line("identity"), line("registry"), line("llm"), line("tasks"));
        let verifier = |audience: &'static str| {
            Verifier::new(audience, auth.trust(), keys_of(&identity.upstream), ambient.clock.clone())
        };

        let served = [
            mc_identity::build(
                &mc_identity::Settings::default(),
                mc_identity::Dependencies {
                    database: kit.login("identity", "api").await,
                    relay: kit.login("identity", "relay").await,
                    keys: mc_identity::KeyRing::parse(&format!("test:{}", "11".repeat(32))).expect("a key"),
                    trust: auth.trust(),
                    ambient: ambient.clone(),
                    lifecycle: life.clone(),
                },
            )
            .await
            .expect("build identity"),
            mc_registry::build(
                &mc_registry::Settings::default(),
                mc_registry::Dependencies {
                    database: kit.login("registry", "api").await,
                    verifier: verifier("registry"),
                    ambient: ambient.clone(),
                    lifecycle: life.clone(),
                },
            )
            .await
            .expect("build the registry"),
            mc_llm::build(
                &mc_llm::Settings { simulator_pace_percent: 0, ..mc_llm::Settings::default() },
                mc_llm::Dependencies {
                    database: kit.login("llm", "api").await,
                    identity: identity.upstream.clone(),
                    service: auth.service("llm"),
                    verifier: verifier("llm"),
                    egress: Egress::new(EgressPolicy::default()).expect("a client"),
                    ambient: ambient.clone(),
                    lifecycle: life.clone(),
                },
            ),
            mc_tasks::build(
                mc_tasks::Parts {
                    database: kit.login("tasks", "api").await,
                    registry: registry.upstream.clone(),
                    llm: llm.upstream.clone(),
                    identity: identity.upstream.clone(),
                    mails: true,
                    bus: Bus::local(),
                    verifier: verifier("tasks"),
                    ambient: ambient.clone(),
                },
                &life,
            ),
        ];
        let upstreams = [&identity, &registry, &llm, &tasks].map(|line| &line.upstream).into_iter().collect();
        let edge = mc_gateway::Edge::build(
            mc_gateway::Settings::default(),
            upstreams,
            auth.service("gateway"),
            ambient.clone(),
            &life,
        )
        .expect("the contract can be served");
        let llm_upstream = llm.upstream.clone();
        for (served, line) in served.into_iter().zip([identity, registry, llm, tasks]) {
            spawn(served, line.listener, &life);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        life.spawn("edge", mc_gateway::serve(edge, listener));
        Self { ambient, clock, kit, auth, llm: llm_upstream, address, _life: life }
    }
}

fn spawn(served: Served, listener: MemoryListener, life: &Lifecycle) {
    let (name, its_life) = (served.name, life.clone());
    life.spawn(name, async move {
        serve(served, &ServerSettings::default(), vec![Listener::Memory(listener)], &its_life).await
    });
}
