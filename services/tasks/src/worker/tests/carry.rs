//! What becomes of a run: carried to its end, taken over, handed back, delayed, given up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mc_chassis::bus::Signal;
use tonic::Code;

use super::Fleet;
use super::llm::Reply;
use crate::domain::decide::{self, Next};
use crate::domain::event::{Event, Record, Started};
use crate::domain::fold::{RunFold, RunState};
use crate::store::append::{Append, Besides, append_with};
use crate::store::artifact;
use crate::store::tests::{NOW, workspace};
use crate::topics::{self, Live};
use crate::worker::WorkerSettings;
use crate::worker::attempt::{self, Stop};
use crate::worker::journal::Journal;

fn write(path: &str, content: &str) -> (&'static str, String) {
    ("write_artifact", serde_json::json!({"path": path, "content": content}).to_string())
}

#[tokio::test]
async fn run_is_carried_from_the_queue_to_its_end() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Answer("Writing.", vec![write("a.md", "# A"), write("b.md", "# B")]));
    fleet.script.then(Reply::Answer(
        "Done.",
        vec![("finish", r#"{"summary":"Both are written.","evidence":["artifact:a.md"]}"#.to_owned())],
    ));
    let worker = fleet.worker();
    let ended = fleet.ended(home, run).await;

    assert_eq!((ended.status, ended.summary.as_str()), (3, "Both are written."));
    assert_eq!((ended.steps, ended.total_tokens, ended.cost_nano_usd), (2, 200, 2_000));
    assert_eq!(
        fleet.kinds(home, run).await,
        [
            "queued",
            "started",
            "model_call_started",
            "model_call_completed",
            "tool_call_started",
            "tool_call_started",
            "tool_call_completed",
            "tool_call_completed",
            "model_call_started",
            "model_call_completed",
            "tool_call_started",
            "tool_call_completed",
            "succeeded",
        ]
    );
    assert_eq!(fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/2/1")]);
    let asserted = fleet.script.asked.lock().unwrap()[0].1.clone();
    assert_eq!((asserted.run, asserted.workspace), (run.uuid(), home.uuid()));

    let mut tx = fleet.tables.api.read(home.uuid()).await.expect("read");
    let content = artifact::newest_content(&mut tx, run, "b.md").await.expect("read").expect("there");
    assert_eq!(content, b"# B");
    assert!(worker.shutdown(Duration::from_secs(5)).await.is_clean());
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tasks.worker WHERE beat_time > now() - interval '1 h'")
            .fetch_one(&fleet.tables.kit.admin())
            .await
            .expect("count");
    assert_eq!(left, 0, "it took itself off the list");
}

#[tokio::test]
async fn run_of_a_worker_that_died_in_mid_call_goes_on_with_the_same_key() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("Half a thou", vec![write("a.md", "A")]));
    let (worker, lease) = fleet.claim().await;
    let dead = worker.id;
    tokio::select! {
        () = attempt::attempt(worker, lease) => panic!("the model has not answered"),
        () = fleet.script.was_asked.notified() => {}
    }
    // The future is dropped: between the intent and the result, as by SIGKILL.
    assert_eq!(fleet.kinds(home, run).await.last(), Some(&"model_call_started"));

    fleet.script.go_on();
    fleet.reap(dead).await;
    let lease = fleet.attempt().await;
    assert_eq!(lease.epoch, 2);
    let ended = fleet.run(home, run).await;
    assert_eq!(ended.status, 3, "{ended:?}");
    let keys = fleet.script.keys();
    assert_eq!(keys[..2], [format!("{run}/1/1"), format!("{run}/1/1")], "the same call, not another one");
    let kinds = fleet.kinds(home, run).await;
    assert_eq!(kinds[2..5], ["model_call_started", "taken_over", "model_call_completed"]);
}

#[tokio::test]
async fn runs_go_on_by_themselves_after_the_database_was_away_for_longer_than_a_lease() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("…", Vec::new()));
    let worker = fleet.worker_with(WorkerSettings {
        heartbeat: Duration::from_millis(100),
        ttl: Duration::from_millis(400),
        poll: Duration::from_millis(50),
        ..WorkerSettings::default()
    });
    fleet.script.was_asked.notified().await;
    fleet.tables.kit.lock_out().await;
    // The worker drops its runs; nobody can take them from it meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    fleet.script.go_on();
    fleet.tables.kit.let_in().await;
    let ended = fleet.ended(home, run).await;
    assert_eq!(ended.status, 3, "{ended:?}");
    assert!(fleet.kinds(home, run).await.contains(&"taken_over"));
    assert_eq!(fleet.script.keys()[..2], [format!("{run}/1/1"), format!("{run}/1/1")], "the same call");
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn drain_hands_a_run_back_at_once_and_another_worker_ends_it() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("…", Vec::new()));
    let first = fleet.worker();
    fleet.script.was_asked.notified().await;
    assert!(first.shutdown(Duration::from_secs(5)).await.is_clean());
    assert!(fleet.is_ready(run).await, "without waiting for a time limit");
    let claims: i16 = sqlx::query_scalar("SELECT claims FROM tasks.run WHERE run_id = $1")
        .bind(run.uuid())
        .fetch_one(&fleet.tables.kit.admin())
        .await
        .expect("claims");
    assert_eq!(claims, 0, "a deploy is no failure of the run");

    fleet.script.go_on();
    let second = fleet.worker();
    fleet.ended(home, run).await;
    second.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn failure_of_the_provider_is_journalled_and_waits_without_a_worker() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Fail(Code::Unavailable, "PROVIDER_OVERLOADED"));
    fleet.attempt().await;
    let waiting = fleet.run(home, run).await;
    assert_eq!(waiting.status, 1);
    assert!(!fleet.is_ready(run).await);
    let retry_at = match fleet.events(home, run).await.pop() {
        Some(Event::ModelCallFailed(failed)) => failed.retry_at.expect("it is tried again"),
        other => panic!("{other:?}"),
    };
    fleet.wake_all().await;
    fleet.attempt().await;
    assert!(!fleet.is_ready(run).await, "woken too early, it waits on");
    fleet.wake_all().await;
    fleet.advance(retry_at - crate::store::tests::NOW + time::Duration::MILLISECOND);
    fleet.attempt().await;
    assert_eq!(fleet.run(home, run).await.status, 3);
    assert_eq!(fleet.script.keys(), [format!("{run}/1/1"), format!("{run}/1/2")]);
}

