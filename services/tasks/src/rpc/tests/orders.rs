//! Pause, resume and cancel as people give them, with their receipts.

use mc_proto::tasks::v1::{
    CancelRunRequest, Command, CommandKind, CommandState, ListRunCommandsRequest, PauseRunRequest,
    ResumeRunRequest,
};

use super::*;
use crate::domain::event::{Cancelled, Paused, Resumed};
use crate::domain::id::{CommandId, UserId};
use crate::store::lease::{self, Lease, Rest};

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn name(run: RunId) -> String {
    format!("workspaces/{HOME}/runs/{run}")
}

fn id_of(command: &Command) -> CommandId {
    let id = command.name.rsplit('/').next().expect("a segment");
    CommandId::new(id.parse().expect("an id"))
}

impl Service {
    async fn pause(&self, run: RunId, reason: &str, request_id: &str) -> Result<Command, Failure> {
        let request = PauseRunRequest {
            name: name(run),
            reason: reason.into(),
            request_id: request_id.into(),
            interrupt: false,
        };
        let reply = self.runs().pause_run(self.ask(request)).await;
        reply.map(|it| it.into_inner().command.expect("a receipt")).map_err(|it| Failure::from_status(&it))
    }

    async fn resume(&self, run: RunId, request_id: &str) -> Result<Command, Failure> {
        let request =
            ResumeRunRequest { name: name(run), reason: String::new(), request_id: request_id.into() };
        let reply = self.runs().resume_run(self.ask(request)).await;
        reply.map(|it| it.into_inner().command.expect("a receipt")).map_err(|it| Failure::from_status(&it))
    }

    async fn cancel(&self, run: RunId, request_id: &str) -> Result<Command, Failure> {
        let request =
            CancelRunRequest { name: name(run), reason: "Enough".into(), request_id: request_id.into() };
        let reply = self.runs().cancel_run(self.ask(request)).await;
        reply.map(|it| it.into_inner().command.expect("a receipt")).map_err(|it| Failure::from_status(&it))
    }

    async fn commands(&self, run: RunId) -> Vec<Command> {
        let request = ListRunCommandsRequest { parent: name(run), ..Default::default() };
        self.runs().list_run_commands(self.ask(request)).await.expect("list").into_inner().commands
    }

    /// The worker journals `event` and has read the letters up to `read_up_to`.
    async fn journal(&self, lease: &Lease, event: Event, read_up_to: i64) {
        let append = Append { events: vec![event], ..intent(lease, 1) };
        let besides = Besides { read_up_to, ..Besides::default() };
        append_with(&self.tables.engine, HERE, &append, &besides).await.expect("append");
    }
}

#[tokio::test]
async fn pause_is_ordered_once_and_its_receipt_follows_it() {
    let service = Service::new().await;
    let lease = service.leased().await;
    let asked = service.pause(lease.run, "Lunch\nbreak", "p1").await.expect("pause");
    assert_eq!((asked.kind(), asked.state()), (CommandKind::Pause, CommandState::Requested));
    assert_eq!(
        (asked.requester.as_str(), asked.reason.as_str()),
        (format!("users/{USER}").as_str(), "Lunch\nbreak")
    );
    assert_eq!(service.pause(lease.run, "Lunch\nbreak", "p1").await.expect("repeated"), asked);
    assert_eq!(
        service.pause(lease.run, "Again", "p2").await.expect("asked again"),
        asked,
        "the one under way"
    );

    service.journal(&lease, Event::Paused(Paused { command: id_of(&asked) }), 1).await;
    lease::suspend(&service.tables.engine, lease.run, lease.epoch, Rest::Paused).await.expect("suspend");
    let paused = service.pause(lease.run, "", "").await.expect("asked again");
    assert_eq!((paused.name.as_str(), paused.state()), (asked.name.as_str(), CommandState::Effective));
    assert!(paused.deliver_time.is_some() && paused.settle_time.is_some());
    assert_eq!(service.commands(lease.run).await, [paused]);

    let run = GetRunRequest { name: name(lease.run) };
    let run = service.runs().get_run(service.ask(run)).await.expect("get").into_inner().run.expect("a run");
    assert_eq!((run.state(), run.pending_command()), (RunState::Paused, CommandKind::Unspecified));
    assert_eq!((run.title.as_str(), run.agent_display_name.as_str()), ("Write the report", "Writer"));
    assert_eq!(run.model, "simulator/demo");
}

