//! Limits at their edges: calls in progress, open streams, deadlines, sizes of messages and of metadata.

use std::time::Duration;

use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::error::reason;
use mc_chassis::server::{MAX_MESSAGE_BYTES, MAX_METADATA_BYTES};
use mc_chassis::{Failure, Lifecycle};
use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Replica, get, open_watch, streams, unary, watch};

fn reason_of(status: &Status) -> (Code, String) {
    let failure = Failure::from_status(status);
    (failure.code(), failure.reason().to_owned())
}

#[tokio::test]
async fn call_beyond_the_limit_is_refused_at_once_and_health_is_not() {
    let settings = ServerSettings { max_calls: 2, ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let mut client = unary(&upstream);
            lifecycle.spawn("call", async move { client.get_run(get("runs/gate")).await })
        })
        .collect();
    replica.runs.reached().await;
    replica.runs.reached().await;

    let refusal = unary(&upstream).get_run(get("runs/1")).await.expect_err("full");
    assert_eq!(reason_of(&refusal), (Code::Unavailable, reason::OVERLOADED.to_owned()));
    assert_eq!(Failure::from_status(&refusal).retry_delay(), Some(Duration::from_secs(1)));
    let mut health = HealthClient::new(upstream.unary());
    health.check(HealthCheckRequest { service: String::new() }).await.expect("health is always answered");

    replica.runs.gate.add_permits(2);
    for call in calls {
        call.await.expect("no panic").expect("answered");
    }
    unary(&upstream).get_run(get("runs/1")).await.expect("room again");
}

#[tokio::test]
async fn open_streams_have_a_limit_of_their_own() {
    let settings = ServerSettings { max_calls: 1, max_open_streams: 2, ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut client = streams(&upstream);
    let first = open_watch(&mut client).await;
    let _second = open_watch(&mut client).await;
    let refusal = client.watch_run(watch("runs/1")).await.expect_err("full");
    assert_eq!(reason_of(&refusal), (Code::Unavailable, reason::OVERLOADED.to_owned()));
    unary(&upstream).get_run(get("runs/1")).await.expect("open streams do not count as calls");

    drop(first);
    // The server hears of it after a while.
    while client.watch_run(watch("runs/1")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn default_deadline_ends_unary_calls_and_leaves_streams_alone() {
    let settings = ServerSettings { call_deadline: Duration::from_millis(50), ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut stream = open_watch(&mut streams(&upstream)).await;
    replica.runs.reached().await;
    // A plain client, which sets no deadline.
    let mut plain = RunServiceClient::new(replica.plain().await);
    let late = plain.get_run(get("runs/never")).await.expect_err("late");
    assert_eq!(reason_of(&late), (Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED.to_owned()));
    replica.runs.let_through();
    stream.message().await.expect("alive").expect("the second message");
}

#[tokio::test]
async fn message_of_16_mib_is_taken_and_one_byte_more_is_not() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    // A field of this length has five bytes of tag and length.
    let longest = MAX_MESSAGE_BYTES - 5;
    let mut client = RunServiceClient::new(upstream.unary());
    let reply = client.get_run(get(&"x".repeat(longest))).await.expect("taken");
    assert_eq!(reply.into_inner().run.expect("run").steps as usize, longest);
    let refusal = client.get_run(get(&"x".repeat(longest + 1))).await.expect_err("too large");
    assert_eq!(refusal.code(), Code::OutOfRange);
    // A client that knows the limit does not even send it.
    let refusal = unary(&upstream).get_run(get(&"x".repeat(longest + 1))).await.expect_err("too large");
    assert_eq!(refusal.code(), Code::OutOfRange);
}

#[tokio::test]
async fn metadata_within_the_limit_is_taken_and_beyond_it_fails_its_call_alone() {
    let replica = Replica::start(ServerSettings::default()).await;
    let mut client = RunServiceClient::new(replica.plain().await);
    let with = |bytes: u32| {
        let mut request = get("runs/1");
        let value = "x".repeat(bytes as usize).parse().expect("ASCII");
        request.metadata_mut().insert("x-large", value);
        request
    };
    // The call's own headers and its token take a part of it.
    client.get_run(with(MAX_METADATA_BYTES - 4 * 1024)).await.expect("taken");
    let call = tokio::time::timeout(Duration::from_secs(10), client.get_run(with(MAX_METADATA_BYTES)));
    call.await.expect("at once").expect_err("too large");
    client.get_run(get("runs/1")).await.expect("the connection lives");
}
