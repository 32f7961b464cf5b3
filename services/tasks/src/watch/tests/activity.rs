//! Watches of a workspace over every kind of bus, and with the bus dead: no gap, no duplicate, and a clear end where what is to
//! come next is forgotten.

use super::*;
use crate::relay;
use crate::store::activity as stored;
use crate::watch::ActivityRequest;
use mc_proto::tasks::v1::WatchWorkspaceResponse;
use mc_proto::tasks::v1::watch_workspace_response::Update as Said;

type Stream = BoxStream<'static, Result<WatchWorkspaceResponse, Error>>;

const HOME: WorkspaceId = workspace(1);
const KEPT: Duration = Duration::from_hours(1);

fn from(after_seq: i64) -> ActivityRequest {
    ActivityRequest { workspace: HOME, after_seq, access: allowed() }
}

async fn said(stream: &mut Stream) -> Result<Said, Error> {
    let said = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("in time");
    said.expect("goes on").map(|said| said.update.expect("something"))
}

/// The seqs of the next changes, up to `last`.
async fn seqs_to(stream: &mut Stream, last: i64) -> Vec<i64> {
    let mut seqs = Vec::new();
    while seqs.last().is_none_or(|seq| *seq < last) {
        if let Said::Event(event) = said(stream).await.expect("no error") {
            seqs.push(event.seq);
        }
    }
    seqs
}

async fn number(tables: &Tables) -> i64 {
    while stored::relay(tables.engine.pool(), 7).await.expect("relay").numbered > 0 {}
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    stored::head(&mut tx, HOME).await.expect("head")
}

async fn make(tables: &Tables, tasks: u64) {
    for _ in 0..tasks {
        tables.task(HOME).await;
        // Another workspace's changes are none of ours.
        tables.task(workspace(2)).await;
    }
}

async fn lossless(bus: Bus) {
    let (tables, lifecycle) = (Tables::new().await, Lifecycle::new());
    let watcher = Watcher::new(tables.api.clone(), bus.clone(), QUICK, &lifecycle);
    make(&tables, 20).await;
    let head = number(&tables).await;
    assert_eq!(head, 20);
    let watches = [0, 1, 13, head].map(|after| {
        let watcher = &watcher;
        async move {
            let mut stream = watcher.watch_activity(from(after)).await;
            (after, seqs_to(&mut stream, head + 60).await)
        }
    });
    let scheduler = Lifecycle::new();
    let relays = async {
        futures::join!(
            relay::run(KEPT, &tables.engine, &bus, &scheduler),
            relay::run(KEPT, &tables.engine, &bus, &scheduler)
        );
    };
    let rest = async {
        futures::join!(make(&tables, 30), make(&tables, 30));
    };
    let watched = async {
        let watched = futures::future::join_all(watches).await;
        scheduler.stop();
        watched
    };
    let (watched, (), ()) = futures::join!(watched, rest, relays);
    for (after, seen) in watched {
        assert_eq!(seen, (after + 1..=head + 60).collect::<Vec<_>>(), "after {after}");
    }
}

#[tokio::test]
async fn no_change_is_missed_or_doubled_over_a_bus_within_the_process() {
    lossless(Bus::local()).await;
}

