//! An answer that was cut is paid for, and its retry is a second charge that the journal and the run's sum show.

use super::Fleet;
use super::llm::Reply;
use crate::domain::event::{Event, ModelCallFailed};
use crate::store::run::Run;
use crate::store::tests::workspace;
use crate::worker::attempt;

/// Carries a run whose first call is cut at this cost to its end.
async fn cut_once(cost: Option<i64>) -> (Run, ModelCallFailed, usize) {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Cut(cost));
    fleet.attempt().await;
    let failed = match fleet.events(home, run).await.pop() {
        Some(Event::ModelCallFailed(failed)) => failed,
        other => panic!("{other:?}"),
    };
    fleet.wake_all().await;
    let retry_at = failed.retry_at.expect("it is tried again");
    fleet.advance(retry_at - crate::store::tests::NOW + time::Duration::MILLISECOND);
    fleet.attempt().await;
    assert_eq!(fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
    let kinds = fleet.kinds(home, run).await;
    let calls = kinds.iter().filter(|kind| **kind == "model_call_started").count();
    (fleet.run(home, run).await, failed, calls)
}

#[tokio::test]
async fn a_cut_answer_and_its_retry_are_two_charges() {
    let (run, failed, calls) = cut_once(Some(700)).await;
    assert_eq!((failed.cost_nano_usd, failed.cost_estimated, failed.total_tokens), (Some(700), true, 40));
    assert_eq!(calls, 2, "each charge has its call in the journal");
    assert_eq!((run.status, run.steps, run.total_tokens), (3, 1, 140));
    assert_eq!((run.cost_nano_usd, run.estimated_cost_nano_usd, run.unpriced_calls), (1_700, 700, 0));
}

#[tokio::test]
async fn a_cut_answer_without_a_price_is_counted_and_not_guessed() {
    let (run, failed, _) = cut_once(None).await;
    assert_eq!((failed.cost_nano_usd, failed.maybe_billed), (None, true));
    assert_eq!((run.total_tokens, run.cost_nano_usd), (140, 1_000));
    assert_eq!((run.estimated_cost_nano_usd, run.unpriced_calls), (0, 1));
}

#[tokio::test]
async fn a_worker_that_comes_back_to_a_cut_answer_books_it_and_pays_a_second_one() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Cut(Some(700)));
    let (worker, lease) = fleet.claim().await;
    let dead = worker.id;
    tokio::select! {
        biased;
        () = fleet.script.was_asked.notified() => {}
        () = attempt::attempt(worker, lease) => panic!("it dies when it has asked"),
    }
    fleet.reap(dead).await;
    fleet.attempt().await;
    let failed = match fleet.events(home, run).await.pop() {
        Some(Event::ModelCallFailed(failed)) => failed,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        fleet.script.keys(),
        [format!("{run}/1/1"), format!("{run}/1/1")],
        "it asked for the same one"
    );
    assert_eq!((failed.attempt, failed.cost_nano_usd, failed.cost_estimated), (1, Some(700), true));
    let now = fleet.run(home, run).await;
    assert_eq!((now.cost_nano_usd, now.estimated_cost_nano_usd), (700, 700));

    fleet.wake_all().await;
    fleet.advance(failed.retry_at.expect("a retry") - crate::store::tests::NOW + time::Duration::MILLISECOND);
    fleet.attempt().await;
    let ended = fleet.run(home, run).await;
    assert_eq!((ended.status, ended.cost_nano_usd, ended.estimated_cost_nano_usd), (3, 1_700, 700));
}
