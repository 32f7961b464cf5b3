//! Fires: each tick once, whatever crashes and however many schedulers there are; as whom, and what when it cannot be.

use std::collections::BTreeSet;

use mc_proto::tasks::v1::{
    MissedFirePolicy, OverlapPolicy, Schedule, ScheduleFireState as State, TaskTemplate,
};
use time::Duration;

use super::schedules::{id_of, minutely, seconds};
use super::*;
use crate::domain::schedule::plan::{Plan, Planned, Progress};
use crate::store::{fire, tick};

#[tokio::test]
async fn tick_puts_a_task_on_the_board_and_starts_its_run_for_the_creator() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.pass(Duration::seconds(59)).await;
    assert!(service.told(&made.name).await.is_empty());
    service.pass(Duration::SECOND).await;
    let fires = service.fires(&made.name).await;
    assert_eq!((fires.len(), fires[0].state(), seconds(fires[0].due_time)), (1, State::Started, 60));
    let run = GetRunRequest { name: fires[0].run.clone() };
    let run = service.runs().get_run(service.ask(run)).await.expect("get").into_inner().run.expect("a run");
    assert_eq!((run.state(), run.starter.as_str()), (RunState::Queued, format!("users/{USER}").as_str()));
    assert_eq!((run.title.as_str(), run.task.as_str()), ("Write the report", fires[0].task.as_str()));
    assert_eq!(run.agent_version, format!("workspaces/{HOME}/agents/{AGENT}/versions/3"));
    let task = service.ask(GetTaskRequest { name: run.task });
    let task = service.tasks().get_task(task).await.expect("get").into_inner().task.expect("a task");
    assert_eq!(
        (task.state(), task.latest_run, task.brief.as_str()),
        (TaskState::InProgress, run.name, "All of it.")
    );
    assert_eq!(service.tables.claim(service.tables.worker().await, 5).await.len(), 1, "a worker finds it");

    let asked = service.leave.asked.lock().expect("nothing panics with it").clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].user, format!("users/{USER}"));
    assert_eq!(asked[0].permissions, ["llm.model.read", "registry.agent.read", "tasks.task.start"]);
    assert_eq!(asked[0].purpose, made.name);
    let now = service.schedule(&made.name).await;
    assert_eq!((now.started_fires, now.open_fires, seconds(now.next_fire_time)), (1, 0, 120));
    assert_eq!(now.latest_run, fires[0].run);
    assert_eq!(now.etag, made.etag, "nobody's edit is refused because it fired");
}

#[tokio::test]
async fn thousands_of_ticks_fire_once_each_with_several_schedulers() {
    let service = Service::new().await;
    let mut made = Vec::new();
    for _ in 0..40 {
        let schedule = Schedule { missed_fire_policy: MissedFirePolicy::All as i32, ..minutely() };
        made.push(service.scheduled(schedule).await);
    }
    for _ in 0..50 {
        service.clock.advance(Duration::MINUTE);
        let see = || service.clockwork.see_to_ticks();
        let (one, two, three, four) = futures::join!(see(), see(), see(), see());
        one.and(two).and(three).and(four).expect("see to the ticks");
    }
    while service.clockwork.see_to_ticks().await.expect("see to the ticks") {}
    let keys = service.tables.ticks().await;
    assert_eq!(keys.len(), 40 * 50);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    for schedule in &made {
        let now = service.schedule(&schedule.name).await;
        assert_eq!((now.open_fires, seconds(now.next_fire_time)), (50, 51 * 60));
    }

    // And of the fires each ends once: the first starts, the others overlap.
    service.clock.advance(Duration::MINUTE * 2);
    for _ in 0..3 {
        let clockwork = &service.clockwork;
        futures::join!(clockwork.round(), clockwork.round(), clockwork.round(), clockwork.round());
    }
    service.tick().await;
    assert_eq!(service.tables.runs().await, 40, "one run of each schedule");
    for schedule in &made {
        let now = service.schedule(&schedule.name).await;
        assert_eq!((now.started_fires, now.skipped_fires, now.open_fires), (1, 51, 0));
    }
}