#[tokio::test]
async fn no_change_is_missed_or_doubled_over_redis() {
    let lifecycle = Lifecycle::new();
    let url = std::env::var("MC_TEST_REDIS_URL").expect("MC_TEST_REDIS_URL is set by ./mc test");
    lossless(Bus::redis(&url, "activity-test", &lifecycle).expect("bus")).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn no_change_is_missed_or_doubled_with_the_bus_dead() {
    let lifecycle = Lifecycle::new();
    let bus = Bus::redis("redis://127.0.0.1:1", "activity-test", &lifecycle).expect("bus");
    lossless(bus).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn hint_brings_a_change_long_before_the_poll_would() {
    let (tables, bus, lifecycle) = (Tables::new().await, Bus::local(), Lifecycle::new());
    let hour = Duration::from_hours(1);
    let cadence = Cadence { poll_healthy: hour, poll_unhealthy: hour, ..QUICK };
    let watcher = Watcher::new(tables.api.clone(), bus.clone(), cadence, &lifecycle);
    let mut stream = watcher.watch_activity(from(0)).await;
    assert!(matches!(said(&mut stream).await, Ok(Said::CaughtUp(seen)) if seen.seq == 0));
    let relays = relay::run(KEPT, &tables.engine, &bus, &lifecycle);
    let watched = async {
        make(&tables, 1).await;
        assert_eq!(seqs_to(&mut stream, 1).await, [1]);
        lifecycle.stop();
    };
    futures::join!(relays, watched);
}

#[tokio::test]
async fn watch_says_that_it_has_caught_up_and_goes_on_saying_that_it_lives() {
    let (tables, lifecycle) = (Tables::new().await, Lifecycle::new());
    let watcher = Watcher::new(tables.api.clone(), Bus::local(), QUICK, &lifecycle);
    make(&tables, 2).await;
    number(&tables).await;
    let mut stream = watcher.watch_activity(from(1)).await;
    assert!(matches!(said(&mut stream).await, Ok(Said::Event(event)) if event.seq == 2));
    for _ in 0..3 {
        assert!(matches!(said(&mut stream).await, Ok(Said::CaughtUp(seen)) if seen.seq == 2));
    }
}

#[tokio::test]
async fn reader_so_slow_that_its_next_change_is_forgotten_is_told_so() {
    let (tables, lifecycle) = (Tables::new().await, Lifecycle::new());
    let watcher = Watcher::new(tables.api.clone(), Bus::local(), QUICK, &lifecycle);
    // More than a page, so that the watch has to come back to the tables.
    make(&tables, 205).await;
    let head = number(&tables).await;
    let (mut part, mut all) = (watcher.watch_activity(from(0)).await, watcher.watch_activity(from(0)).await);
    for stream in [&mut part, &mut all] {
        assert!(matches!(said(stream).await, Ok(Said::Event(event)) if event.seq == 1));
    }
    let engine = tables.engine.pool();
    // What is left begins behind what the reader has: it is told where.
    stored::prune(engine, Duration::ZERO, 202 * 2).await.expect("prune");
    let oldest = {
        let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
        stored::oldest(&mut tx, HOME).await.expect("oldest").expect("some are left")
    };
    let end = loop {
        match said(&mut part).await {
            Ok(Said::Event(event)) => assert!(event.seq <= 200, "from the page that it had"),
            Ok(Said::CaughtUp(_)) => panic!("it has not caught up"),
            Err(end) => break end,
        }
    };
    assert!(
        matches!(end, Error::CursorExpired { after_seq: 200, oldest_seq } if oldest_seq == oldest),
        "{end:?}"
    );
    assert!(part.next().await.is_none(), "and that is the end");

    // Nothing is left: neither is that silence.
    stored::prune(engine, Duration::ZERO, 1_000).await.expect("prune");
    let end = loop {
        if let Err(end) = said(&mut all).await {
            break Failure::from(end);
        }
    };
    assert_eq!((end.reason(), &end.metadata()["oldest_seq"]), ("CURSOR_EXPIRED", &(head + 1).to_string()));
}

#[tokio::test]
async fn watch_of_a_workspace_ends_with_the_callers_right_and_with_the_process() {
    let (tables, lifecycle) = (Tables::new().await, Lifecycle::new());
    let cadence = Cadence { access: Duration::from_millis(50), ..QUICK };
    let watcher = Watcher::new(tables.api.clone(), Bus::local(), cadence, &lifecycle);
    let access: Access = Arc::new(|| Box::pin(async { Err(Failure::unauthenticated("expired")) }));
    let stream = watcher.watch_activity(ActivityRequest { access, ..from(0) }).await;
    let all: Vec<_> = stream.collect().await;
    let end = all.last().expect("something");
    assert!(matches!(end, Err(Error::Refused(failure)) if failure.reason() == "UNAUTHENTICATED"), "{end:?}");

    let mut stream = watcher.watch_activity(from(0)).await;
    assert!(matches!(said(&mut stream).await, Ok(Said::CaughtUp(_))));
    lifecycle.stop();
    let end = stream.next().await.expect("an end").expect_err("it says why");
    assert!(matches!(end, Error::Refused(failure) if failure.reason() == "DRAINING"));
}

#[tokio::test]
async fn watch_ends_with_an_error_when_the_database_is_gone() {
    let (tables, lifecycle) = (Tables::new().await, Lifecycle::new());
    let api = tables.kit.login("tasks", "api").await;
    let watcher = Watcher::new(api.clone(), Bus::local(), QUICK, &lifecycle);
    let mut stream = watcher.watch_activity(from(0)).await;
    api.close().await;
    let end = Failure::from(said(&mut stream).await.expect_err("it cannot read"));
    assert_eq!(end.code(), tonic::Code::Unavailable);
}
