//! The activity of a workspace through the edge: as a topic of the WebSocket, and as server-sent events.

use std::sync::atomic::Ordering;

use mc_chassis::Failure;
use serde_json::json;
use tonic::Code;

use crate::rig::{Rig, json as answer};
use crate::sse::read;
use crate::websocket::{Client, is, seqs};

const HOME: &str = "workspaces/w";
const WATCH: &str = "/v1/workspaces/w:watch";

fn asked(rig: &Rig) -> Vec<Option<i64>> {
    rig.fake.0.activity.watches.lock().expect("lock").clone()
}

fn gone() -> Failure {
    Failure::new(Code::OutOfRange, "CURSOR_EXPIRED", "it is no longer kept").with("oldest_seq", "17")
}

#[tokio::test]
async fn workspace_is_followed_from_now_on_and_resumed_at_a_cursor() {
    let rig = Rig::start().await;
    let changes = rig.fake.activity(HOME);
    changes.send_replace(vec![1, 2, 3]);
    let mut client = Client::open(&rig).await;
    client.subscribe(HOME, None).await;
    assert_eq!(client.next().await, json!({"type": "caughtUp", "topic": HOME, "cursor": "3"}));
    changes.send_replace((1..=4).collect());
    let frame = client.next().await;
    assert_eq!(
        (&frame["type"], &frame["topic"], &frame["cursor"]),
        (&json!("event"), &json!(HOME), &json!("4"))
    );
    let run = json!({
        "run": "workspaces/w/runs/r", "task": "workspaces/w/tasks/t",
        "state": "RUN_STATE_WAITING", "waitReason": "WAIT_REASON_APPROVAL",
    });
    assert_eq!(frame["event"], json!({"seq": "4", "createTime": "2026-11-23T08:00:00Z", "run": run}));
    drop(client);

    changes.send_replace((1..=6).collect());
    let mut client = Client::open(&rig).await;
    client.subscribe(HOME, Some("4")).await;
    assert_eq!(seqs(&client.until(is("caughtUp")).await), ["5", "6"]);
    assert_eq!(asked(&rig), [None, Some(4)]);
    let (_, metadata, _) = rig.fake.last_seen();
    assert!(metadata.get("authorization").expect("set").to_str().expect("text").ends_with(".workspaces.w"));
}

#[tokio::test]
async fn break_behind_the_edge_loses_no_change_even_before_the_first() {
    let rig = Rig::start().await;
    let changes = rig.fake.activity(HOME);
    let mut client = Client::open(&rig).await;
    rig.fake.0.break_after.store(1, Ordering::SeqCst);
    client.subscribe(HOME, None).await;
    // Nothing ever changed: that is a place as well, and the edge comes back to it.
    assert_eq!(client.next().await["cursor"], "0");
    changes.send_replace((1..=5).collect());
    let frames = client.until(|frame| frame["cursor"] == "5").await;
    assert_eq!(seqs(&frames), ["1", "2", "3", "4", "5"]);
    assert!(frames.iter().all(|frame| frame["type"] == "event"), "the break is not told: {frames:?}");
    assert!(asked(&rig).starts_with(&[None, Some(0)]), "{:?}", asked(&rig));
}

#[tokio::test]
async fn gap_is_never_passed_on() {
    let rig = Rig::start().await;
    let changes = rig.fake.activity(HOME);
    let mut client = Client::open(&rig).await;
    client.subscribe(HOME, Some("1")).await;
    assert_eq!(client.next().await["type"], "caughtUp");
    changes.send_replace(vec![3]);
    // The edge asks again until the missing change is there.
    crate::rig::until("the edge asks again", || asked(&rig).len() > 1).await;
    changes.send_replace(vec![2, 3]);
    assert_eq!(seqs(&client.until(|frame| frame["cursor"] == "3").await), ["2", "3"]);
}

#[tokio::test]
async fn expired_cursor_ends_the_topic_and_it_can_be_followed_anew() {
    let rig = Rig::start().await;
    rig.fake.activity(HOME).send_replace(vec![17, 18]);
    let mut client = Client::open(&rig).await;
    rig.fake.fail_next(gone());
    client.subscribe(HOME, Some("2")).await;
    let frame = client.next().await;
    assert_eq!((&frame["topic"], &frame["ended"]), (&json!(HOME), &json!(true)));
    let problem = &frame["problem"];
    assert_eq!((&problem["reason"], &problem["status"]), (&json!("CURSOR_EXPIRED"), &json!(410)));
    assert_eq!(problem["metadata"]["oldest_seq"], "17");
    client.subscribe(HOME, None).await;
    assert_eq!(client.next().await, json!({"type": "caughtUp", "topic": HOME, "cursor": "18"}));
}

#[tokio::test]
async fn workspace_of_others_and_a_cursor_that_is_none_are_refused() {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig).await;
    client.subscribe("workspaces/other", None).await;
    let frame = client.next().await;
    assert_eq!((&frame["ended"], &frame["problem"]["reason"]), (&json!(true), &json!("NOT_FOUND")));
    client.send(json!({"type": "subscribe", "id": "1", "topic": HOME, "cursor": "-1"})).await;
    assert_eq!(client.next().await["problem"]["violations"][0]["field"], "cursor");
    assert_eq!(asked(&rig), [], "neither reaches the service");
}

#[tokio::test]
async fn server_sent_events_have_a_place_to_resume_from_before_the_first_change() {
    let rig = Rig::start().await;
    let changes = rig.fake.activity(HOME);
    let text = read(rig.request("GET", WATCH), |text| text.contains("caughtUp")).await;
    assert!(text.contains("id: 0\ndata: {\"caughtUp\":{}}"), "{text}");
    changes.send_replace(vec![1, 2]);
    let resumed = rig.request("GET", WATCH).header("last-event-id", "0");
    let text = read(resumed, |text| text.contains("id: 2\n")).await;
    assert!(text.contains("id: 1\ndata: {\"event\":{\"seq\":\"1\""), "{text}");
    let after = rig.request("GET", &format!("{WATCH}?afterSeq=1"));
    let text = read(after, |text| text.contains("id: 2\n")).await;
    assert!(!text.contains("id: 1\n"), "{text}");
    assert_eq!(asked(&rig), [None, Some(0), Some(1)]);

    rig.fake.fail_next(gone());
    let (status, problem) = answer(rig.request("GET", &format!("{WATCH}?afterSeq=1"))).await;
    assert_eq!((status, &problem["reason"]), (410, &json!("CURSOR_EXPIRED")));
}
