//! One suite for both transports: order, limits, slow consumers, cut connections and outages.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

use super::*;
use crate::ids::Ambient;
use crate::testkit::{self, TestDatabase};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Postgres,
    Redis,
}

/// A server behind a proxy that can be cut and closed, and any number of processes on it.
struct World {
    kind: Kind,
    url: Url,
    proxy: Proxy,
    namespace: String,
    lifecycle: Lifecycle,
    kit: TestDatabase,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let kit = testkit::database(&[]).await;
        let url = match kind {
            Kind::Postgres => kit.admin_url(),
            Kind::Redis => std::env::var("MC_TEST_REDIS_URL").expect(
                "MC_TEST_REDIS_URL is not set: run tests with `./mc test`, which starts a Redis for them",
            ),
        };
        let url = Url::parse(&url).unwrap();
        let lifecycle = Lifecycle::new();
        let port = url.port().unwrap_or(if kind == Kind::Redis { 6379 } else { 5432 });
        let proxy = Proxy::start(format!("{}:{port}", url.host_str().unwrap()), &lifecycle).await;
        let namespace = Ambient::system().ids.secret("test");
        Self { kind, url, proxy, namespace, lifecycle, kit }
    }

    fn bus_at(&self, url: &Url) -> Bus {
        match self.kind {
            Kind::Postgres => Bus::postgres(url.as_str(), &self.namespace, &self.lifecycle).unwrap(),
            Kind::Redis => Bus::redis(url.as_str(), &self.namespace, &self.lifecycle).unwrap(),
        }
    }

    /// A process whose connections can be cut.
    async fn bus(&self) -> Bus {
        let mut url = self.url.clone();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.proxy.address.port())).unwrap();
        let bus = self.bus_at(&url);
        until(|| bus.healthy()).await;
        bus
    }

    /// A process whose connections stay.
    async fn steady_bus(&self) -> Bus {
        let bus = self.bus_at(&self.url);
        until(|| bus.healthy()).await;
        bus
    }
}

struct Proxy {
    address: SocketAddr,
    /// Even: open. Odd: closed. Every change cuts all connections.
    turn: watch::Sender<u32>,
    /// Whether connections stand but nothing passes, as behind a router that has forgotten them.
    frozen: watch::Sender<bool>,
}

impl Proxy {
    async fn start(server: String, lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (turn, turned) = watch::channel(0);
        let (frozen, freezing) = watch::channel(false);
        let tasks = lifecycle.clone();
        lifecycle.spawn_background("proxy", async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (mut turned, mut freezing) = (turned.clone(), freezing.clone());
                if *turned.borrow_and_update() % 2 == 1 {
                    continue;
                }
                let mut server = TcpStream::connect(&server).await.unwrap();
                tasks.spawn_background("proxied", async move {
                    let frozen = async {
                        let _ = freezing.wait_for(|frozen| *frozen).await;
                    };
                    tokio::select! {
                        biased;
                        _ = turned.changed() => {}
                        () = frozen => drop(turned.changed().await),
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                    }
                });
            }
        });
        Self { address, turn, frozen }
    }

    fn cut(&self) {
        self.turn.send_modify(|turn| *turn += 2);
    }

    fn close(&self) {
        self.turn.send_modify(|turn| *turn += 1);
    }

    fn open(&self) {
        self.turn.send_modify(|turn| *turn += 1);
    }
}

