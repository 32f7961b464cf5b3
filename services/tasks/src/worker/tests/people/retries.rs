//! Runs that failed and are had to go on: the same run and journal, from the step that failed, whatever dies in between.

use std::time::Duration;

use futures::StreamExt;
use mc_proto::tasks::v1::task_service_client::TaskServiceClient;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{GetTaskRequest, TaskState, WatchRunRequest};
use tonic::Code;

use super::*;
use crate::domain::fold::RunFold;
use crate::store::append::{Append, Besides, append_with};
use crate::store::journal;
use crate::store::lease::{self, Release};
use crate::store::tests::NOW;
use CommandKind::Retry;
use CommandState::{Effective, Requested};

/// A run that its provider refused.
async fn failed(world: &World) -> RunId {
    world.fleet.script.then(Reply::Fail(Code::FailedPrecondition, "PROVIDER_REFUSED"));
    let run = world.fleet.queued(HOME).await;
    world.attempt().await;
    world.fleet.script.was_asked.notified().await;
    let ended = world.run(run).await;
    assert_eq!((ended.status, ended.error_reason.as_deref()), (4, Some("PROVIDER_REFUSED")));
    run
}

async fn task_state(world: &World, run: RunId) -> TaskState {
    let name = format!("workspaces/{HOME}/tasks/{}", world.run(run).await.task_id);
    let mut tasks = TaskServiceClient::new(world.upstream.unary());
    let reply = tasks.get_task(world.ask(GetTaskRequest { name })).await.expect("get");
    reply.into_inner().task.expect("a task").state()
}

/// The journal folds, whole, into a run that stands like its row.
async fn folds(world: &World, run: RunId) -> RunFold {
    let mut tx = world.fleet.tables.api.read(HOME.uuid()).await.expect("read");
    let records = journal::page(&mut tx, run, 0, 1_000).await.expect("journal");
    RunFold::replay(&records).expect("it folds")
}

/// `seq` of the events of a watch from there to its end.
async fn watched(world: &World, run: RunId, after_seq: i64) -> Vec<i64> {
    let request = WatchRunRequest { name: name(run), after_seq, events_only: false };
    let mut watches = RunServiceClient::new(world.upstream.streams());
    let stream = watches.watch_run(world.ask(request)).await.expect("watch").into_inner();
    let events = stream.filter_map(|update| async {
        match update.expect("no error").update {
            Some(Update::Event(event)) => Some(event.seq),
            _ => None,
        }
    });
    tokio::time::timeout(Duration::from_secs(30), events.collect()).await.expect("the watch ends")
}

#[tokio::test]
async fn failed_run_comes_back_with_its_journal_and_its_task_follows() {
    let world = World::new().await;
    let run = failed(&world).await;
    assert_eq!(task_state(&world, run).await, TaskState::Stopped);
    let head = world.run(run).await.head_seq;
    let receipt = world.retry(run).await;
    assert_eq!((receipt.kind(), receipt.state(), receipt.reason.as_str()), (Retry, Requested, "Mended"));
    let back = world.run(run).await;
    assert_eq!(
        (i32::from(back.status), i32::from(back.pending_command)),
        (RunState::Queued as i32, Retry as i32)
    );
    assert_eq!(
        (back.end_time, back.error_reason, back.error_message, back.head_seq),
        (None, None, None, head)
    );
    assert_eq!(task_state(&world, run).await, TaskState::InProgress);

    world.attempt().await;
    let ended = world.run(run).await;
    assert_eq!((i32::from(ended.status), ended.steps), (RunState::Succeeded as i32, 1));
    assert_eq!(task_state(&world, run).await, TaskState::Done);
    assert_eq!(world.receipts(run).await, [(Retry, Effective)]);
    assert_eq!(world.fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
    let kinds = world.kinds(run).await;
    assert_eq!(
        kinds[2..7],
        ["model_call_started", "model_call_failed", "failed", "retried", "model_call_started"]
    );
    match &world.events(run).await[5] {
        Event::Retried(retried) => {
            assert_eq!((retried.requester.uuid(), retried.reason.as_str()), (USER, "Mended"));
        }
        other => panic!("{other:?}"),
    }
    folds(&world, run).await;
}

#[tokio::test]
async fn retry_outlives_the_worker_that_took_the_run_and_the_one_that_read_the_order() {
    let world = World::new().await;
    let run = failed(&world).await;
    world.fleet.script.then(Reply::Stall("Half a wo", Vec::new()));
    world.retry(run).await;
    world.killed(async {}).await;
    assert_eq!(world.receipts(run).await, [(Retry, Requested)], "nobody has read it");
    world.killed(world.fleet.script.was_asked.notified()).await;
    assert_eq!(world.receipts(run).await, [(Retry, Effective)]);
    world.cancel(run).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Cancelled as i32);
    assert_eq!(
        folds(&world, run).await.totals().cost_nano_usd,
        700,
        "the stalled call is stopped and booked"
    );
}

