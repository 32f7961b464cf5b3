//! Watches over every kind of bus, and with the bus dead: no gap, no duplicate, from wherever they begin.

mod activity;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use mc_chassis::bus::Bus;
use mc_chassis::{Failure, Lifecycle};
use mc_proto::tasks::v1::WatchRunResponse;
use mc_proto::tasks::v1::watch_run_response::Update;
use rand_like::Lcg;

use super::{Access, Cadence, Request, Watcher};
use crate::domain::event::{Event, Failed, RunError};
use crate::domain::id::{RunId, WorkspaceId};
use crate::error::Error;
use crate::store::append::{Append, Besides, append_one, append_with};
use crate::store::lease::Lease;
use crate::store::tests::{Tables, intent, workspace};
use crate::topics::{self, Delta, Live, SyncRequest, TextKind};

const QUICK: Cadence = Cadence {
    poll_healthy: Duration::from_millis(200),
    poll_unhealthy: Duration::from_millis(20),
    caught_up: Duration::from_millis(300),
    access: Duration::from_secs(30),
    sync: Duration::from_millis(20),
};

/// A sequence that follows from a seed, for choices that need no quality.
mod rand_like {
    pub(super) struct Lcg(pub(super) u64);

    impl Lcg {
        pub(super) fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }
}

fn allowed() -> Access {
    Arc::new(|| Box::pin(async { Ok(()) }))
}

fn request(run: RunId, after_seq: i64) -> Request {
    Request { workspace: workspace(1), run, after_seq, events_only: false, access: allowed() }
}

/// The seqs of a watch, to its end.
async fn seqs(stream: BoxStream<'static, Result<WatchRunResponse, Error>>) -> Vec<i64> {
    let events = stream.filter_map(|update| async {
        match update.expect("no error").update {
            Some(Update::Event(event)) => Some(event.seq),
            _ => None,
        }
    });
    tokio::time::timeout(Duration::from_secs(30), events.collect()).await.expect("the watch ends")
}

async fn leased(tables: &Tables) -> Lease {
    tables.run(workspace(1)).await;
    let worker = tables.worker().await;
    tables.claim(worker, 1).await.remove(0)
}

/// Appends intents in groups, with hints as they come. Answers the step behind the last.
async fn write(tables: &Tables, bus: &Bus, lease: &Lease, steps: std::ops::Range<u32>, seed: u64) -> u32 {
    let mut random = Lcg(seed);
    let topic = topics::run(lease.run);
    let (mut step, last) = (steps.start, steps.end);
    while step < last {
        let group = 1 + random.below(4) as u32;
        let events = (step..step + group).flat_map(|step| intent(lease, step).events).collect();
        let append = Append { events, ..intent(lease, step) };
        let mut connection = tables.engine.pool().acquire().await.expect("acquire");
        let head = append_one(&mut connection, &append).await.expect("append");
        drop(connection);
        // Some hints never come.
        if random.below(3) > 0 {
            topics::publish(bus, &topic, &Live::Head { seq: head.head_seq });
        }
        step += group;
    }
    step
}

async fn end(tables: &Tables, bus: &Bus, lease: &Lease) -> i64 {
    let error = RunError::new("STUCK_LOOP", "The end.");
    let end = Append { events: vec![Event::Failed(Failed { error })], ..intent(lease, 0) };
    let head =
        append_with(&tables.engine, lease.workspace, &end, &Besides::default()).await.expect("end").head_seq;
    topics::publish(bus, &topics::run(lease.run), &Live::Head { seq: head });
    head
}

async fn lossless(bus: Bus, seeds: std::ops::Range<u64>) {
    let tables = Tables::new().await;
    let lifecycle = Lifecycle::new();
    let watcher = Watcher::new(tables.api.clone(), bus.clone(), QUICK, &lifecycle);
    for seed in seeds {
        let lease = leased(&tables).await;
        let mut random = Lcg(seed + 1_000);
        let written = write(&tables, &bus, &lease, 1..15, seed).await;
        // From the beginning, from somewhere, from the newest event.
        let starts = [0, 1, random.below(u64::from(written)) as i64, i64::from(written)];
        let watches =
            starts.iter().map(|after| async { seqs(watcher.watch(request(lease.run, *after)).await).await });
        let rest = async {
            write(&tables, &bus, &lease, written..written + 30, seed + 7).await;
            end(&tables, &bus, &lease).await
        };
        let (watched, last) = futures::join!(futures::future::join_all(watches), rest);
        for (after, seen) in starts.iter().zip(watched) {
            let expected: Vec<i64> = (after + 1..=last).collect();
            assert_eq!(seen, expected, "seed {seed}, after {after} of {last}");
        }
        // Who has seen it all is not left waiting.
        assert!(seqs(watcher.watch(request(lease.run, last)).await).await.is_empty());
    }
}

#[tokio::test]
async fn nothing_is_missed_or_doubled_over_a_bus_within_the_process() {
    lossless(Bus::local(), 0..12).await;
}