#[tokio::test]
async fn run_that_breaks_whatever_carries_it_is_ended_as_poison() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Malformed);
    for attempt in 1..=5 {
        let lease = fleet.attempt().await;
        assert_eq!(lease.claims, attempt);
        assert_eq!(fleet.run(home, run).await.status, 1, "attempt {attempt}");
        fleet.wake_all().await;
    }
    fleet.attempt().await;
    let ended = fleet.run(home, run).await;
    assert_eq!((ended.status, ended.error_reason.as_deref()), (4, Some("POISON_RUN")));
    // What it had asked for goes on at the provider, unless somebody says otherwise.
    assert_eq!(*fleet.script.cancelled.lock().unwrap(), [format!("{run}/1/1")]);
    let kinds = fleet.kinds(home, run).await;
    assert_eq!(kinds[kinds.len() - 2..], ["model_call_failed", "failed"]);
    let records = fleet.events(home, run).await;
    let records: Vec<_> = (1..).zip(records).map(|(seq, event)| Record { seq, at: NOW, event }).collect();
    assert_eq!(RunFold::replay(&records).expect("it folds").state(), RunState::Failed);
}

#[tokio::test]
async fn worker_that_lost_its_lease_stops_and_leaves_no_trace() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("…", Vec::new()));
    let (worker, lease) = fleet.claim().await;
    let dead = worker.id;
    let zombie = attempt::attempt(worker, lease);
    tokio::pin!(zombie);
    tokio::select! {
        () = &mut zombie => panic!("the model has not answered"),
        () = fleet.script.was_asked.notified() => {}
    }
    // Taken for dead while it waits for the model; another worker has the run meanwhile.
    fleet.reap(dead).await;
    let (_other, taken) = fleet.claim().await;
    let before = fleet.kinds(home, run).await;
    fleet.script.go_on();
    zombie.await;
    assert_eq!(fleet.kinds(home, run).await, before, "its answer was fenced off");
    let now = fleet.run(home, run).await;
    assert_eq!((now.status, taken.epoch), (2, 2), "and it did not give back what is not its own");
}

#[tokio::test]
async fn two_workers_share_the_runs_and_ask_each_model_call_once() {
    let fleet = Fleet::new().await;
    let mut runs = Vec::new();
    for number in 0..12 {
        let home = workspace(number % 3 + 1);
        runs.push((home, fleet.queued(home).await));
    }
    let workers = [fleet.worker(), fleet.worker()];
    for (home, run) in runs {
        assert_eq!(fleet.ended(home, run).await.status, 3);
    }
    let keys = fleet.script.keys();
    let distinct: HashSet<_> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (12, 12));
    for worker in workers {
        assert!(worker.shutdown(Duration::from_secs(5)).await.is_clean());
    }
}

#[tokio::test]
async fn live_text_goes_to_the_runs_topic_while_the_model_speaks() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    let run = fleet.queued(home).await;
    fleet.script.then(Reply::Stall("Half a thought", Vec::new()));
    let mut signals = fleet.bus.subscribe(&topics::run(run)).await;
    let worker = fleet.worker();
    let heard = async {
        loop {
            if let Signal::Message(text) = signals.next().await
                && let Ok(Live::Delta(delta)) = serde_json::from_str(&text)
            {
                return delta;
            }
        }
    };
    let delta = tokio::time::timeout(Duration::from_secs(10), heard).await.expect("a delta");
    assert_eq!((delta.step, delta.attempt, delta.offset, delta.text.as_str()), (1, 1, 0, "Half a thought"));
    worker.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn append_whose_answer_got_lost_is_known_again_and_any_other_has_the_journal_read_anew() {
    let fleet = Fleet::new().await;
    let home = workspace(1);
    fleet.queued(home).await;
    let (worker, lease) = fleet.claim().await;
    let bell = Arc::new(worker.bells.hang(lease.run));
    let mut journal = Journal::load(worker, lease.clone(), bell, false).await.expect("load");
    let commit = async |event: &Event| {
        let at = NOW;
        let append = Append { run: lease.run, epoch: lease.epoch, at, events: vec![event.clone()] };
        append_with(&fleet.tables.engine, home, &append, &Besides::default()).await.expect("commit");
    };

    let started = Event::Started(Started {});
    commit(&started).await;
    journal.append(vec![started], Besides::default()).await.expect("it is there");
    assert_eq!((journal.fold().head_seq(), journal.has_mail()), (2, true));

    let call = match decide::next(journal.fold(), NOW) {
        Next::CallModel(call) => call.intent.expect("an intent"),
        other => panic!("{other:?}"),
    };
    commit(&call).await;
    fleet.advance(time::Duration::SECOND);
    let refused = journal.append(vec![call], Besides::default()).await;
    assert!(matches!(refused, Err(Stop::Reload)), "not what it wrote: {refused:?}");
}
