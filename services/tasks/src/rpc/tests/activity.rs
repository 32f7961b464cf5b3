//! WatchWorkspace over the wire: what it brings, where it begins, and each way in which it is refused.

use std::time::Duration;

use mc_proto::tasks::v1::activity_service_client::ActivityServiceClient;
use mc_proto::tasks::v1::watch_workspace_response::Update as Said;
use mc_proto::tasks::v1::workspace_event::Kind;
use mc_proto::tasks::v1::{
    InboxChanged, InboxItemKind, InboxItemState, RunChanged, TaskChanged, WaitReason, WatchWorkspaceRequest,
    WatchWorkspaceResponse, WorkspaceEvent,
};
use tonic::Streaming;

use super::*;
use crate::domain::fold;
use crate::store::activity;
use crate::store::lease::{self, Rest};

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn request(after_seq: Option<i64>) -> WatchWorkspaceRequest {
    WatchWorkspaceRequest { name: format!("workspaces/{HOME}"), after_seq }
}

impl Service {
    async fn watch_as(
        &self,
        request: Request<WatchWorkspaceRequest>,
    ) -> Result<Streaming<WatchWorkspaceResponse>, Failure> {
        let mut watches = ActivityServiceClient::new(self.upstream.streams());
        let reply = watches.watch_workspace(request).await;
        reply.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
    }

    async fn watch(&self, after_seq: Option<i64>) -> Result<Streaming<WatchWorkspaceResponse>, Failure> {
        self.watch_as(self.ask(request(after_seq))).await
    }

    /// Numbers what there is, and tells the watches as the relay does.
    async fn number(&self) {
        let round = activity::relay(self.tables.engine.pool(), activity::BATCH).await.expect("relay");
        for (workspace, seq) in round.heads {
            let topic = crate::topics::workspace(workspace);
            crate::topics::publish(&self.bus, &topic, &crate::topics::Grown { seq });
        }
    }
}

async fn said(stream: &mut Streaming<WatchWorkspaceResponse>) -> Said {
    let message = tokio::time::timeout(Duration::from_secs(10), stream.message()).await.expect("in time");
    message.expect("no error").expect("goes on").update.expect("something")
}

async fn event(stream: &mut Streaming<WatchWorkspaceResponse>) -> WorkspaceEvent {
    match said(stream).await {
        Said::Event(event) => event,
        Said::CaughtUp(seen) => panic!("nothing comes after {}", seen.seq),
    }
}

#[tokio::test]
async fn changes_come_by_number_with_the_names_of_what_changed() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let lease = service.tables.claim(service.tables.worker().await, 1).await.remove(0);
    let item = service.tables.ask(&lease, 1, &[]).await;
    let rest = Rest::Waiting(fold::WaitReason::Input);
    lease::suspend(&service.tables.engine, run, lease.epoch, rest).await.expect("suspend");
    service.number().await;

    let mut stream = service.watch(Some(0)).await.expect("watch");
    let mut kinds = Vec::new();
    for seq in 1..=6 {
        let event = event(&mut stream).await;
        assert_eq!((event.seq, event.create_time.is_some()), (seq, true));
        kinds.push(event.kind.expect("a kind"));
    }
    let run = format!("workspaces/{HOME}/runs/{run}");
    let Kind::Task(TaskChanged { task }) = kinds[0].clone() else { panic!("a task: {kinds:?}") };
    assert!(task.starts_with(&format!("workspaces/{HOME}/tasks/")), "{task}");
    let stands = |state: RunState, wait_reason: WaitReason| {
        let (state, wait_reason) = (state as i32, wait_reason as i32);
        Kind::Run(RunChanged { run: run.clone(), task: task.clone(), state, wait_reason })
    };
    let asked = InboxChanged {
        inbox_item: format!("workspaces/{HOME}/inbox/{item}"),
        run: run.clone(),
        kind: InboxItemKind::Question as i32,
        state: InboxItemState::Open as i32,
    };
    let expected = [
        Kind::Task(TaskChanged { task: task.clone() }),
        stands(RunState::Queued, WaitReason::Unspecified),
        Kind::Task(TaskChanged { task: task.clone() }),
        stands(RunState::Running, WaitReason::Unspecified),
        Kind::Inbox(asked),
        stands(RunState::Waiting, WaitReason::Input),
    ];
    assert_eq!(kinds, expected);
    assert!(matches!(said(&mut stream).await, Said::CaughtUp(seen) if seen.seq == 6));
}

