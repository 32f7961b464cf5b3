//! What every call gets: callers, request ids, contained panics, reflection; over TCP, Unix sockets and memory.

use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::error::reason;
use mc_chassis::{Failure, Lifecycle};
use mc_proto::tasks::v1 as pb;
use tonic::{Code, Request};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{Replica, get, streams, unary, watch};

#[tokio::test]
async fn caller_without_a_token_is_refused_before_the_handler() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let request = Request::new(pb::GetRunRequest { name: "runs/1".to_owned() });
    let refusal = unary(&upstream).get_run(request).await.expect_err("nobody");
    assert_eq!(Failure::from_status(&refusal).reason(), reason::UNAUTHENTICATED);
    assert!(refusal.metadata().contains_key("x-request-id"), "refusals can be found in the log as well");
    assert_eq!(replica.runs.answered.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn request_id_is_taken_or_made_and_told() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut request = get("runs/1");
    request.metadata_mut().insert("x-request-id", "mine-1".parse().expect("ascii"));
    let reply = unary(&upstream).get_run(request).await.expect("answers");
    assert_eq!(reply.metadata().get("x-request-id").expect("echoed"), "mine-1");
    assert_eq!(reply.into_inner().run.expect("run").summary, "mine-1", "the handler saw it");

    let reply = unary(&upstream).get_run(get("runs/1")).await.expect("answers");
    let made = reply.metadata().get("x-request-id").expect("made").to_str().expect("ascii").to_owned();
    assert_eq!(made.len(), 36);
    assert_eq!(reply.into_inner().run.expect("run").summary, made, "the handler saw it");
}

#[tokio::test]
async fn panic_fails_its_call_and_nothing_else() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let status = unary(&upstream).get_run(get("runs/panic")).await.expect_err("panicked");
    assert_eq!(Failure::from_status(&status), Failure::internal());
    assert!(!format!("{status:?}").contains("secret"));

    let mut stream = streams(&upstream).watch_run(watch("runs/panic")).await.expect("head").into_inner();
    stream.message().await.expect("first message").expect("caught up");
    replica.runs.let_through();
    let status = stream.message().await.expect_err("panicked in mid-stream");
    assert_eq!(Failure::from_status(&status), Failure::internal());
    assert!(stream.message().await.expect("over").is_none());

    unary(&upstream).get_run(get("runs/1")).await.expect("the process lives");
}

#[tokio::test]
async fn unknown_method_is_unimplemented() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut client = pb::task_service_client::TaskServiceClient::new(upstream.unary());
    let request = crate::support::request(pb::GetTaskRequest::default());
    let status = client.get_task(request).await.expect_err("this test serves no tasks");
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn reflection_lists_the_services_of_the_package() {
    let replica = Replica::start(ServerSettings::default()).await;
    let lifecycle = Lifecycle::new();
    let upstream = replica.upstream(&ClientSettings::default(), &lifecycle);
    let mut client = ServerReflectionClient::new(upstream.streams());
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let reply = client.server_reflection_info(futures::stream::iter([list])).await.expect("reflection");
    let reply = reply.into_inner().message().await.expect("message").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = reply.message_response else { panic!("a list") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"missioncontrol.tasks.v1.RunService".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("llm")), "{names:?}");
}

#[tokio::test]
async fn unix_socket_serves_like_tcp() {
    let folder = tempfile::tempdir().expect("folder");
    let address = mc_chassis::config::ListenAddress::Unix(folder.path().join("mc.sock"));
    let listener = mc_chassis::server::Listener::bind(&address).await.expect("bind");
    let replica =
        Replica::start_on(listener, "127.0.0.1:1".parse().expect("unused"), ServerSettings::default());
    let lifecycle = Lifecycle::new();
    let target = address.to_string().parse().expect("target");
    let upstream = mc_chassis::client::Upstream::new("tasks", target, &ClientSettings::default(), &lifecycle);
    unary(&upstream).get_run(get("runs/1")).await.expect("answers");
    replica.stop().await;
}