#[tokio::test]
async fn run_that_breaks_before_anybody_has_read_the_retry_fails_again_and_its_journal_still_folds() {
    let world = World::new().await;
    let run = failed(&world).await;
    world.retry(run).await;
    for claims in 1..=5 {
        let (_worker, lease) = world.fleet.claim().await;
        assert_eq!(lease.claims, claims, "they begin anew");
        let engine = &world.fleet.tables.engine;
        lease::release(engine, run, lease.epoch, Release::Broken).await.expect("release");
    }
    world.attempt().await;
    let ended = world.run(run).await;
    assert_eq!((ended.status, ended.error_reason.as_deref()), (4, Some("POISON_RUN")));
    assert_eq!(world.kinds(run).await[4..], ["failed", "retried", "failed"]);
    assert_eq!(world.receipts(run).await, [(Retry, Effective)]);
    assert_eq!(folds(&world, run).await.error().map(|error| error.reason.as_str()), Some("POISON_RUN"));
    world.retry(run).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
}

#[tokio::test]
async fn watch_ends_with_a_failure_and_goes_on_behind_it_for_whoever_watches_again() {
    let world = World::new().await;
    let run = failed(&world).await;
    let head = world.run(run).await.head_seq;
    assert_eq!(watched(&world, run, 0).await, (1..=head).collect::<Vec<_>>(), "it ends with the failure");
    assert!(watched(&world, run, head).await.is_empty());
    world.retry(run).await;
    let (from_the_failure, from_the_start, ()) =
        futures::join!(watched(&world, run, head), watched(&world, run, 0), world.attempt());
    let last = world.run(run).await.head_seq;
    assert_eq!(from_the_failure, (head + 1..=last).collect::<Vec<_>>());
    assert_eq!(from_the_start, (1..=last).collect::<Vec<_>>(), "the failure in the middle is no end");
}

#[tokio::test]
async fn orders_and_questions_from_before_the_failure_are_void_and_asked_anew() {
    let world = World::new().await;
    let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    world.attempt().await;
    let item = world.open(run).await.remove(0);
    // A run that waits is taken for a letter, and its worker fails it with that letter unread.
    world.steer(run, "Unheard.", false).await;
    let (_worker, lease) = world.fleet.claim().await;
    let error = crate::domain::event::RunError::new("POISON_RUN", "It breaks whatever carries it.");
    let end = Append {
        run,
        epoch: lease.epoch,
        at: NOW,
        events: vec![Event::Failed(crate::domain::event::Failed { error })],
    };
    append_with(&world.fleet.tables.engine, HOME, &end, &Besides::default()).await.expect("end");
    assert!(world.open(run).await.is_empty());

    world.retry(run).await;
    world.attempt().await;
    let asked = world.open(run).await;
    assert_eq!(asked.len(), 1);
    assert_ne!(asked[0].name, item.name);
    let late = world.decide(&item, approve(None)).await.expect_err("void");
    assert_eq!(late.reason(), "ITEM_VOID");
    world.decide(&asked[0], approve(None)).await.expect("decide");
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    assert_eq!((world.site.asked().len(), world.fleet.script.heard().len()), (1, 0));
    folds(&world, run).await;
}
