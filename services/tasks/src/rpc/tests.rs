//! The RPCs over the wire, as people call them, with a stand-in for the registry.

mod activity;
pub(crate) mod agents;
mod batch;
mod board;
mod board_graph;
mod channels;
mod comments;
mod decisions;
mod deliveries;
mod exports;
mod mail;
mod orders;
mod own_channels;
mod post_office;
mod prices;
mod readiness;
mod receiver;
mod refusals;
mod retries;
mod rules;
mod schedule_fires;
mod schedule_overlap;
mod scheduled;
mod schedules;
pub(crate) mod service;
mod speech;
mod task_batches;
mod waiting;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::auth::{Caller, Person, Role};
use mc_chassis::bus::Bus;
use mc_chassis::client::{Channel, Target, Upstream};
use mc_chassis::clock::FixedClock;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::server::{Listener, MemoryLink, Readiness, Served, memory, serve};
use mc_chassis::{Ambient, Failure, Lifecycle, sized};
use mc_proto::identity::v1 as identity;
use mc_proto::identity::v1::auth_service_server::{AuthService, AuthServiceServer};
use mc_proto::registry::v1 as registry;
use mc_proto::registry::v1::agent_service_server::{AgentService, AgentServiceServer};
use mc_proto::tasks::v1::artifact_service_client::ArtifactServiceClient;
use mc_proto::tasks::v1::inbox_service_client::InboxServiceClient;
use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use mc_proto::tasks::v1::task_service_client::TaskServiceClient;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{
    CreateTaskRequest, DownloadArtifactRequest, GetArtifactRequest, GetRunRequest, GetTaskRequest,
    ListArtifactsRequest, ListRunEventsRequest, ListRunsRequest, ListTasksRequest, RunState,
    StartTaskRequest, Task, TaskState, UpdateTaskRequest, WatchRunRequest,
};
use prost_types::FieldMask;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::Parts;
use crate::domain::event::{Event, Failed, RunError};
use crate::domain::id::{ArtifactId, RunId, WorkspaceId};
use crate::schedules::Clockwork;
use crate::store::append::{Append, Besides, append_with};
use crate::store::artifact::NewArtifact;
use crate::store::tests::{NOW, Tables, intent};

use service::Service;

const HOME: Uuid = Uuid::from_u128(1);
const USER: Uuid = Uuid::from_u128(0xf);
const AGENT: Uuid = Uuid::from_u128(0xa);

fn good() -> Task {
    Task {
        title: "Write the report".into(),
        assignee: format!("workspaces/{HOME}/agents/{AGENT}"),
        acceptance_checks: vec!["It exists".into()],
        ..Task::default()
    }
}

#[tokio::test]
async fn task_is_made_once_read_listed_and_changed_by_those_who_saw_it() {
    let service = Service::new().await;
    let task = service.create(good(), "r1").await.expect("create");
    assert_eq!(service.create(good(), "r1").await.expect("again"), task, "the same request, the same answer");
    assert_eq!((task.state(), task.creator.as_str()), (TaskState::Open, format!("users/{USER}").as_str()));
    let reused = service.create(Task { title: "Another".into(), ..good() }, "r1").await.expect_err("reused");
    assert_eq!(reused.reason(), "IDEMPOTENCY_KEY_REUSED");
    service.create(Task { assignee: String::new(), ..good() }, "").await.expect("another");

    let list = |assignee: String, page_size| ListTasksRequest {
        parent: format!("workspaces/{HOME}"),
        assignee,
        page_size,
        ..Default::default()
    };
    let page =
        service.tasks().list_tasks(service.ask(list(String::new(), 1))).await.expect("list").into_inner();
    assert_eq!(page.tasks.len(), 1);
    let rest = ListTasksRequest { page_token: page.next_page_token, ..list(String::new(), 1) };
    let rest = service.tasks().list_tasks(service.ask(rest)).await.expect("list").into_inner();
    assert_eq!((rest.tasks.as_slice(), rest.next_page_token.as_str()), (&[task.clone()][..], ""));
    let mine = service.tasks().list_tasks(service.ask(list(task.assignee.clone(), 0))).await.expect("list");
    assert_eq!(mine.into_inner().tasks.len(), 1);

    let update = |etag: &str, mask: &[&str]| UpdateTaskRequest {
        task: Some(Task {
            title: "New".into(),
            brief: "New".into(),
            etag: etag.into(),
            name: task.name.clone(),
            ..good()
        }),
        update_mask: Some(FieldMask { paths: mask.iter().map(|&path| path.into()).collect() }),
    };
    let changed =
        service.tasks().update_task(service.ask(update(&task.etag, &["brief"]))).await.expect("update");
    let changed = changed.into_inner().task.expect("a task");
    assert_eq!((changed.title.as_str(), changed.brief.as_str()), ("Write the report", "New"));
    assert_ne!(changed.etag, task.etag);
    let stale =
        service.tasks().update_task(service.ask(update(&task.etag, &["brief"]))).await.expect_err("stale");
    assert_eq!(Failure::from_status(&stale).reason(), "ETAG_MISMATCH");
    let wrong = service.tasks().update_task(service.ask(update("", &["state"]))).await.expect_err("mask");
    assert_eq!(Failure::from_status(&wrong).violations()[0].field, "update_mask");
}

