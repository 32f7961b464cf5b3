//! A conversation that becomes too long: made shorter by a call that is paid once, whoever dies, and that people stop as any.

use std::time::Duration;

use mc_proto::tasks::v1::run_event::Kind as Recorded;
use mc_proto::tasks::v1::{ContextCompacted, ListRunEventsRequest, RunEvent};
use tonic::Code;

use super::*;
use crate::domain::brief::{AgentSnapshot, ContextPolicy};
use crate::store::tests::writer;

/// The model is said to read 40,000 tokens, or nothing is said.
fn agent(window_tokens: Option<u32>) -> AgentSnapshot {
    AgentSnapshot { context: ContextPolicy { window_tokens, compact_at_percent: None }, ..writer() }
}

/// Five answers that write so much that a sixth is to sum up.
async fn long(world: &World, agent: AgentSnapshot) -> RunId {
    for number in 0..5 {
        let content = "word ".repeat(12_000);
        let write = serde_json::json!({"path": format!("{number}.md"), "content": content}).to_string();
        world.fleet.script.then(Reply::Answer("Writing.", vec![("write_artifact", write)]));
    }
    world.fleet.queued_by(HOME, agent).await
}

/// Until this call is asked for.
async fn asked(world: &World, key: &str) {
    while world.fleet.script.keys().last().is_none_or(|last| last != key) {
        world.fleet.script.was_asked.notified().await;
    }
}

async fn records(world: &World, run: RunId) -> Vec<RunEvent> {
    let request = ListRunEventsRequest { parent: name(run), page_size: 200, ..Default::default() };
    let mut runs = RunServiceClient::new(world.upstream.unary());
    runs.list_run_events(world.ask(request)).await.expect("list the journal").into_inner().events
}

async fn compacted(world: &World, run: RunId) -> ContextCompacted {
    let found = records(world, run).await.into_iter().find_map(|record| match record.kind {
        Some(Recorded::ContextCompacted(compacted)) => Some(compacted),
        _ => None,
    });
    found.expect("it was made shorter")
}

#[tokio::test]
async fn summary_outlives_its_worker_is_paid_once_and_hides_nothing() {
    let world = World::new().await;
    let run = long(&world, agent(Some(40_000))).await;
    world.fleet.script.then(Reply::Stall("Half of it is done.", Vec::new()));
    let sixth = format!("{run}/6/1");
    world.fleet.tables.mark_fold_version(run, 3).await;
    world.killed(asked(&world, &sixth)).await;
    assert_eq!(world.kinds(run).await.last(), Some(&"model_call_started"));
    let version = world.fleet.tables.fold_version(run).await;
    assert_eq!(version, 5, "a worker of an older release would take the summary for an answer");

    world.fleet.script.go_on();
    world.attempt().await;
    let ended = world.run(run).await;
    assert_eq!((i32::from(ended.status), ended.steps), (RunState::Succeeded as i32, 7), "{ended:?}");
    assert_eq!((ended.total_tokens, ended.cost_nano_usd), (700, 7_000), "each call is paid once");
    let keys = world.fleet.script.keys();
    assert_eq!(keys[5..], [sixth.clone(), sixth, format!("{run}/7/1")]);
    let kinds = world.kinds(run).await;
    let at = kinds.iter().position(|kind| *kind == "context_compacted").expect("it was made shorter");
    assert_eq!(
        kinds[at - 3..=at + 1],
        [
            "model_call_started",
            "taken_over",
            "model_call_completed",
            "context_compacted",
            "model_call_started"
        ]
    );

    let shown = compacted(&world, run).await;
    assert_eq!((shown.step, shown.cost_nano_usd, shown.window_tokens), (6, Some(1_000), 40_000));
    assert!(shown.tokens_before > 23_856 && shown.tokens_after < 11_928, "{shown:?}");
    assert!(shown.text.contains("Half of it is done.") && shown.text.contains("`0.md`"), "{}", shown.text);
    let journal = records(&world, run).await;
    assert_eq!(journal.len() as i64, ended.head_seq, "every record is still there");
    let summed_up = journal.iter().find_map(|record| match &record.kind {
        Some(Recorded::ModelCallStarted(call)) if call.step == 6 => call.compacts_through_seq,
        _ => None,
    });
    assert_eq!(summed_up, Some(shown.last_seq));
    let heard = world.fleet.script.heard();
    assert_eq!(heard, [shown.text], "behind the task the model reads the summary, and then what is newest");
}

#[tokio::test]
async fn prompt_that_is_refused_as_too_long_is_made_shorter_and_asked_once_more() {
    let world = World::new().await;
    let run = long(&world, agent(None)).await;
    world.fleet.script.then(Reply::Fail(Code::FailedPrecondition, "CONTEXT_TOO_LONG"));
    world.fleet.script.then(Reply::Answer("Half of it is done.", Vec::new()));
    world.attempt().await;
    let ended = world.run(run).await;
    assert_eq!((i32::from(ended.status), ended.steps), (RunState::Succeeded as i32, 8), "{ended:?}");
    assert_eq!((ended.total_tokens, ended.cost_nano_usd), (700, 7_000), "what was refused costs nothing");
    let shown = compacted(&world, run).await;
    assert_eq!((shown.step, shown.window_tokens), (7, shown.tokens_before));
}

#[tokio::test]
async fn cancel_stops_a_summary_at_the_provider_and_books_it() {
    let world = World::new().await;
    let run = long(&world, agent(Some(40_000))).await;
    world.fleet.script.then(Reply::Stall("Half of", Vec::new()));
    let sixth = format!("{run}/6/1");
    let worker = world.fleet.worker();
    asked(&world, &sixth).await;
    world.cancel(run).await;
    let ended = world.once(run, RunState::Cancelled).await;
    assert_eq!(*world.fleet.script.cancelled.lock().unwrap(), [sixth]);
    assert_eq!((ended.cost_nano_usd, ended.estimated_cost_nano_usd), (5_700, 700));
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn run_that_failed_while_it_summed_up_goes_on_from_there() {
    let world = World::new().await;
    let run = long(&world, agent(Some(40_000))).await;
    world.fleet.script.then(Reply::Fail(Code::FailedPrecondition, "PROVIDER_REFUSED"));
    world.fleet.script.then(Reply::Answer("Half of it is done.", Vec::new()));
    world.attempt().await;
    assert_eq!(world.run(run).await.error_reason.as_deref(), Some("PROVIDER_REFUSED"));
    world.retry(run).await;
    world.attempt().await;
    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let keys = world.fleet.script.keys();
    assert_eq!(keys[5..], ["6/1", "6/2", "7/1"].map(|call| format!("{run}/{call}")));
}
