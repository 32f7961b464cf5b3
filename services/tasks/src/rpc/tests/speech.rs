//! What people say to a run by SteerRun, and pauses that do not wait, as they are ordered.

use mc_proto::tasks::v1::{
    Command, CommandKind, CommandState, ListRunCommandsRequest, PauseRunRequest, SteerRunRequest,
};
use tonic::Code;

use super::*;
use crate::domain::order::{Details, LetterContent};
use crate::store::mailbox;

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn name(run: RunId) -> String {
    format!("workspaces/{HOME}/runs/{run}")
}

impl Service {
    async fn steer(&self, run: RunId, text: &str, request_id: &str) -> Result<Command, Failure> {
        let request = SteerRunRequest {
            name: name(run),
            text: text.into(),
            interrupt: true,
            request_id: request_id.into(),
        };
        let reply = self.runs().steer_run(self.ask(request)).await;
        reply.map(|it| it.into_inner().command.expect("a receipt")).map_err(|it| Failure::from_status(&it))
    }

    async fn pause_so(&self, run: RunId, interrupt: bool) -> Command {
        let request = PauseRunRequest { name: name(run), interrupt, ..Default::default() };
        let reply = self.runs().pause_run(self.ask(request)).await.expect("pause");
        reply.into_inner().command.expect("a receipt")
    }

    async fn ends(&self, run: RunId) {
        let lease = self.tables.claim(self.tables.worker().await, 1).await.remove(0);
        assert_eq!(lease.run, run);
        let event = Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "Round and round.") });
        let end = Append { events: vec![event], ..intent(&lease, 1) };
        append_with(&self.tables.engine, HERE, &end, &Besides::default()).await.expect("end");
    }
}

#[tokio::test]
async fn each_message_is_an_order_of_its_own_and_a_repeated_request_is_not() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let first = service.steer(run, "Shorter.", "s1").await.expect("steer");
    assert_eq!((first.kind(), first.state()), (CommandKind::Steer, CommandState::Requested));
    assert_eq!((first.text.as_str(), first.interrupt, first.reason.as_str()), ("Shorter.", true, ""));
    assert_eq!(service.steer(run, "Shorter.", "s1").await.expect("repeated"), first);
    let other = service.steer(run, "Longer.", "s1").await.expect_err("another request");
    assert_eq!(other.reason(), "IDEMPOTENCY_KEY_REUSED");
    let second = service.steer(run, "Shorter.", "s2").await.expect("once more");
    assert_ne!(second.name, first.name);

    let list = ListRunCommandsRequest { parent: name(run), ..Default::default() };
    let listed = service.runs().list_run_commands(service.ask(list)).await.expect("list").into_inner();
    assert_eq!(listed.commands, [second, first]);
    let mut tx = service.tables.engine.read(HOME).await.expect("read");
    let letters = mailbox::unread(&mut tx, run).await.expect("unread");
    let details = Details { text: "Shorter.".into(), interrupt: true };
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert!(matches!(letter.content, LetterContent::Command { details: said, .. } if said == details));
    }
}

#[tokio::test]
async fn text_is_held_at_its_edges_and_a_run_that_has_ended_hears_nothing() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    for bad in ["", "  \n", "nul\0", &"x".repeat(16 * 1024 + 1)] {
        let failure = service.steer(run, bad, "").await.expect_err("refused");
        assert_eq!(failure.violations()[0].field, "text");
    }
    service.steer(run, &"x".repeat(16 * 1024), "").await.expect("as long as it may be");
    service.ends(run).await;
    let late = service.steer(run, "Hello?", "").await.expect_err("ended");
    assert_eq!((late.code(), late.reason()), (Code::FailedPrecondition, "RUN_ENDED"));
    assert_eq!(late.metadata()["state"], "RUN_STATE_FAILED");
    assert_eq!(late.metadata()["end_time"], "2026-11-23T08:00:00Z");
}

#[tokio::test]
async fn older_workers_are_kept_from_a_run_that_was_spoken_to() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    service.tables.mark_fold_version(run, 2).await;
    service.pause_so(run, true).await;
    assert_eq!(service.tables.fold_version(run).await, 2, "they know what follows from that");
    service.steer(run, "Hello.", "").await.expect("steer");
    assert_eq!(service.tables.fold_version(run).await, 3);
}

#[tokio::test]
async fn pause_that_does_not_wait_is_an_order_of_its_own_beside_one_that_does() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let waits = service.pause_so(run, false).await;
    assert!(!waits.interrupt);
    let at_once = service.pause_so(run, true).await;
    assert!(at_once.interrupt && at_once.name != waits.name);
    assert_eq!(service.pause_so(run, true).await, at_once, "asked again");
    assert_eq!(service.pause_so(run, false).await, at_once, "which will do");
}
