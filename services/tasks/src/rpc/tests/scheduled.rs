//! StartTask at a time.

use time::{Duration, OffsetDateTime};

use super::*;
use crate::rpc::view::timestamp;

async fn start(
    service: &Service,
    task: &Task,
    at: OffsetDateTime,
    request_id: &str,
) -> Result<mc_proto::tasks::v1::Run, Failure> {
    let request = StartTaskRequest {
        name: task.name.clone(),
        request_id: request_id.into(),
        start_time: Some(timestamp(at)),
        ..Default::default()
    };
    let reply = service.tasks().start_task(service.ask(request)).await;
    reply.map(|it| it.into_inner().run.expect("a run")).map_err(|status| Failure::from_status(&status))
}

#[tokio::test]
async fn run_that_is_started_at_a_time_is_queued_until_then_and_is_the_tasks_run() {
    let service = Service::new().await;
    let task = service.create(good(), "").await.expect("create");
    let start_at = NOW + Duration::days(365);
    let run = start(&service, &task, start_at, "once").await.expect("start");
    let at = Some(timestamp(start_at));
    assert_eq!((run.state(), run.scheduled_start_time, run.wake_time), (RunState::Queued, at, at));
    assert_eq!(
        start(&service, &task, start_at, "once").await.expect("again"),
        run,
        "a repeated request is the same"
    );
    let again = start(&service, &task, start_at, "").await.expect_err("it has a run");
    assert_eq!(again.reason(), "TASK_ALREADY_RUNNING");

    let stored = service.runs().get_run(service.ask(GetRunRequest { name: run.name.clone() })).await;
    assert_eq!(stored.expect("get").into_inner().run.expect("a run"), run);
    let events = ListRunEventsRequest { parent: run.name, after_seq: 0, page_size: 0 };
    let events =
        service.runs().list_run_events(service.ask(events)).await.expect("events").into_inner().events;
    match &events[0].kind {
        Some(mc_proto::tasks::v1::run_event::Kind::Queued(queued)) => {
            assert_eq!(queued.scheduled_start_time, at);
        }
        other => panic!("{other:?}"),
    }
    assert!(service.tables.claim(service.tables.worker().await, 5).await.is_empty(), "no worker gets it");
    assert_eq!(service.tables.promote_at(start_at).await, 1);
    assert_eq!(service.tables.claim(service.tables.worker().await, 5).await.len(), 1);
}

#[tokio::test]
async fn start_that_is_past_is_now_and_one_too_far_ahead_is_refused() {
    let service = Service::new().await;
    let task = service.create(good(), "").await.expect("create");
    let far = start(&service, &task, NOW + Duration::days(365) + Duration::MICROSECOND, "").await;
    assert_eq!(far.expect_err("too far").violations()[0].field, "start_time");
    let run = start(&service, &task, NOW - Duration::days(9), "").await.expect("now");
    assert_eq!((run.scheduled_start_time, run.wake_time), (None, None));
    assert_eq!(service.tables.claim(service.tables.worker().await, 5).await.len(), 1);
}