#[tokio::test]
async fn watch_begins_now_or_after_a_number_and_goes_on() {
    let service = Service::new().await;
    for _ in 0..3 {
        service.create(good(), "").await.expect("create");
    }
    let mut early = service.watch(None).await.expect("watch");
    assert!(
        matches!(said(&mut early).await, Said::CaughtUp(seen) if seen.seq == 0),
        "nothing is numbered yet"
    );
    service.number().await;
    let mut now = service.watch(None).await.expect("watch");
    assert!(matches!(said(&mut now).await, Said::CaughtUp(seen) if seen.seq == 3), "what was is not told");
    let mut after = service.watch(Some(2)).await.expect("watch");
    assert_eq!(event(&mut after).await.seq, 3);
    assert!(matches!(said(&mut after).await, Said::CaughtUp(seen) if seen.seq == 3));

    service.create(good(), "").await.expect("create");
    service.number().await;
    for stream in [&mut now, &mut after] {
        assert_eq!(event(stream).await.seq, 4, "as it happens");
    }
    for seq in 1..=4 {
        assert_eq!(event(&mut early).await.seq, seq);
    }
}

#[tokio::test]
async fn place_that_is_no_longer_kept_is_refused_and_the_newest_never_is() {
    let service = Service::new().await;
    for _ in 0..4 {
        service.create(good(), "").await.expect("create");
    }
    service.number().await;
    let engine = service.tables.engine.pool();
    activity::prune(engine, Duration::ZERO, 2).await.expect("prune");
    for gone in [0, 1] {
        let failure = service.watch(Some(gone)).await.expect_err("forgotten");
        assert_eq!((failure.code(), failure.reason()), (tonic::Code::OutOfRange, "CURSOR_EXPIRED"));
        assert_eq!(failure.metadata()["oldest_seq"], "3");
    }
    let mut kept = service.watch(Some(2)).await.expect("the oldest that is kept comes next");
    assert_eq!(event(&mut kept).await.seq, 3);

    activity::prune(engine, Duration::ZERO, 9).await.expect("prune");
    let failure = service.watch(Some(3)).await.expect_err("forgotten");
    assert_eq!((failure.reason(), failure.metadata()["oldest_seq"].as_str()), ("CURSOR_EXPIRED", "5"));
    for there in [Some(4), None] {
        let mut stream = service.watch(there).await.expect("nothing was missed");
        assert!(matches!(said(&mut stream).await, Said::CaughtUp(seen) if seen.seq == 4));
    }
}

#[tokio::test]
async fn watch_is_refused_to_strangers_and_by_the_field_that_is_wrong() {
    let service = Service::new().await;
    service.create(good(), "").await.expect("create");
    service.number().await;
    for (after_seq, says) in [(-1, "must be 0 or"), (2, "its newest is 1"), (i64::MAX, "its newest is 1")] {
        let failure = service.watch(Some(after_seq)).await.expect_err("no place");
        assert_eq!(failure.violations()[0].field, "after_seq");
        assert!(failure.violations()[0].description.contains(says), "{failure:?}");
    }
    for name in ["", "workspaces", "workspaces/x", &format!("workspaces/{HOME}/tasks/{USER}")] {
        let request = WatchWorkspaceRequest { name: name.into(), after_seq: None };
        let failure = service.watch_as(service.ask(request)).await.expect_err("no name");
        assert_eq!(failure.violations()[0].field, "name", "{name}");
    }
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, request(None));
    let denied = service.watch_as(stranger).await.expect_err("another workspace");
    assert_eq!(denied.code(), tonic::Code::NotFound);
    let nobody = service.watch_as(Request::new(request(None))).await.expect_err("nobody");
    assert_eq!(nobody.code(), tonic::Code::Unauthenticated);

    let viewer = service.auth.request(USER, HOME, Role::Viewer, request(Some(0)));
    let mut stream = service.watch_as(viewer).await.expect("who may read may watch");
    assert_eq!(event(&mut stream).await.seq, 1);
    let elsewhere =
        WatchWorkspaceRequest { name: format!("workspaces/{}", Uuid::from_u128(2)), after_seq: None };
    let other = service.auth.request(USER, Uuid::from_u128(2), Role::Viewer, elsewhere);
    let mut stream = service.watch_as(other).await.expect("its own workspace");
    assert!(matches!(said(&mut stream).await, Said::CaughtUp(seen) if seen.seq == 0), "which is another");
}