#[tokio::test]
async fn nothing_is_missed_or_doubled_over_postgres() {
    let lifecycle = Lifecycle::new();
    let kit = mc_chassis::testkit::database(&[&crate::SCHEMA]).await;
    let bus = Bus::postgres(&kit.url_for("tasks", "api"), "watch", &lifecycle).expect("bus");
    lossless(bus, 20..26).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn nothing_is_missed_or_doubled_over_redis() {
    let lifecycle = Lifecycle::new();
    let url = std::env::var("MC_TEST_REDIS_URL").expect("MC_TEST_REDIS_URL is set by ./mc test");
    let bus = Bus::redis(&url, "watch-test", &lifecycle).expect("bus");
    lossless(bus, 40..46).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn nothing_is_missed_or_doubled_with_the_bus_dead() {
    let lifecycle = Lifecycle::new();
    let bus = Bus::redis("redis://127.0.0.1:1", "watch-test", &lifecycle).expect("bus");
    assert!(!bus.healthy());
    lossless(bus, 60..63).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}

async fn next(stream: &mut BoxStream<'static, Result<WatchRunResponse, Error>>) -> Update {
    let update = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("in time");
    update.expect("goes on").expect("no error").update.expect("something")
}

/// The next update that is no sign of life.
async fn next_said(stream: &mut BoxStream<'static, Result<WatchRunResponse, Error>>) -> Update {
    loop {
        match next(stream).await {
            Update::CaughtUp(_) => {}
            said => return said,
        }
    }
}

fn delta(step: u32, offset: u64, text: &str) -> Live {
    Live::Delta(Delta { step, attempt: 1, kind: TextKind::Text, offset, text: text.into() })
}

#[tokio::test]
async fn late_joiner_asks_for_the_text_so_far_and_hears_each_byte_once() {
    let tables = Tables::new().await;
    let (bus, lifecycle) = (Bus::local(), Lifecycle::new());
    let watcher = Watcher::new(tables.api.clone(), bus.clone(), QUICK, &lifecycle);
    let lease = leased(&tables).await;
    let mut connection = tables.engine.pool().acquire().await.expect("acquire");
    append_one(&mut connection, &intent(&lease, 1)).await.expect("append");
    let mut requests = bus.subscribe(topics::SYNC).await;
    let topic = topics::run(lease.run);

    // One begins at the beginning, one behind the intent of the open call.
    for after in [0, 2] {
        let mut stream = watcher.watch(request(lease.run, after)).await;
        for seq in after + 1..=2 {
            assert!(matches!(next(&mut stream).await, Update::Event(event) if event.seq == seq));
        }
        assert!(matches!(next(&mut stream).await, Update::CaughtUp(seen) if seen.seq == 2));
        let asked = match requests.next().await {
            mc_chassis::bus::Signal::Message(text) => {
                serde_json::from_str::<SyncRequest>(&text).expect("request")
            }
            mc_chassis::bus::Signal::Gap => panic!("a local bus loses nothing"),
        };
        assert_eq!(asked.run, lease.run);
        // A piece from the middle comes first, as it does when the answer is on its way; then the answer; then the rest.
        for said in
            [delta(1, 6, "world"), delta(1, 0, "Hello world"), delta(1, 6, "world"), delta(1, 11, "!")]
        {
            topics::publish(&bus, &topic, &said);
        }
        let mut heard = String::new();
        while heard.len() < 12 {
            match next_said(&mut stream).await {
                Update::Delta(delta) => {
                    assert_eq!(delta.offset as usize, heard.len());
                    heard.push_str(&delta.text);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heard, "Hello world!");
    }
}

#[tokio::test]
async fn delta_of_a_call_whose_outcome_was_sent_is_dropped() {
    let tables = Tables::new().await;
    let (bus, lifecycle) = (Bus::local(), Lifecycle::new());
    let watcher = Watcher::new(tables.api.clone(), bus.clone(), QUICK, &lifecycle);
    let lease = leased(&tables).await;
    let mut stream = watcher.watch(request(lease.run, 1)).await;
    assert!(matches!(next(&mut stream).await, Update::CaughtUp(_)));
    let mut connection = tables.engine.pool().acquire().await.expect("acquire");
    append_one(&mut connection, &intent(&lease, 1)).await.expect("append");
    // The intent has not been hinted at: its first delta makes the watch read it first.
    let topic = topics::run(lease.run);
    topics::publish(&bus, &topic, &delta(1, 0, "a"));
    assert!(matches!(next_said(&mut stream).await, Update::Event(event) if event.seq == 2));
    assert!(matches!(next_said(&mut stream).await, Update::Delta(delta) if delta.text == "a"));
    append_one(&mut connection, &intent(&lease, 2)).await.expect("append");
    topics::publish(&bus, &topic, &Live::Head { seq: 3 });
    topics::publish(&bus, &topic, &delta(1, 1, "late"));
    topics::publish(&bus, &topic, &delta(2, 0, "b"));
    assert!(matches!(next_said(&mut stream).await, Update::Event(event) if event.seq == 3));
    assert!(matches!(next_said(&mut stream).await, Update::Delta(delta) if delta.text == "b"));
}

#[tokio::test]
async fn watch_ends_when_the_caller_may_no_longer_watch_and_when_the_process_drains() {
    let tables = Tables::new().await;
    let (bus, lifecycle) = (Bus::local(), Lifecycle::new());
    let cadence = Cadence { access: Duration::from_millis(50), ..QUICK };
    let watcher = Watcher::new(tables.api.clone(), bus, cadence, &lifecycle);
    let lease = leased(&tables).await;
    let access: Access = Arc::new(|| Box::pin(async { Err(Failure::unauthenticated("expired")) }));
    let stream = watcher.watch(Request { access, ..request(lease.run, 0) }).await;
    let all: Vec<_> = stream.collect().await;
    let end = all.last().expect("something");
    assert!(matches!(end, Err(Error::Refused(failure)) if failure.reason() == "UNAUTHENTICATED"), "{end:?}");

    let mut stream = watcher.watch(request(lease.run, 1)).await;
    assert!(matches!(next(&mut stream).await, Update::CaughtUp(_)));
    lifecycle.stop();
    let end = stream.next().await.expect("an end").expect_err("it says why");
    assert!(matches!(end, Error::Refused(failure) if failure.reason() == "DRAINING"));
}
