//! Answers and calls that are larger than the journal takes of one event.

use super::Fleet;
use super::llm::Reply;
use crate::domain::arguments::MAX_ARTIFACT_BYTES;
use crate::domain::event::Event;
use crate::domain::event::bound::{MAX_EVENT_BYTES, MAX_WHOLE_BYTES};
use crate::domain::id::RunId;
use crate::store::tests::{NOW, workspace};
use crate::store::{artifact, journal};
use tonic::Code;

/// Bytes of the largest event of a run's journal.
async fn largest(fleet: &Fleet, run: RunId) -> i64 {
    sqlx::query_scalar("SELECT max(octet_length(body::text))::bigint FROM tasks.journal WHERE run_id = $1")
        .bind(run.uuid())
        .fetch_one(&fleet.tables.kit.admin())
        .await
        .expect("the largest")
}

#[tokio::test]
async fn file_of_the_largest_size_is_written_by_events_that_are_bounded_and_the_next_worker_reads_them_whole()
{
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    let line = "It is \"quoted\", and goes on until the end of this line, as lines of files do.\n";
    let mut content = line.repeat(MAX_ARTIFACT_BYTES / line.len() + 1);
    content.truncate(MAX_ARTIFACT_BYTES);
    let arguments = serde_json::json!({"path": "long.txt", "content": content}).to_string();
    fleet.script.then(Reply::Answer("Writing.", vec![("write_artifact", arguments.clone())]));
    fleet.script.then(Reply::Fail(Code::Unavailable, "PROVIDER_OVERLOADED"));
    fleet.attempt().await;
    assert!(largest(&fleet, run).await <= MAX_EVENT_BYTES as i64);

    let mut tx = fleet.tables.api.read(home.uuid()).await.expect("read");
    let shown = journal::shown_page(&mut tx, run, 0, 100).await.expect("page");
    let cut: Vec<_> = shown.iter().filter(|shown| shown.whole.is_some()).collect();
    let kinds: Vec<_> = cut.iter().map(|shown| shown.record.event.kind()).collect();
    assert_eq!(kinds, ["model_call_completed", "tool_call_started"]);
    for shown in cut {
        let id = shown.whole.expect("named");
        let (media_type, whole) = artifact::content(&mut tx, id).await.expect("read").expect("there");
        assert_eq!(media_type, "application/json");
        let whole = Event::from_json(std::str::from_utf8(&whole).expect("text")).expect("an event");
        assert_eq!((whole.kind(), whole.step()), (shown.record.event.kind(), shown.record.event.step()));
        assert_ne!(whole, shown.record.event);
    }
    // A page is as large as its first event, if that is larger than a page.
    for after in [3, 4] {
        assert_eq!(journal::page(&mut tx, run, after, 100).await.expect("page").len(), 1);
    }
    let listed = artifact::list(&mut tx, home, Some(run), None, 10).await.expect("list");
    assert_eq!(listed.len(), 1, "what belongs to the journal is in no list");
    assert_eq!((listed[0].path.as_str(), listed[0].size_bytes), ("long.txt", MAX_ARTIFACT_BYTES as i64));
    drop(tx);

    // Another worker reads the journal from its beginning, and sends the model what it had said.
    fleet.wake_all().await;
    fleet.advance(time::Duration::hours(1));
    fleet.attempt().await;
    assert_eq!(fleet.run(home, run).await.status, 3);
    assert_eq!(fleet.script.arguments(), [arguments]);
}

#[tokio::test]
async fn answer_that_no_artifact_takes_ends_the_run_and_is_paid_for() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    for (bytes, status) in [(MAX_WHOLE_BYTES - 4_096, 3), (MAX_WHOLE_BYTES, 4)] {
        let run = fleet.queued(home).await;
        let text: &'static str = Box::leak("x".repeat(bytes).into_boxed_str());
        let write = serde_json::json!({"path": "a.md", "content": "A"}).to_string();
        fleet.script.begin(run, Reply::Answer(text, vec![("write_artifact", write)]));
        fleet.attempt().await;
        let ended = fleet.run(home, run).await;
        assert_eq!(ended.status, status, "{bytes}: {:?}", ended.error_message);
        assert!(ended.cost_nano_usd >= 1_000 && ended.end_time >= Some(NOW));
        assert!(largest(&fleet, run).await <= MAX_EVENT_BYTES as i64);
        if status == 4 {
            assert_eq!(ended.error_reason.as_deref(), Some("ANSWER_TOO_LARGE"));
        }
    }
}
