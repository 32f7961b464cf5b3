//! Open watches must not make unary calls wait: the fault with one plain connection first, then the chassis' clients.

use std::time::{Duration, Instant};

use mc_chassis::Lifecycle;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_proto::tasks::v1::run_service_client::RunServiceClient;

use crate::support::{Name, Replica, get, open_watch, streams, unary, watch};

const LIMIT: u32 = 100;
const WATCHES: usize = 500;

fn limited() -> ServerSettings {
    ServerSettings { max_concurrent_streams: LIMIT, ..ServerSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_plain_connection_starves_unary_calls_once_its_streams_are_used_up() {
    let replica = Replica::start(limited()).await;
    let mut client = RunServiceClient::new(replica.plain().await);
    let mut open = Vec::new();
    for _ in 1..LIMIT {
        open.push(client.watch_run(watch("runs/1")).await.expect("watch"));
    }
    client.get_run(get("runs/1")).await.expect("the last stream is free");

    open.push(client.watch_run(watch("runs/1")).await.expect("watch"));
    let starved = tokio::time::timeout(Duration::from_millis(500), client.get_run(get("runs/1"))).await;
    starved.expect_err("the call waits for a stream, without an error and without a word");

    open.pop();
    client.get_run(get("runs/1")).await.expect("a stream was given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn unary_latency_stays_flat_with_500_watches_on_two_replicas_of_100_streams() {
    let (one, other) = (Replica::start(limited()).await, Replica::start(limited()).await);
    let lifecycle = Lifecycle::new();
    let upstream = Name::of(&[&one, &other]).upstream(&ClientSettings::default(), &lifecycle);
    let mut calls = unary(&upstream);
    let before = p99(&mut calls).await;

    let opening = (0..WATCHES).map(|_| {
        let mut client = streams(&upstream);
        async move { open_watch(&mut client).await }
    });
    let open = futures::future::join_all(opening).await;
    assert_eq!(open.len(), WATCHES);
    let shares = [&one, &other].map(|it| it.runs.watches.load(std::sync::atomic::Ordering::Relaxed));
    // Give or take a connection: while one is slow to open, its share goes elsewhere.
    assert!(
        shares.iter().all(|share| *share >= 2 * LIMIT as usize),
        "the replicas share the watches: {shares:?}"
    );

    let after = p99(&mut calls).await;
    // The figures are examples/watches.rs' business. Here: nothing waits for a stream, which would be for ever.
    assert!(after < before + Duration::from_millis(250), "p99 of unary calls: {before:?}, then {after:?}");
}

async fn p99(client: &mut RunServiceClient<mc_chassis::client::Channel>) -> Duration {
    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        client.get_run(get("runs/1")).await.expect("answers");
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}
