//! How a server stops.

use std::time::Duration;

use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::error::reason;
use mc_chassis::{Failure, Lifecycle};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Replica, get, open_watch, streams, unary};

#[tokio::test]
async fn unary_calls_finish_watches_end_and_nobody_new_gets_in() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut stream = open_watch(&mut streams(&upstream)).await;
    let mut client = unary(&upstream);
    let call = lifecycle.spawn("call", async move { client.get_run(get("runs/gate")).await });
    replica.runs.reached().await; // the watch
    replica.runs.reached().await; // the call

    replica.lifecycle.stop();
    let end = Failure::from_status(&stream.message().await.expect_err("told to go"));
    assert_eq!((end.code(), end.reason()), (Code::Unavailable, reason::DRAINING));
    assert!(end.retry_delay().is_some());
    assert!(!replica.serving.is_finished(), "a call is in progress");
    tokio::net::TcpStream::connect(replica.address).await.expect_err("nobody listens any more");

    replica.runs.gate.add_permits(2);
    call.await.expect("no panic").expect("it got to finish");
    replica.stop().await;
}

#[tokio::test]
async fn what_outlives_the_grace_is_cut() {
    let settings = ServerSettings { drain_grace: Duration::from_millis(50), ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut client = unary(&upstream);
    let call = lifecycle.spawn("call", async move { client.get_run(get("runs/gate")).await });
    replica.runs.reached().await;
    replica.lifecycle.stop();
    let failure = Failure::from_status(&call.await.expect("no panic").expect_err("cut"));
    assert_eq!((failure.code(), failure.reason()), (Code::Unavailable, reason::UPSTREAM_UNAVAILABLE));
    replica.serving.await.expect("no panic").expect("served");
}

#[tokio::test]
async fn health_follows_readiness_and_says_first_that_the_server_goes() {
    let settings = ServerSettings { drain_delay: Duration::from_hours(1), ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut health = HealthClient::new(upstream.unary());
    let mut check = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        health.check(request).await.map(|reply| reply.into_inner().status())
    };
    let mut watching = HealthClient::new(upstream.streams());
    let watched = watching.watch(HealthCheckRequest { service: String::new() }).await.expect("watch");
    let mut watched = watched.into_inner();
    // Until the server has said what it is, it is not known; then every change comes.
    let mut next = async || watched.message().await.expect("message").expect("status").status();
    let mut status = next().await;
    while status != ServingStatus::Serving {
        status = next().await;
    }
    for service in ["", "missioncontrol.tasks.v1.RunService", "missioncontrol.tasks.v1.TaskService"] {
        assert_eq!(check(service).await.expect("known"), ServingStatus::Serving, "{service}");
    }
    assert_eq!(
        check("missioncontrol.llm.v1.GenerationService").await.expect_err("elsewhere").code(),
        Code::NotFound
    );

    replica.readiness.set(false);
    assert_eq!(next().await, ServingStatus::NotServing);
    replica.readiness.set(true);
    assert_eq!(next().await, ServingStatus::Serving);

    replica.lifecycle.stop();
    assert_eq!(next().await, ServingStatus::NotServing);
    // For as long as balancers need to notice, calls are still taken.
    unary(&upstream).get_run(get("runs/1")).await.expect("answers");
    replica.lifecycle.killed().cancel();
    replica.serving.await.expect("no panic").expect("served");
}

#[tokio::test]
async fn connection_that_outlives_its_age_and_grace_is_cut() {
    let settings = ServerSettings {
        max_connection_age: Duration::from_millis(20),
        max_connection_age_grace: Duration::from_millis(20),
        ..ServerSettings::default()
    };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut stream = open_watch(&mut streams(&upstream)).await;
    let end = Failure::from_status(&stream.message().await.expect_err("cut"));
    assert_eq!((end.code(), end.reason()), (Code::Unavailable, reason::UPSTREAM_UNAVAILABLE));
}

#[tokio::test]
async fn no_call_fails_when_connections_are_told_to_go_for_their_age() {
    let settings =
        ServerSettings { max_connection_age: Duration::from_millis(20), ..ServerSettings::default() };
    let replica = Replica::start(settings).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(300) {
        unary(&upstream).get_run(get("runs/1")).await.expect("another connection takes it");
    }
}