#[tokio::test]
async fn resume_needs_a_pause_and_is_ordered_once() {
    let service = Service::new().await;
    let lease = service.leased().await;
    assert_eq!(service.resume(lease.run, "").await.expect_err("runs").reason(), "RUN_NOT_PAUSED");

    let pause = service.pause(lease.run, "", "").await.expect("pause");
    let resume = service.resume(lease.run, "").await.expect("takes it back");
    assert_eq!(service.resume(lease.run, "").await.expect("asked again"), resume);
    let again = service.pause(lease.run, "", "").await.expect("pause once more");
    assert_ne!(again.name, pause.name);
    let listed = service.commands(lease.run).await;
    let kinds: Vec<_> = listed.iter().map(Command::kind).collect();
    assert_eq!(kinds, [CommandKind::Pause, CommandKind::Resume, CommandKind::Pause], "newest first");

    service.journal(&lease, Event::Paused(Paused { command: id_of(&again) }), 3).await;
    lease::suspend(&service.tables.engine, lease.run, lease.epoch, Rest::Paused).await.expect("suspend");
    let resume = service.resume(lease.run, "").await.expect("resume");
    let lease = service.tables.claim(service.tables.worker().await, 1).await.remove(0);
    service.journal(&lease, Event::Resumed(Resumed { command: id_of(&resume) }), 4).await;
    assert_eq!(service.resume(lease.run, "").await.expect_err("it goes on").reason(), "RUN_NOT_PAUSED");
}

#[tokio::test]
async fn cancel_is_ordered_once_and_after_the_end_every_order_is_told_how_it_ended() {
    let service = Service::new().await;
    let lease = service.leased().await;
    let cancel = service.cancel(lease.run, "c1").await.expect("cancel");
    assert_eq!(service.cancel(lease.run, "c2").await.expect("asked again"), cancel);
    let pause = service.pause(lease.run, "", "").await.expect("too late, and told so");
    let end = Cancelled {
        command: id_of(&cancel),
        requester: UserId::new(USER),
        reason: "Enough".into(),
        survivors: Vec::new(),
    };
    service.journal(&lease, Event::Cancelled(end), 1).await;
    let states: Vec<_> = service.commands(lease.run).await.iter().map(|it| (it.kind(), it.state())).collect();
    assert_eq!(
        states,
        [(CommandKind::Pause, CommandState::Superseded), (CommandKind::Cancel, CommandState::Effective)]
    );
    assert_eq!(service.cancel(lease.run, "c1").await.expect("repeated").name, cancel.name);
    assert_ne!(pause.name, cancel.name);

    let refused = [
        service.pause(lease.run, "", "").await,
        service.resume(lease.run, "").await,
        service.cancel(lease.run, "c3").await,
    ];
    for refused in refused {
        let failure = refused.expect_err("ended");
        assert_eq!((failure.code(), failure.reason()), (tonic::Code::FailedPrecondition, "RUN_ENDED"));
        assert_eq!(failure.metadata()["state"], "RUN_STATE_CANCELLED");
        assert_eq!(failure.metadata()["end_time"], "2026-11-23T08:00:00Z");
        assert!(failure.message().contains("was cancelled"), "{}", failure.message());
    }
    let cancelled = ListRunsRequest {
        parent: format!("workspaces/{HOME}"),
        state: RunState::Cancelled as i32,
        ..Default::default()
    };
    let cancelled = service.runs().list_runs(service.ask(cancelled)).await.expect("list").into_inner();
    assert_eq!(cancelled.runs.len(), 1);
}

#[tokio::test]
async fn orders_are_refused_to_those_who_may_not_and_by_the_field_that_is_wrong() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let order = |name: String| CancelRunRequest { name, ..Default::default() };
    let viewer = service.auth.request(USER, HOME, Role::Viewer, order(name(run)));
    let denied = service.runs().cancel_run(viewer).await.expect_err("a viewer");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, order(name(run)));
    let denied = service.runs().cancel_run(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");

    for reason in ["x".repeat(501).as_str(), "nul\0"] {
        let failure = service.pause(run, reason, "").await.expect_err(reason);
        assert_eq!(failure.violations()[0].field, "reason");
    }
    let long = service.pause(run, "", &"x".repeat(129)).await.expect_err("too long");
    assert_eq!(long.violations()[0].field, "request_id");
    let unknown = RunId::new(USER);
    assert_eq!(service.pause(unknown, "", "").await.expect_err("unknown").reason(), "NOT_FOUND");
    let list = ListRunCommandsRequest { parent: name(unknown), ..Default::default() };
    let unknown = service.runs().list_run_commands(service.ask(list)).await.expect_err("unknown");
    assert_eq!(Failure::from_status(&unknown).reason(), "NOT_FOUND");
    assert!(service.commands(run).await.is_empty(), "nothing of it was kept");
}