#[tokio::test]
async fn tick_that_has_fired_fires_no_more_whatever_the_row_says() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.pass(Duration::MINUTE).await;
    let due = NOW + Duration::MINUTE;
    // As if a release with another idea of time had set it back.
    let mut tx = service.tables.engine.begin_open().await.expect("begin");
    let schedule = tick::DueSchedule {
        schedule_id: id_of(&made).uuid(),
        workspace_id: HOME,
        cron: made.cron.clone(),
        time_zone: made.time_zone.clone(),
        missed_policy: 2,
        settled_until: NOW,
        behind: 0,
        open_fires: 0,
    };
    let plan = Plan {
        fires: vec![Planned { due, missed: 0, starts: true }],
        progress: Progress { settled_until: NOW, behind: 0 },
        next: Some(due),
        missed: 0,
    };
    let mut ticks = tick::Ticks::default();
    ticks.add(&schedule, &plan, || service.tables.id());
    ticks.record(&mut tx, due).await.expect("record");
    tx.commit().await.expect("commit");
    service.tick().await;
    assert_eq!(service.told(&made.name).await.len(), 1);
    let now = service.schedule(&made.name).await;
    assert_eq!((now.open_fires, now.started_fires, seconds(now.next_fire_time)), (0, 1, 120));
}

#[tokio::test]
async fn clock_that_goes_back_fires_nothing_twice() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.pass(Duration::MINUTE * 2).await;
    let before = service.told(&made.name).await;
    service.pass(-Duration::HOUR).await;
    service.pass(Duration::MINUTE * 59).await;
    // An edit does not bring past ticks back either.
    let edited = Schedule { cron: "*/1 * * * *".into(), etag: String::new(), ..made.clone() };
    let edited = service.change(edited, &["cron"]).await.expect("update");
    assert_eq!(seconds(edited.next_fire_time), 180);
    service.pass(Duration::MINUTE).await;
    assert_eq!(service.told(&made.name).await, before);
    service.pass(Duration::MINUTE).await;
    assert_eq!(service.told(&made.name).await.len(), before.len() + 1);
}

#[tokio::test]
async fn scheduler_that_dies_between_steps_is_followed_by_another() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.clock.advance(Duration::MINUTE);
    // Dies before the ticks are committed: nothing has happened.
    let mut tx = service.tables.engine.begin_open().await.expect("begin");
    assert_eq!(tick::due(&mut tx, NOW + Duration::MINUTE, 10).await.expect("due").len(), 1);
    // While it holds them, others leave them alone.
    service.tick().await;
    assert!(service.told(&made.name).await.is_empty());
    tx.rollback().await.expect("roll back");
    // Dies after it took the schedule to look at its fire.
    let patience = std::time::Duration::from_secs(30);
    while service.clockwork.see_to_ticks().await.expect("ticks") {}
    let pool = service.tables.engine.pool();
    let now = NOW + Duration::MINUTE;
    assert_eq!(fire::take(pool, now, patience, 10).await.expect("take").len(), 1);
    assert!(fire::take(pool, now, patience, 10).await.expect("take").is_empty(), "it is another's");
    service.tick().await;
    assert_eq!(service.told(&made.name).await, [(State::Due, String::new(), 60)]);
    service.pass(Duration::seconds(30)).await;
    assert_eq!(service.told(&made.name).await, [(State::Started, String::new(), 60)]);
    // Two that were asked at the same time start one.
    service.clock.advance(Duration::seconds(30));
    service.end_of(&service.fires(&made.name).await[0].run).await;
    while service.clockwork.see_to_ticks().await.expect("ticks") {}
    let schedule = id_of(&made);
    let look = || service.clockwork.look(WorkspaceId::new(HOME), schedule);
    let (one, other, third) = futures::join!(look(), look(), look());
    one.and(other).and(third).expect("look");
    let told = service.told(&made.name).await;
    assert_eq!(told.iter().filter(|(state, ..)| *state == State::Started).count(), 2);
    assert_eq!(service.tables.runs().await, 2);
}

