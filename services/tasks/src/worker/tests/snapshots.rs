//! When a worker keeps a snapshot of a run, and when none is left.

use time::Duration;

use super::Fleet;
use super::llm::Reply;
use crate::domain::brief::{AgentSnapshot, RunLimits, ToolGrant};
use crate::domain::id::RunId;
use crate::store::snapshot::{AT_REST, EVERY};
use crate::store::tests::{workspace, writer};

async fn kept(fleet: &Fleet, run: RunId) -> Option<i64> {
    sqlx::query_scalar("SELECT seq FROM tasks.run_snapshot WHERE run_id = $1")
        .bind(run.uuid())
        .fetch_optional(&fleet.tables.kit.admin())
        .await
        .expect("look")
}

/// Four events each.
fn writes(fleet: &Fleet, from: usize, steps: usize) {
    for number in from..from + steps {
        let write = serde_json::json!({"path": format!("{number}.md"), "content": "A"}).to_string();
        fleet.script.then(Reply::Answer("", vec![("write_artifact", write)]));
    }
}

fn waits(fleet: &Fleet) {
    fleet.script.then(Reply::Answer(
        "",
        vec![("wait", r#"{"seconds": 3600, "reason": "It takes an hour."}"#.into())],
    ));
}

#[tokio::test]
async fn a_run_that_rests_after_many_events_is_kept_and_one_that_has_ended_is_not() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let limits = RunLimits { max_steps: 1_000, ..RunLimits::default() };
    let tools = vec![ToolGrant::of("write_artifact"), ToolGrant::of("wait")];
    let run = fleet.queued_by(home, AgentSnapshot { tools, limits, ..writer() }).await;
    waits(&fleet);
    fleet.attempt().await;
    assert_eq!(kept(&fleet, run).await, None, "short runs are not worth it");

    let steps = usize::try_from(AT_REST / 4).expect("a count");
    writes(&fleet, 0, steps);
    waits(&fleet);
    fleet.advance(Duration::hours(2));
    fleet.wake_all().await;
    fleet.attempt().await;
    let at_rest = kept(&fleet, run).await.expect("a snapshot");
    assert_eq!(at_rest, fleet.run(home, run).await.head_seq);

    // It goes on from there, keeps another one underway, and a rest soon after that keeps none.
    let more = usize::try_from(EVERY / 4).expect("a count");
    writes(&fleet, steps, more);
    waits(&fleet);
    fleet.advance(Duration::hours(2));
    fleet.wake_all().await;
    fleet.attempt().await;
    let (underway, head_seq) =
        (kept(&fleet, run).await.expect("a snapshot"), fleet.run(home, run).await.head_seq);
    assert_eq!(underway, at_rest + EVERY);
    assert!(head_seq > underway && head_seq < underway + AT_REST, "{underway} {head_seq}");

    fleet.advance(Duration::hours(2));
    fleet.wake_all().await;
    fleet.attempt().await;
    assert_eq!(fleet.run(home, run).await.status, 3);
    assert_eq!(kept(&fleet, run).await, None);
}