#[tokio::test]
async fn start_pins_the_version_queues_a_run_and_refuses_a_second_one() {
    let service = Service::new().await;
    let task = service.create(good(), "").await.expect("create");
    let run = service.start(&task, "", "s1").await.expect("start");
    assert_eq!(service.start(&task, "", "s1").await.expect("again"), run);
    let second = service.start(&task, "", "s2").await.expect_err("running");
    assert_eq!((second.reason(), second.metadata().get("run")), ("TASK_ALREADY_RUNNING", Some(&run)));

    let stored = service.runs().get_run(service.ask(GetRunRequest { name: run.clone() })).await.expect("get");
    let stored = stored.into_inner().run.expect("a run");
    assert_eq!((stored.state(), stored.head_seq), (RunState::Queued, 1));
    assert_eq!(
        stored.agent_version,
        format!("workspaces/{HOME}/agents/{AGENT}/versions/3"),
        "`latest` is resolved"
    );
    let events = ListRunEventsRequest { parent: run.clone(), after_seq: 0, page_size: 0 };
    let events = service.runs().list_run_events(service.ask(events)).await.expect("events").into_inner();
    assert_eq!((events.events.len(), events.head_seq), (1, 1));
    let task = service.tasks().get_task(service.ask(GetTaskRequest { name: task.name })).await.expect("get");
    let task = task.into_inner().task.expect("a task");
    assert_eq!((task.state(), &task.latest_run), (TaskState::InProgress, &run));
    let queued = |state: RunState| ListRunsRequest {
        parent: format!("workspaces/{HOME}"),
        task: task.name.clone(),
        state: state as i32,
        ..Default::default()
    };
    for (state, found) in [(RunState::Queued, 1), (RunState::Running, 0), (RunState::Unspecified, 1)] {
        let runs = service.runs().list_runs(service.ask(queued(state))).await.expect("list").into_inner();
        assert_eq!(runs.runs.len(), found, "{state:?}");
    }
    assert_eq!(service.tables.claim(service.tables.worker().await, 5).await.len(), 1, "a worker finds it");
}