#[tokio::test]
async fn registry_that_is_away_delays_a_start_and_an_hour_is_too_long() {
    let service = Service::new().await;
    let hourly = Schedule { cron: "1 * * * *".into(), ..minutely() };
    let made = service.scheduled(hourly).await;
    service.registry.away.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE).await;
    let waits = || async { service.fires(&made.name).await.pop().expect("a fire") };
    let first = waits().await;
    assert_eq!((first.state(), first.reason.as_str(), first.attempts), (State::Due, "REGISTRY_AWAY", 1));
    service.tick().await;
    assert_eq!(waits().await.attempts, 1, "not before its time");
    service.pass(Duration::seconds(1)).await;
    service.pass(Duration::seconds(2)).await;
    assert_eq!(waits().await.attempts, 3);
    service.registry.away.store(false, Ordering::Relaxed);
    service.pass(Duration::seconds(4)).await;
    let started = waits().await;
    assert_eq!((started.state(), started.reason.as_str(), started.attempts), (State::Started, "", 4));
    service.end_of(&started.run).await;

    service.registry.away.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE * 60).await;
    assert_eq!(waits().await.state(), State::Due);
    service.pass(Duration::MINUTE * 59).await;
    assert_eq!(waits().await.state(), State::Due);
    service.pass(Duration::MINUTE).await;
    let told = service.told(&made.name).await;
    assert_eq!(told[1].0, State::Failed, "{told:?}");
    assert_eq!(told[1].1, "REGISTRY_AWAY");
    assert_eq!(service.schedule(&made.name).await.failed_fires, 1);
}

#[tokio::test]
async fn who_may_no_longer_start_and_an_agent_that_is_gone_fail_the_fire() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.leave.refused.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE).await;
    assert_eq!(service.registry.asked.load(Ordering::Relaxed), 0);
    service.leave.refused.store(false, Ordering::Relaxed);
    service.registry.gone.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE).await;
    service.registry.gone.store(false, Ordering::Relaxed);
    // Nobody knows what its model costs, and it may cost only so much.
    service.registry.limits.lock().expect("a lock").max_cost_nano_usd = Some(1);
    service.pass(Duration::MINUTE).await;
    service.registry.limits.lock().expect("a lock").max_cost_nano_usd = None;
    service.pass(Duration::MINUTE).await;
    let told = service.told(&made.name).await;
    assert_eq!(
        told,
        [
            (State::Failed, "PERMISSION_DENIED".to_owned(), 60),
            (State::Failed, "NOT_FOUND".to_owned(), 120),
            (State::Failed, "MODEL_UNPRICED".to_owned(), 180),
            (State::Started, String::new(), 240)
        ]
    );
    let now = service.schedule(&made.name).await;
    assert_eq!((now.failed_fires, now.started_fires), (3, 1));
}

#[tokio::test]
async fn time_away_is_made_up_for_as_the_policy_says() {
    use MissedFirePolicy::{All, Once, Skip};
    // Ten minutes away: nine ticks were missed, the tenth is on time.
    for (policy, told, missed) in [
        (Skip, vec![(State::Skipped, 540, 9), (State::Started, 600, 0)], 9),
        (Once, vec![(State::Started, 600, 9)], 9),
        (All, (1..=10).map(|minute| (State::Due, minute * 60, 0)).collect(), 0),
    ] {
        let service = Service::new().await;
        let schedule = Schedule { missed_fire_policy: policy as i32, ..minutely() };
        let made = service.scheduled(schedule).await;
        if policy == All {
            // To see what is due before the overlap policy does.
            service.registry.away.store(true, Ordering::Relaxed);
        }
        service.pass(Duration::MINUTE * 10 + Duration::seconds(30)).await;
        let fires = service.fires(&made.name).await;
        let seen: Vec<_> =
            fires.iter().map(|fire| (fire.state(), seconds(fire.due_time), fire.missed_times)).collect();
        assert_eq!(seen, told, "{policy:?}");
        assert_eq!(service.schedule(&made.name).await.missed_times, missed, "{policy:?}");
    }
}

#[tokio::test]
async fn hundred_fires_are_open_at_most_and_the_rest_is_told() {
    let service = Service::new().await;
    let schedule = Schedule {
        missed_fire_policy: MissedFirePolicy::All as i32,
        overlap_policy: OverlapPolicy::Queue as i32,
        ..minutely()
    };
    let made = service.scheduled(schedule).await;
    service.registry.away.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE * 150 + Duration::seconds(30)).await;
    let now = service.schedule(&made.name).await;
    // 149 were missed: the newest hundred fire, and the one that is on time finds no room.
    assert_eq!((now.open_fires, now.missed_times, now.skipped_fires), (100, 49, 1));
    let told = service.told(&made.name).await;
    assert_eq!(told.last(), Some(&(State::Skipped, "QUEUE_FULL".to_owned(), 150 * 60)));
    assert_eq!(service.fires(&made.name).await[0].missed_times, 49);
    assert_eq!(service.run_now(&made.name, "").await.expect_err("full").reason(), "SCHEDULE_BUSY");
}

