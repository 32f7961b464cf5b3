//! RetryRun as it is ordered: once, of the newest run of a task alone, and never of one that ended for good.

use mc_proto::tasks::v1::{CancelRunRequest, Command, CommandKind, CommandState, RetryRunRequest};
use tonic::Code;

use super::*;
use crate::domain::event::{Cancelled, Succeeded};
use crate::domain::id::{CommandId, TaskId, UserId};
use crate::store::lease::Lease;

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn name(run: RunId) -> String {
    format!("workspaces/{HOME}/runs/{run}")
}

impl Service {
    async fn retry(&self, run: RunId, request_id: &str) -> Result<Command, Failure> {
        let request =
            RetryRunRequest { name: name(run), reason: "Mended".into(), request_id: request_id.into() };
        let reply = self.runs().retry_run(self.ask(request)).await;
        reply.map(|it| it.into_inner().command.expect("a receipt")).map_err(|it| Failure::from_status(&it))
    }

    async fn claimed(&self) -> Lease {
        self.tables.claim(self.tables.worker().await, 1).await.remove(0)
    }

    async fn end(&self, lease: &Lease, event: Event) {
        let end = Append { events: vec![event], ..intent(lease, 1) };
        append_with(&self.tables.engine, HERE, &end, &Besides::default()).await.expect("end");
    }

    /// A task and a run of it that has failed.
    async fn failed(&self) -> (TaskId, RunId) {
        let task = self.tables.task(HERE).await;
        let run = self.tables.run_of(HERE, task).await;
        self.end(&self.claimed().await, failure()).await;
        (task, run)
    }
}

fn failure() -> Event {
    Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "Round and round.") })
}

#[tokio::test]
async fn retry_is_ordered_once_and_brings_the_run_back_once() {
    let service = Service::new().await;
    let (_, run) = service.failed().await;
    let retry = service.retry(run, "r1").await.expect("retry");
    assert_eq!((retry.kind(), retry.state()), (CommandKind::Retry, CommandState::Requested));
    assert_eq!(service.retry(run, "r1").await.expect("repeated"), retry);
    assert_eq!(service.retry(run, "r2").await.expect("asked again"), retry, "the one under way");
    let lease = service.claimed().await;
    assert_eq!((lease.run, lease.mail, lease.claims), (run, true, 1));
    assert!(service.tables.claim(lease.run.uuid(), 9).await.is_empty(), "it is ready once");
}

#[tokio::test]
async fn two_who_retry_at_once_get_the_same_receipt() {
    let service = Service::new().await;
    let (_, run) = service.failed().await;
    let retries = futures::future::join_all((0..8).map(|_| service.retry(run, ""))).await;
    let names: std::collections::BTreeSet<String> =
        retries.into_iter().map(|retry| retry.expect("retry").name).collect();
    assert_eq!(names.len(), 1);
}

#[tokio::test]
async fn what_has_not_failed_is_not_retried_and_is_told_how_it_stands() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let refused = service.retry(run, "").await.expect_err("queued");
    assert_eq!((refused.code(), refused.reason()), (Code::FailedPrecondition, "RUN_NOT_FAILED"));
    assert_eq!(refused.metadata()["state"], "RUN_STATE_QUEUED");
    let lease = service.claimed().await;
    assert_eq!(service.retry(run, "").await.expect_err("runs").metadata()["state"], "RUN_STATE_RUNNING");
    service.end(&lease, Event::Succeeded(Succeeded { summary: "Done".into(), evidence: Vec::new() })).await;

    let cancelled = service.tables.run(HERE).await;
    let lease = service.claimed().await;
    let request = CancelRunRequest { name: name(cancelled), ..Default::default() };
    let order = service.runs().cancel_run(service.ask(request)).await.expect("cancel").into_inner();
    let command = order.command.expect("a receipt").name;
    let end = Cancelled {
        command: CommandId::new(command.rsplit('/').next().expect("a segment").parse().expect("an id")),
        requester: UserId::new(USER),
        reason: String::new(),
        survivors: Vec::new(),
    };
    service.end(&lease, Event::Cancelled(end)).await;
    for (run, state) in [(run, "RUN_STATE_SUCCEEDED"), (cancelled, "RUN_STATE_CANCELLED")] {
        let refused = service.retry(run, "").await.expect_err(state);
        assert_eq!((refused.reason(), refused.metadata()["state"].as_str()), ("RUN_ENDED", state));
        assert_eq!(refused.metadata()["end_time"], "2026-11-23T08:00:00Z");
        // Not even by a statement of its own can the role of the API bring it back.
        assert_eq!(service.tables.reopen_behind(HERE, run).await, 0, "{state}");
    }
    let unknown = service.retry(RunId::new(USER), "").await.expect_err("unknown");
    assert_eq!(unknown.reason(), "NOT_FOUND");
}

#[tokio::test]
async fn only_the_newest_run_of_a_task_is_retried_and_none_beside_one_that_lives() {
    let service = Service::new().await;
    let (task, old) = service.failed().await;
    let new = service.tables.run_of(HERE, task).await;
    let refused = service.retry(old, "").await.expect_err("another one lives");
    assert_eq!((refused.reason(), &refused.metadata()["run"]), ("TASK_ALREADY_RUNNING", &name(new)));
    service.end(&service.claimed().await, failure()).await;
    let refused = service.retry(old, "").await.expect_err("it is not the newest");
    assert_eq!((refused.reason(), &refused.metadata()["run"]), ("RUN_NOT_NEWEST", &name(new)));
    service.retry(new, "").await.expect("the newest");
    let again = RetryRunRequest { name: name(new), reason: "x".repeat(501), request_id: String::new() };
    let long = service.runs().retry_run(service.ask(again)).await.expect_err("too long");
    assert_eq!(Failure::from_status(&long).violations()[0].field, "reason");
}