/// Waits for what must become true. nextest's time limit ends it where it does not.
async fn until(mut fact: impl FnMut() -> bool) {
    while !fact() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The first signal that is no gap.
async fn past_gaps(subscription: &mut Subscription) -> Signal {
    loop {
        let signal = subscription.next().await;
        if signal != Signal::Gap {
            return signal;
        }
    }
}

fn message(text: impl Into<String>) -> Signal {
    Signal::Message(text.into().into())
}

macro_rules! conformance {
    ($($fact:ident),+ $(,)?) => {
        mod over_postgres {
            $(#[tokio::test] async fn $fact() { super::$fact(super::World::new(super::Kind::Postgres).await).await })+
        }
        mod over_redis {
            $(#[tokio::test] async fn $fact() { super::$fact(super::World::new(super::Kind::Redis).await).await })+
        }
    };
}

conformance!(
    every_subscriber_in_every_process_gets_every_message_in_order,
    topics_and_namespaces_do_not_mix,
    equal_messages_all_arrive,
    a_payload_of_the_limit_arrives_and_one_byte_more_is_refused,
    a_slow_consumer_gets_a_gap_and_then_what_follows,
    a_cut_connection_comes_back_with_a_gap,
    a_publisher_who_could_not_send_says_so_when_it_can,
    a_subscription_made_during_an_outage_starts_with_a_gap,
    publishing_into_an_outage_takes_no_time,
    a_connection_that_stands_but_carries_nothing_is_replaced,
    a_dropped_subscription_is_forgotten,
);

async fn every_subscriber_in_every_process_gets_every_message_in_order(world: World) {
    let (here, there) = (world.bus().await, world.steady_bus().await);
    let mut subscriptions =
        [here.subscribe("runs/1").await, here.subscribe("runs/1").await, there.subscribe("runs/1").await];
    for number in 0..QUEUE_MAX {
        here.publish("runs/1", &number.to_string()).unwrap();
    }
    for subscription in &mut subscriptions {
        for number in 0..QUEUE_MAX {
            assert_eq!(subscription.next().await, message(number.to_string()));
        }
    }
}

async fn topics_and_namespaces_do_not_mix(world: World) {
    let bus = world.bus().await;
    let mut one = bus.subscribe("runs/1").await;
    let mut two = bus.subscribe("runs/2").await;
    let foreign = World { namespace: "other".to_owned(), ..world };
    foreign.steady_bus().await.publish("runs/1", "foreign").unwrap();
    bus.publish("runs/2", "for two\nlines").unwrap();
    bus.publish("runs/1", "").unwrap();
    assert_eq!(one.next().await, message(""));
    assert_eq!(two.next().await, message("for two\nlines"));
}

async fn equal_messages_all_arrive(world: World) {
    let bus = world.bus().await;
    let mut subscription = bus.subscribe("ready").await;
    for _ in 0..100 {
        bus.publish("ready", "x").unwrap();
    }
    for _ in 0..100 {
        assert_eq!(subscription.next().await, message("x"));
    }
}

async fn a_payload_of_the_limit_arrives_and_one_byte_more_is_refused(world: World) {
    let bus = world.bus().await;
    let (topic, payload) = ("t".repeat(TOPIC_MAX), "ü".repeat(PAYLOAD_MAX / 2));
    let mut subscription = bus.subscribe(&topic).await;
    bus.publish(&topic, &payload).unwrap();
    assert_eq!(subscription.next().await, message(payload.as_str()));
    assert_eq!(bus.publish(&topic, &(payload + "x")), Err(PublishError::TooLong(PAYLOAD_MAX + 1)));
    for bad in ["", "two\nlines", &"t".repeat(TOPIC_MAX + 1)] {
        assert_eq!(bus.publish(bad, "x"), Err(PublishError::Topic(bad.to_owned())));
    }
}

async fn a_slow_consumer_gets_a_gap_and_then_what_follows(world: World) {
    let bus = world.bus().await;
    let (mut slow, mut quick) = (bus.subscribe("runs/1").await, bus.subscribe("runs/1").await);
    for number in 0..=QUEUE_MAX {
        bus.publish("runs/1", &number.to_string()).unwrap();
        assert_eq!(quick.next().await, message(number.to_string()));
    }
    assert_eq!(slow.next().await, Signal::Gap);
    assert_eq!(slow.next().await, message(QUEUE_MAX.to_string()));
}

async fn a_cut_connection_comes_back_with_a_gap(world: World) {
    let (bus, other) = (world.bus().await, world.steady_bus().await);
    let mut subscription = bus.subscribe("runs/1").await;
    for round in 0..3 {
        world.proxy.cut();
        assert_eq!(subscription.next().await, Signal::Gap);
        other.publish("runs/1", &format!("after cut {round}")).unwrap();
        assert_eq!(subscription.next().await, message(format!("after cut {round}")));
    }
}

async fn a_publisher_who_could_not_send_says_so_when_it_can(world: World) {
    let (bus, other) = (world.bus().await, world.steady_bus().await);
    let mut subscription = other.subscribe("runs/1").await;
    bus.publish("runs/1", "before").unwrap();
    assert_eq!(subscription.next().await, message("before"));
    world.proxy.close();
    until(|| !bus.healthy()).await;
    let lost = || bus.pump.as_ref().unwrap().lost();
    let lost_before = lost();
    bus.publish("runs/1", "lost").unwrap();
    // One failure may be of an attempt that was under way; the next one took the message with it.
    until(|| lost() >= lost_before + 2).await;
    assert!(!bus.healthy());
    world.proxy.open();
    assert_eq!(subscription.next().await, Signal::Gap);
    until(|| bus.healthy()).await;
    bus.publish("runs/1", "after").unwrap();
    assert_eq!(past_gaps(&mut subscription).await, message("after"));
}

async fn a_subscription_made_during_an_outage_starts_with_a_gap(world: World) {
    let (bus, other) = (world.bus().await, world.steady_bus().await);
    world.proxy.close();
    until(|| !bus.healthy()).await;
    let mut subscription = bus.subscribe("runs/1").await;
    other.publish("runs/1", "missed").unwrap();
    world.proxy.open();
    assert_eq!(subscription.next().await, Signal::Gap);
    other.publish("runs/1", "heard").unwrap();
    assert_eq!(subscription.next().await, message("heard"));
}

async fn publishing_into_an_outage_takes_no_time(world: World) {
    let bus = world.bus().await;
    world.proxy.close();
    until(|| !bus.healthy()).await;
    // Ten times what the queue holds, without one await.
    let payload = "x".repeat(PAYLOAD_MAX);
    for _ in 0..40_960 {
        bus.publish("runs/1", &payload).unwrap();
    }
}

async fn a_connection_that_stands_but_carries_nothing_is_replaced(world: World) {
    let (bus, other) = (world.bus().await, world.steady_bus().await);
    let mut subscription = bus.subscribe("runs/1").await;
    world.proxy.frozen.send_replace(true);
    bus.publish("runs/1", "into the void").unwrap();
    until(|| !bus.healthy()).await;
    world.proxy.frozen.send_replace(false);
    assert_eq!(subscription.next().await, Signal::Gap);
    other.publish("runs/1", "after").unwrap();
    assert_eq!(past_gaps(&mut subscription).await, message("after"));
}

async fn a_dropped_subscription_is_forgotten(world: World) {
    let bus = world.bus().await;
    let (first, mut second) = (bus.subscribe("runs/1").await, bus.subscribe("runs/1").await);
    drop(first);
    bus.publish("runs/1", "still heard").unwrap();
    assert_eq!(second.next().await, message("still heard"));
    drop(second);
    assert!(bus.hub.channels().is_empty());
    let mut again = bus.subscribe("runs/1").await;
    bus.publish("runs/1", "again").unwrap();
    assert_eq!(again.next().await, message("again"));
}

#[tokio::test]
async fn a_backend_that_is_terminated_is_replaced() {
    let world = World::new(Kind::Postgres).await;
    let bus = world.bus().await;
    let mut subscription = bus.subscribe("runs/1").await;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mc bus' AND datname = $1")
        .bind(world.kit.name())
        .execute(&world.kit.admin())
        .await
        .unwrap();
    assert_eq!(subscription.next().await, Signal::Gap);
    bus.publish("runs/1", "after").unwrap();
    assert_eq!(past_gaps(&mut subscription).await, message("after"));
}

#[tokio::test]
async fn a_local_bus_behaves_the_same_without_any_server() {
    let bus = Bus::local();
    let mut subscription = bus.subscribe("runs/1").await;
    bus.publish("runs/1", "x").unwrap();
    assert_eq!(subscription.next().await, message("x"));
    for _ in 0..=QUEUE_MAX {
        bus.publish("runs/1", "y").unwrap();
    }
    assert_eq!(subscription.next().await, Signal::Gap);
    assert!(bus.healthy());
}

#[tokio::test]
async fn an_unusable_url_is_refused_and_tls_is_understood() {
    let lifecycle = Lifecycle::new();
    crate::install_crypto();
    assert!(Bus::redis("rediss://user:password@127.0.0.1:1", "test", &lifecycle).is_ok());
    assert!(Bus::redis("http://127.0.0.1", "test", &lifecycle).is_err());
    assert!(Bus::postgres("redis://127.0.0.1", "test", &lifecycle).is_err());
}