#[tokio::test]
async fn pause_stops_the_clock_and_drops_what_waits_and_resuming_misses_nothing() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    service.registry.away.store(true, Ordering::Relaxed);
    service.pass(Duration::MINUTE).await;
    let paused = service.stop_clock(&made.name).await;
    assert_eq!((paused.paused, paused.next_fire_time), (true, None));
    assert_eq!(service.stop_clock(&made.name).await.etag, paused.etag, "again changes nothing");
    service.registry.away.store(false, Ordering::Relaxed);
    service.pass(Duration::HOUR).await;
    assert_eq!(service.told(&made.name).await, [(State::Skipped, "SCHEDULE_PAUSED".to_owned(), 60)]);
    let edited = Schedule { time_zone: "Europe/Berlin".into(), etag: String::new(), ..made.clone() };
    let edited = service.change(edited, &["time_zone"]).await.expect("update");
    assert_eq!((edited.paused, edited.next_fire_time), (true, None), "an edit does not resume it");

    let asked = service.run_now(&made.name, "r1").await.expect("run");
    assert_eq!(service.run_now(&made.name, "r1").await.expect("again"), asked);
    service.tick().await;
    let fires = service.fires(&made.name).await;
    assert_eq!((fires.len(), fires[1].state()), (2, State::Started));
    assert_eq!(fires[1].requester, format!("users/{USER}"));
    service.end_of(&fires[1].run).await;

    let resumed = service.go_on(&made.name).await;
    assert_eq!((resumed.paused, seconds(resumed.next_fire_time)), (false, 3_720));
    service.pass(Duration::MINUTE).await;
    let now = service.schedule(&made.name).await;
    assert_eq!((now.started_fires, now.missed_times), (2, 0));
}

#[tokio::test]
async fn another_timetable_counts_from_now() {
    let service = Service::new().await;
    // 08:00 UTC is 09:00 in Berlin.
    let nine = Schedule { cron: "30 9 * * *".into(), time_zone: "Europe/Berlin".into(), ..minutely() };
    let made = service.scheduled(nine).await;
    assert_eq!(seconds(made.next_fire_time), 1_800);
    let moved = Schedule { time_zone: "America/New_York".into(), etag: String::new(), ..made.clone() };
    let moved = service.change(moved, &["time_zone"]).await.expect("update");
    assert_eq!(seconds(moved.next_fire_time), 6 * 3_600 + 1_800);
    service.pass(Duration::HOUR).await;
    assert!(service.told(&made.name).await.is_empty());
    let sooner = Schedule { cron: "0,5 * * * *".into(), etag: String::new(), ..made.clone() };
    let sooner = service.change(sooner, &["cron"]).await.expect("update");
    assert_eq!(seconds(sooner.next_fire_time), 3_900, "what would have been due before is not missed");
    let template = TaskTemplate { title: "Another".into(), ..made.template.clone().expect("a template") };
    let renamed = Schedule { template: Some(template), etag: String::new(), ..made.clone() };
    let renamed = service.change(renamed, &["template"]).await.expect("update");
    assert_eq!(seconds(renamed.next_fire_time), 3_900, "another title leaves the clock alone");
    service.pass(Duration::MINUTE * 5).await;
    let fires = service.fires(&made.name).await;
    let run = service.ask(GetRunRequest { name: fires[0].run.clone() });
    let run = service.runs().get_run(run).await.expect("get").into_inner().run.expect("a run");
    assert_eq!((fires.len(), run.title.as_str()), (1, "Another"));
}

#[tokio::test]
async fn old_fires_are_forgotten_and_open_ones_are_not() {
    let service = Service::new().await;
    let daily = Schedule { overlap_policy: OverlapPolicy::Queue as i32, ..minutely() };
    let made = service.scheduled(daily).await;
    service.pass(Duration::MINUTE * 2).await;
    let before = service.told(&made.name).await;
    assert_eq!(before.len(), 2);
    service.stop_clock(&made.name).await;
    let old = NOW + Duration::MINUTE * 2 + Duration::SECOND;
    assert_eq!(fire::prune(service.tables.engine.pool(), old, 10).await.expect("prune"), 1);
    assert_eq!(service.told(&made.name).await, before[1..]);
}
