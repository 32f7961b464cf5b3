//! Following replicas: how calls are shared, and what happens when a replica leaves, returns, ages or says nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mc_chassis::client::Upstream;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::error::reason;
use mc_chassis::telemetry::CallContext;
use mc_chassis::{Failure, Lifecycle};
use tokio::time::Instant;
use tonic::Code;

use crate::support::{Name, Replica, get, open_watch, streams, unary, watch};

#[tokio::test]
async fn replicas_share_unary_calls_evenly() {
    let (one, other) =
        (Replica::start(ServerSettings::default()).await, Replica::start(ServerSettings::default()).await);
    let lifecycle = Lifecycle::new();
    let upstream = Name::of(&[&one, &other]).upstream(&ClientSettings::default(), &lifecycle);
    let mut client = unary(&upstream);
    for _ in 0..200 {
        client.get_run(get("runs/1")).await.expect("answers");
    }
    let shares = [&one, &other].map(|it| it.runs.answered.load(Ordering::Relaxed));
    // The first calls go to whichever is connected first.
    assert!(shares.iter().all(|share| (80..=120).contains(share)), "{shares:?}");
}

#[tokio::test]
async fn replica_that_returns_at_another_address_is_followed() {
    let first = Replica::start(ServerSettings::default()).await;
    let name = Name::of(&[&first]);
    let lifecycle = Lifecycle::new();
    // The clock never makes it look: only the lost connection does.
    let settings = ClientSettings { resolve_interval: Duration::from_hours(1), ..ClientSettings::default() };
    let upstream = name.upstream(&settings, &lifecycle);
    let mut client = unary(&upstream);
    client.get_run(get("runs/1")).await.expect("answers");

    first.stop().await;
    let second = Replica::start(ServerSettings::default()).await;
    name.set(vec![second.address]);
    client.get_run(get("runs/1")).await.expect("answers at its new address");
    assert_eq!(second.runs.answered.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_replicas_are_replaced_one_by_one() {
    let mut replicas = Vec::new();
    for _ in 0..2 {
        replicas.push(Replica::start(ServerSettings::default()).await);
    }
    let name = Name::of(&replicas.iter().collect::<Vec<_>>());
    let lifecycle = Lifecycle::new();
    let settings =
        ClientSettings { resolve_interval: Duration::from_millis(50), ..ClientSettings::default() };
    let upstream = name.upstream(&settings, &lifecycle);

    let done = tokio_util::sync::CancellationToken::new();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, done) = (unary(&upstream), done.clone());
            lifecycle.spawn("caller", async move {
                let mut calls = 0;
                while !done.is_cancelled() {
                    client.get_run(get("runs/1")).await.expect("no call fails");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for _ in 0..4 {
        let new = Replica::start(ServerSettings::default()).await;
        let old = std::mem::replace(&mut replicas[0], new);
        replicas.rotate_left(1);
        name.set(replicas.iter().map(|replica| replica.address).collect());
        // It has served calls before it goes.
        while replicas[1].runs.answered.load(Ordering::Relaxed) < 100 {
            tokio::task::yield_now().await;
        }
        old.stop().await;
    }
    done.cancel();
    for caller in callers {
        assert!(caller.await.expect("no call failed") > 0);
    }
}

#[tokio::test]
async fn address_that_accepts_and_says_nothing_holds_up_no_call() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let replica = Replica::start(ServerSettings::default()).await;
    let name = Name::default();
    name.set(vec![mute.local_addr().expect("address"), replica.address]);
    let lifecycle = Lifecycle::new();
    let settings = ClientSettings { connect_timeout: Duration::from_secs(30), ..ClientSettings::default() };
    let upstream = name.upstream(&settings, &lifecycle);
    let mut client = unary(&upstream);
    let calls = async {
        for _ in 0..50 {
            client.get_run(get("runs/1")).await.expect("answers");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), calls).await.expect("no call waits for the mute one");
}

#[tokio::test]
async fn server_that_grants_fewer_streams_than_we_would_take_refuses_none() {
    let settings = ServerSettings { max_concurrent_streams: 3, ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let opening = (0..30).map(|_| {
        let mut client = streams(&upstream);
        async move { open_watch(&mut client).await }
    });
    let open = tokio::time::timeout(Duration::from_secs(10), futures::future::join_all(opening)).await;
    assert_eq!(open.expect("none waits for ever").len(), 30);
}

#[tokio::test]
async fn aged_connection_is_replaced_and_its_watch_goes_on() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let settings = ClientSettings { connection_age: Duration::from_millis(20), ..ClientSettings::default() };
    let upstream = replica.upstream(&settings, &lifecycle);
    let mut client = streams(&upstream);
    let mut stream = open_watch(&mut client).await;
    replica.runs.reached().await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(200) {
        drop(open_watch(&mut client).await);
        unary(&upstream).get_run(get("runs/1")).await.expect("answers");
    }
    replica.runs.gate.add_permits(1_000);
    stream.message().await.expect("alive").expect("the second message");
}

#[tokio::test]
async fn connections_come_with_the_watches_and_go_with_them() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let settings = ClientSettings {
        streams_per_connection: 10,
        idle: Duration::from_millis(1),
        resolve_interval: Duration::from_millis(10),
        ..ClientSettings::default()
    };
    let upstream = replica.upstream(&settings, &lifecycle);
    let mut client = streams(&upstream);
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(open_watch(&mut client).await);
    }
    assert_eq!(upstream.connections(), (0, 3), "no more than are needed");
    open.clear();
    while upstream.connections() != (0, 1) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn reader_that_is_slow_delays_nobody_else_on_its_connection() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut client = streams(&upstream);
    let mut slow = Vec::new();
    for _ in 0..90 {
        let mut stream = client.watch_run(watch("runs/flood")).await.expect("watch").into_inner();
        stream.message().await.expect("message").expect("the first of many");
        slow.push(stream);
    }
    let mut quick = open_watch(&mut client).await;
    replica.runs.let_through();
    let second = tokio::time::timeout(Duration::from_secs(10), quick.message()).await;
    second.expect("not held back").expect("message").expect("the second message");
    assert_eq!(upstream.connections(), (0, 1), "all on one connection");
}

#[tokio::test]
async fn call_inherits_deadline_and_request_id_of_the_call_that_it_is_made_for() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let call =
        |left: Duration| CallContext { request_id: "outer-1".into(), deadline: Some(Instant::now() + left) };
    let reply = call(Duration::from_secs(10)).scope(unary(&upstream).get_run(get("runs/1"))).await;
    assert_eq!(reply.expect("answers").into_inner().run.expect("run").summary, "outer-1");

    let outer = call(Duration::from_millis(50));
    let late = outer.scope(unary(&upstream).get_run(get("runs/never"))).await.expect_err("late");
    assert_eq!(late.code(), Code::DeadlineExceeded);

    let mut own = get("runs/never");
    own.set_timeout(Duration::from_millis(50));
    let late = unary(&upstream).get_run(own).await.expect_err("late");
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn service_that_stays_away_is_waited_for_once_and_found_when_it_returns() {
    let lifecycle = Lifecycle::new();
    let (link, listener) = mc_chassis::server::memory();
    drop(listener);
    let target = mc_chassis::client::Target::Memory(link);
    let settings = ClientSettings::default();
    let upstream = Upstream::new("tasks", target, &settings, &lifecycle);
    let mut client = unary(&upstream);

    let begun = Instant::now();
    let failure = Failure::from_status(&client.get_run(get("runs/1")).await.expect_err("away"));
    assert_eq!((failure.code(), failure.reason()), (Code::Unavailable, reason::UPSTREAM_UNAVAILABLE));
    assert_eq!(begun.elapsed().as_secs(), settings.connect_patience.as_secs());

    let begun = Instant::now();
    client.get_run(get("runs/1")).await.expect_err("still away");
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}