#[tokio::test]
async fn start_that_cannot_be_says_why() {
    let service = Service::new().await;
    let unassigned = service.create(Task { assignee: String::new(), ..good() }, "").await.expect("create");
    let failure = service.start(&unassigned, "", "").await.expect_err("nobody");
    assert_eq!(failure.reason(), "TASK_UNASSIGNED");
    assert_eq!(service.registry.asked.load(Ordering::Relaxed), 0);
    let other = format!("workspaces/{HOME}/agents/{}/versions/1", Uuid::from_u128(0xb));
    assert_eq!(service.start(&unassigned, &other, "").await.expect_err("unknown").reason(), "NOT_FOUND");
    let named = format!("workspaces/{HOME}/agents/{AGENT}/versions/3");
    service.start(&unassigned, &named, "").await.expect("by version");

    let viewer = service.auth.request(USER, HOME, Role::Viewer, StartTaskRequest::default());
    let denied = service.tasks().start_task(viewer).await.expect_err("a viewer");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn artifact_comes_as_bytes_with_its_media_type() {
    let service = Service::new().await;
    let home = WorkspaceId::new(HOME);
    let run: RunId = service.tables.run(home).await;
    let lease = service.tables.claim(service.tables.worker().await, 1).await.remove(0);
    let id = ArtifactId::new(service.tables.id());
    let artifact = NewArtifact {
        artifact: id,
        path: "report.md".into(),
        media_type: "text/markdown".into(),
        content: vec![0, 159, 146, 150],
    };
    append_with(&service.tables.engine, home, &intent(&lease, 1), &Besides::artifacts(vec![artifact]))
        .await
        .expect("append");

    let name = format!("workspaces/{HOME}/artifacts/{id}");
    let body = DownloadArtifactRequest { name: name.clone() };
    let body = service.artifacts().download_artifact(service.ask(body)).await.expect("download").into_inner();
    assert_eq!(
        (body.content_type.as_str(), body.data.as_slice()),
        ("text/markdown", &[0, 159, 146, 150][..])
    );
    let known =
        service.artifacts().get_artifact(service.ask(GetArtifactRequest { name: name.clone() })).await;
    let known = known.expect("get").into_inner().artifact.expect("an artifact");
    assert_eq!((known.revision, known.size_bytes, known.sha256.len()), (1, 4, 64));
    let list = ListArtifactsRequest {
        parent: format!("workspaces/{HOME}"),
        run: format!("workspaces/{HOME}/runs/{run}"),
        ..Default::default()
    };
    let list = service.artifacts().list_artifacts(service.ask(list)).await.expect("list").into_inner();
    assert_eq!(list.artifacts, [known]);

    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, GetArtifactRequest { name });
    let denied = service.artifacts().get_artifact(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
}

#[tokio::test]
async fn bad_input_is_refused_by_the_field_that_is_wrong() {
    let service = Service::new().await;
    let parent = format!("workspaces/{HOME}");
    let field = |status: Status| Failure::from_status(&status).violations()[0].field.clone();
    let list = |request: ListTasksRequest| {
        let request = service.ask(request);
        let mut tasks = service.tasks();
        async move { field(tasks.list_tasks(request).await.expect_err("refused")) }
    };
    let base = ListTasksRequest { parent: parent.clone(), ..Default::default() };
    assert_eq!(list(ListTasksRequest { parent: "x".into(), ..base.clone() }).await, "parent");
    assert_eq!(list(ListTasksRequest { page_size: 1_001, ..base.clone() }).await, "page_size");
    assert_eq!(list(ListTasksRequest { page_size: -1, ..base.clone() }).await, "page_size");
    assert_eq!(list(ListTasksRequest { page_token: "x".into(), ..base.clone() }).await, "page_token");
    assert_eq!(list(ListTasksRequest { state: 9, ..base.clone() }).await, "state");
    assert_eq!(list(ListTasksRequest { assignee: "x".into(), ..base }).await, "assignee");
    let events =
        ListRunEventsRequest { parent: format!("{parent}/runs/{USER}"), after_seq: -1, page_size: 0 };
    let refused = service.runs().list_run_events(service.ask(events)).await.expect_err("negative");
    assert_eq!(field(refused), "after_seq");
    let none = CreateTaskRequest { parent, ..Default::default() };
    assert_eq!(field(service.tasks().create_task(service.ask(none)).await.expect_err("no task")), "task");
    let long = service.create(good(), &"x".repeat(129)).await.expect_err("too long");
    assert_eq!(long.violations()[0].field, "request_id");
    let gone = GetRunRequest { name: format!("workspaces/{HOME}/runs/{USER}") };
    let gone = service.runs().get_run(service.ask(gone)).await.expect_err("no such run");
    assert_eq!(Failure::from_status(&gone).reason(), "NOT_FOUND");
}

#[tokio::test]
async fn watch_of_a_run_that_has_ended_brings_the_journal_and_ends() {
    let service = Service::new().await;
    let home = WorkspaceId::new(HOME);
    let run = service.tables.run(home).await;
    let lease = service.tables.claim(service.tables.worker().await, 1).await.remove(0);
    let end = Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "The end.") });
    let end = Append { events: vec![end], ..intent(&lease, 1) };
    append_with(&service.tables.engine, home, &end, &Besides::default()).await.expect("append");

    let mut watches = RunServiceClient::new(service.upstream.streams());
    let name = format!("workspaces/{HOME}/runs/{run}");
    for (after_seq, seqs) in [(0, vec![1, 2]), (1, vec![2]), (2, vec![])] {
        let request = WatchRunRequest { name: name.clone(), after_seq, events_only: false };
        let mut stream = watches.watch_run(service.ask(request)).await.expect("watch").into_inner();
        let mut seen = Vec::new();
        while let Some(update) = stream.message().await.expect("no error") {
            if let Some(Update::Event(event)) = update.update {
                seen.push(event.seq);
            }
        }
        assert_eq!(seen, seqs, "after {after_seq}");
    }
    let request = WatchRunRequest { name, after_seq: 3, events_only: false };
    let refused = watches.watch_run(service.ask(request)).await.expect_err("beyond the newest");
    assert_eq!(Failure::from_status(&refused).violations()[0].field, "after_seq");
}
