//! Fires beside a run that has not ended, under each policy, on time and late.

use mc_proto::tasks::v1::{
    CommandKind, CommandState, ListRunCommandsRequest, MissedFirePolicy, OverlapPolicy, Schedule,
    ScheduleFireState as State,
};
use time::Duration;

use super::schedules::minutely;
use super::*;
use crate::store::lease::Lease;

impl Service {
    /// Ends a run: a worker claims it and fails it.
    pub(super) async fn end_of(&self, run: &str) -> Lease {
        let id: Uuid = run.rsplit('/').next().expect("a segment").parse().expect("an id");
        let worker = self.tables.worker().await;
        let claimed = self.tables.claim(worker, 100).await;
        let lease = claimed.into_iter().find(|lease| lease.run == RunId::new(id)).expect("claimed");
        let end = Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "The end.") });
        let append = Append { events: vec![end], ..intent(&lease, 1) };
        append_with(&self.tables.engine, lease.workspace, &append, &Besides::default()).await.expect("end");
        lease
    }

    async fn under(&self, policy: OverlapPolicy, missed: MissedFirePolicy) -> Schedule {
        let schedule =
            Schedule { overlap_policy: policy as i32, missed_fire_policy: missed as i32, ..minutely() };
        self.scheduled(schedule).await
    }

    /// The states of the fires, the oldest first.
    async fn states(&self, name: &str) -> Vec<State> {
        self.fires(name).await.into_iter().map(|fire| fire.state()).collect()
    }
}

#[tokio::test]
async fn skip_names_the_run_that_was_in_the_way() {
    let service = Service::new().await;
    let made = service.under(OverlapPolicy::Skip, MissedFirePolicy::Once).await;
    service.pass(Duration::MINUTE).await;
    service.pass(Duration::MINUTE).await;
    let fires = service.fires(&made.name).await;
    assert_eq!((fires[1].state(), fires[1].reason.as_str()), (State::Skipped, "OVERLAP"));
    assert_eq!(fires[1].blocking_run, fires[0].run);
    let asked = service.run_now(&made.name, "").await.expect("run");
    service.tick().await;
    let told = service.fires(&made.name).await.pop().expect("a fire");
    assert_eq!((told.name, told.reason.as_str()), (asked.name, "OVERLAP"), "also when a person asks");
    service.end_of(&fires[0].run).await;
    service.pass(Duration::MINUTE).await;
    assert_eq!(service.states(&made.name).await.last(), Some(&State::Started));
}

#[tokio::test]
async fn queue_starts_in_order_one_after_the_other() {
    let service = Service::new().await;
    let made = service.under(OverlapPolicy::Queue, MissedFirePolicy::Once).await;
    for _ in 0..3 {
        service.pass(Duration::MINUTE).await;
    }
    assert_eq!(service.states(&made.name).await, [State::Started, State::Waiting, State::Due]);
    let first = service.fires(&made.name).await;
    assert_eq!(first[1].blocking_run, first[0].run);
    service.end_of(&first[0].run).await;
    service.tick().await;
    assert_eq!(service.states(&made.name).await, [State::Started, State::Started, State::Waiting]);
    service.end_of(&service.fires(&made.name).await[1].run).await;
    service.tick().await;
    let fires = service.fires(&made.name).await;
    assert!(fires.iter().all(|fire| fire.state() == State::Started));
    assert_eq!(service.schedule(&made.name).await.open_fires, 0);
}

