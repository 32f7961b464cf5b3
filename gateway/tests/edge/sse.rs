//! A watch as server-sent events.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;

use crate::fake::{Script, delta, event};
use crate::rig::Rig;

const RUN: &str = "workspaces/w/runs/r";
const WATCH: &str = "/v1/workspaces/w/runs/r:watch";

/// Reads until the stream ends or `enough` says so.
pub(crate) async fn read(request: reqwest::RequestBuilder, enough: impl Fn(&str) -> bool) -> String {
    let response = request.send().await.expect("answered");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut chunks = response.bytes_stream();
    let mut text = String::new();
    while !enough(&text) {
        let Some(chunk) = chunks.next().await else { break };
        text.push_str(std::str::from_utf8(&chunk.expect("chunk")).expect("UTF-8"));
    }
    text
}

#[tokio::test]
async fn events_carry_their_cursor_and_the_end_is_said() {
    let rig = Rig::start().await;
    rig.fake
        .script(RUN)
        .send_replace(Script { updates: vec![event(1), delta(1, 1, 0, "hi"), event(2)], ended: true });
    let text = read(rig.request("GET", WATCH), |_| false).await;
    assert!(text.contains("id: 1\ndata: {\"event\":{\"seq\":\"1\""), "{text}");
    assert!(text.contains("\n\ndata: {\"delta\":"), "a delta has no cursor: {text}");
    assert!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
}

#[tokio::test]
async fn last_event_id_resumes_without_gap_or_repeat() {
    let rig = Rig::start().await;
    let script = rig.fake.script(RUN);
    script.send_replace(Script { updates: vec![event(1), event(2)], ended: false });
    let first = read(rig.request("GET", WATCH), |text| text.contains("id: 2\n")).await;
    assert!(first.contains("id: 1\n"));
    script.send_replace(Script { updates: (1..=4).map(event).collect(), ended: true });
    // A browser repeats its first query, and knows better by now.
    let resumed = rig.request("GET", &format!("{WATCH}?afterSeq=0")).header("last-event-id", "2");
    let second = read(resumed, |_| false).await;
    assert!(!second.contains("id: 1\n") && !second.contains("id: 2\n"), "{second}");
    assert!(second.contains("id: 3\n") && second.contains("id: 4\n"), "{second}");
    assert_eq!(*rig.fake.0.watches.lock().expect("lock"), [0, 2]);
}

#[tokio::test]
async fn broken_stream_ends_with_a_problem() {
    let rig = Rig::start().await;
    rig.fake.script(RUN).send_replace(Script { updates: vec![event(1), event(2)], ended: false });
    rig.fake.0.break_after.store(1, Ordering::SeqCst);
    let text = read(rig.request("GET", WATCH), |_| false).await;
    assert!(
        text.contains("event: error\ndata: {\"type\":\"urn:missioncontrol:problem:UPSTREAM_UNAVAILABLE\""),
        "{text}"
    );
    assert!(!text.contains("event: end"), "{text}");
}

#[tokio::test]
async fn refusal_before_the_first_event_is_an_ordinary_problem() {
    let rig = Rig::start().await;
    rig.fake.fail_next(mc_chassis::Failure::not_found(RUN));
    assert_eq!(rig.get(WATCH).await.0, 404);
    assert_eq!(rig.get(&format!("{WATCH}?afterSeq=x")).await.1["violations"][0]["field"], "after_seq");
}

#[tokio::test]
async fn silence_is_filled_revocation_ends_it_and_so_does_a_restart() {
    let quick = mc_gateway::Settings {
        heartbeat: Duration::from_millis(20),
        recheck: Duration::from_millis(20),
        ..Default::default()
    };
    let rig = Rig::with(quick.clone()).await;
    let text = read(rig.request("GET", WATCH), |text| text.matches("\n:\n").count() >= 3).await;
    assert!(text.starts_with("retry: "), "{text}");
    rig.fake.0.revoked.store(true, Ordering::SeqCst);
    rig.clock.advance(mc_gateway::auth::STREAM_RECHECK - time::Duration::milliseconds(1));
    let advance = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        rig.clock.advance(time::Duration::milliseconds(1));
    };
    let (text, ()) = tokio::join!(read(rig.request("GET", WATCH), |_| false), advance);
    assert!(text.contains("problem:UNAUTHENTICATED"), "{text}");

    let rig = Rig::with(quick).await;
    let stop = async {
        crate::rig::until("the watch is open", || !rig.fake.0.watches.lock().expect("lock").is_empty()).await;
        rig.lifecycle.shutdown(Duration::from_secs(5)).await
    };
    let (text, shutdown) = tokio::join!(read(rig.request("GET", WATCH), |_| false), stop);
    assert!(text.contains("problem:DRAINING"), "{text}");
    assert!(shutdown.is_clean(), "{shutdown:?}");
}