#[tokio::test]
async fn replace_cancels_the_run_and_starts_when_it_has_ended() {
    let service = Service::new().await;
    let made = service.under(OverlapPolicy::Replace, MissedFirePolicy::Once).await;
    service.pass(Duration::MINUTE).await;
    service.pass(Duration::MINUTE).await;
    let fires = service.fires(&made.name).await;
    assert_eq!((fires[1].state(), &fires[1].blocking_run), (State::Waiting, &fires[0].run));
    let orders = async |run: &str| {
        let request = ListRunCommandsRequest { parent: run.into(), ..Default::default() };
        service.runs().list_run_commands(service.ask(request)).await.expect("list").into_inner().commands
    };
    let receipts = orders(&fires[0].run).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!((receipts[0].kind(), receipts[0].state()), (CommandKind::Cancel, CommandState::Requested));
    assert_eq!(receipts[0].name, fires[1].cancel_command);
    assert_eq!(receipts[0].requester, format!("users/{USER}"));
    assert!(receipts[0].reason.starts_with("Replaced by"), "{}", receipts[0].reason);

    // A later one takes its place, and the run is cancelled once.
    service.pass(Duration::MINUTE).await;
    let told = service.told(&made.name).await;
    assert_eq!(told[1], (State::Skipped, "REPLACED".to_owned(), 120));
    assert_eq!(orders(&fires[0].run).await.len(), 1);
    assert_eq!(service.fires(&made.name).await[2].cancel_command, receipts[0].name);
    service.end_of(&fires[0].run).await;
    service.tick().await;
    assert_eq!(service.states(&made.name).await, [State::Started, State::Skipped, State::Started]);
}

#[tokio::test]
async fn every_overlap_policy_with_every_missed_policy() {
    use MissedFirePolicy::{All, Once, Skip};
    // A run goes on while nobody is at work for five minutes: four ticks are missed, the fifth is on time.
    let started = State::Started;
    let cells = [
        (OverlapPolicy::Skip, Skip, vec![started, State::Skipped, State::Skipped]),
        (OverlapPolicy::Skip, Once, vec![started, State::Skipped]),
        (OverlapPolicy::Skip, All, [vec![started], vec![State::Skipped; 5]].concat()),
        (OverlapPolicy::Queue, Skip, vec![started, State::Skipped, State::Waiting]),
        (OverlapPolicy::Queue, Once, vec![started, State::Waiting]),
        (OverlapPolicy::Queue, All, [vec![started, State::Waiting], vec![State::Due; 4]].concat()),
        (OverlapPolicy::Replace, Skip, vec![started, State::Skipped, State::Waiting]),
        (OverlapPolicy::Replace, Once, vec![started, State::Waiting]),
        (
            OverlapPolicy::Replace,
            All,
            [vec![started], vec![State::Skipped; 4], vec![State::Waiting]].concat(),
        ),
    ];
    let service = Service::new().await;
    let mut made = Vec::new();
    for (overlap, missed, _) in &cells {
        made.push(service.under(*overlap, *missed).await);
    }
    service.pass(Duration::MINUTE).await;
    service.pass(Duration::MINUTE * 5 + Duration::seconds(30)).await;
    for ((overlap, missed, states), schedule) in cells.iter().zip(&made) {
        let seen = service.states(&schedule.name).await;
        assert_eq!(&seen, states, "{overlap:?} {missed:?}");
        let now = service.schedule(&schedule.name).await;
        let of = |state: State| seen.iter().filter(|seen| **seen == state).count() as i64;
        // The fire that reports what was missed is no skipped one.
        let reports = i64::from(*missed == Skip);
        assert_eq!(now.skipped_fires, of(State::Skipped) - reports, "{overlap:?} {missed:?}");
        assert_eq!(i64::from(now.open_fires), of(State::Waiting) + of(State::Due), "{overlap:?} {missed:?}");
        assert_eq!(now.missed_times, if *missed == All { 0 } else { 4 }, "{overlap:?} {missed:?}");
    }
}

#[tokio::test]
async fn another_policy_has_other_plans_for_what_waits() {
    let service = Service::new().await;
    let made = service.under(OverlapPolicy::Queue, MissedFirePolicy::Once).await;
    for _ in 0..3 {
        service.pass(Duration::MINUTE).await;
    }
    let skip = Schedule { overlap_policy: OverlapPolicy::Skip as i32, etag: String::new(), ..made.clone() };
    service.change(skip, &["overlap_policy"]).await.expect("update");
    service.tick().await;
    assert_eq!(service.states(&made.name).await, [State::Started, State::Skipped, State::Skipped]);
}
