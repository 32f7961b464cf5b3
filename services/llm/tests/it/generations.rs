//! Generations live in their rows: joined, replayed, fenced, drained.

use std::time::Duration;

use mc_llm::Settings;
use mc_proto::llm::v1::{FinishReason, GenerationState};
use tonic::Code;

use crate::fleet::{Fleet, settings};

/// As the scripts are written, for tests that look at an answer while it comes.
fn paced() -> Settings {
    Settings { simulator_pace_percent: 20, ..settings() }
}

#[tokio::test]
async fn an_answer_is_streamed_stored_and_booked() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let told = llm.ask("r/1/1", "simulator/demo").await;
    assert!(!told.attached && told.deltas >= 3);
    assert!(told.thinking.contains("a script, not a model") && told.text.contains("Count the apples"));
    assert_eq!((told.calls.len(), told.calls[0].1.as_str()), (1, "write_artifact"));
    let (name, call) = (told.generation.clone(), told.calls[0].clone());
    let finished = told.finished();
    assert_eq!(finished.finish_reason(), FinishReason::ToolCalls);
    assert!(finished.provider_model.contains("no model"));

    let stored = llm.generation(&name).await;
    assert_eq!(stored.state(), GenerationState::Succeeded);
    assert_eq!((&stored.message, &stored.usage), (&finished.message, &finished.usage));
    assert_eq!((stored.cost_nano_usd, stored.idempotency_key.as_str()), (finished.cost_nano_usd, "r/1/1"));
    assert!(stored.first_token_time.is_some() && stored.end_time.is_some() && stored.error_reason.is_empty());
    assert!(serde_json::from_str::<serde_json::Value>(&call.2).is_ok(), "arguments are whole");

    let used = finished.usage.expect("usage");
    let total = llm.total().await;
    assert_eq!((total.generations, total.usage, total.unpriced_generations), (1, Some(used), 0));
    // The book's fictional prices: 0.5 and 1.5 US dollars for a million tokens.
    assert_eq!(total.cost_nano_usd, used.input_tokens * 500 + used.output_tokens * 1_500);
}

#[tokio::test]
async fn the_same_key_replays_the_stored_answer_and_pays_nothing() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let first = llm.ask("r/1/1", "simulator/demo").await;
    let again = llm.ask("r/1/1", "simulator/demo").await;
    assert!(again.attached && again.generation == first.generation);
    assert_eq!((&again.text, &again.thinking, &again.calls), (&first.text, &first.thinking, &first.calls));
    assert_eq!(again.finished(), first.finished());
    assert_eq!(llm.total().await.generations, 1);
}

#[tokio::test]
async fn the_same_key_joins_a_running_answer_from_its_beginning() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance_with(paced()).await;
    let mut first = llm.listen(llm.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;
    let second = llm.listen(llm.request("r/1/1", "simulator/slow")).await.expect("a stream");
    let (first, second) = (first.told().await, second.told().await);
    assert!(!first.attached && second.attached);
    assert!(second.deltas > 5, "it followed live: {}", second.deltas);
    assert_eq!((&second.text, &second.thinking), (&first.text, &first.thinking));
    assert_eq!(second.finished(), first.finished());
    assert_eq!(llm.total().await.generations, 1);
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    llm.ask("r/1/1", "simulator/demo").await;
    let mut other = llm.request("r/1/1", "simulator/demo");
    other.system = "be brief".into();
    let failure = llm.listen(other).await.err().expect("refused");
    assert_eq!((failure.code(), failure.reason()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
}

#[tokio::test]
async fn many_at_once_are_one_generation() {
    let fleet = Fleet::start().await;
    let (one, two) = (fleet.instance().await, fleet.instance().await);
    let asked = (0..16)
        .map(|n| if n % 2 == 0 { one.ask("k", "simulator/demo") } else { two.ask("k", "simulator/demo") });
    let told = futures::future::join_all(asked).await;
    assert_eq!(told.iter().filter(|told| !told.attached).count(), 1, "one began it");
    assert!(told.iter().all(|other| other.end == told[0].end && other.text == told[0].text));
    assert_eq!(fleet.count("SELECT count(*) FROM llm.generation").await, 1);
    assert_eq!(fleet.count("SELECT count(*) FROM llm.usage_entry").await, 1);
}

#[tokio::test]
async fn a_generation_outlives_its_caller() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance_with(paced()).await;
    let mut listening = llm.listen(llm.request("r/1/1", "simulator/slow")).await.expect("a stream");
    listening.some_text().await;
    drop(listening);
    let told = llm.ask("r/1/1", "simulator/slow").await;
    assert!(told.attached && told.text.ends_with("twenty."), "{}", told.text);
    assert_eq!(llm.total().await.generations, 1);
}

#[tokio::test]
async fn another_instance_waits_for_the_answer() {
    let fleet = Fleet::start().await;
    let (owner, other) = (fleet.instance_with(paced()).await, fleet.instance().await);
    let mut first = owner.listen(owner.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;
    let second = other.ask("r/1/1", "simulator/slow").await;
    let first = first.told().await;
    assert!(second.attached);
    assert_eq!((&second.text, second.generation.as_str()), (&first.text, first.generation.as_str()));
    assert_eq!(second.finished(), first.finished());
}

#[tokio::test]
async fn a_dead_owner_is_fenced_and_its_generation_settled_once() {
    let fleet = Fleet::start().await;
    // It shows no heartbeat, so to the others it is dead; in truth it goes on and will want to write its answer.
    let silent = Settings { heartbeat: Duration::from_hours(1), simulator_pace_percent: 60, ..settings() };
    let (dead, other) = (fleet.instance_with(silent).await, fleet.instance().await);
    let mut first = dead.listen(dead.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;

    let second = other.ask("r/1/1", "simulator/slow").await;
    assert_eq!((second.attached, second.reason()), (true, "GENERATION_INTERRUPTED"));
    assert_eq!(second.end.as_ref().expect_err("cut").code(), Code::Aborted);
    let stored = other.generation(&second.generation).await;
    assert_eq!(
        (stored.state(), stored.error_reason.as_str()),
        (GenerationState::Interrupted, "GENERATION_INTERRUPTED")
    );
    let usage = stored.usage.expect("an estimate");
    assert!(usage.estimated && usage.input_tokens > 0);

    let zombie = first.told().await;
    assert_eq!(zombie.reason(), "GENERATION_INTERRUPTED", "its answer came too late");
    let total = other.total().await;
    assert_eq!((total.generations, total.usage), (1, Some(usage)), "booked once, as the estimate");
    assert_eq!(
        other.ask("r/1/2", "simulator/demo").await.reason_or_ok(),
        "OK",
        "a new attempt is a new generation"
    );
}

#[tokio::test]
async fn the_ledger_settles_the_dead_before_it_adds_up() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    llm.ask("r/1/1", "simulator/demo").await;
    fleet.execute("DELETE FROM llm.usage_entry").await;
    fleet
        .execute(
            "UPDATE llm.generation SET state = 'running', ended_at = NULL, heartbeat_at = now() - interval '1 hour', \
             estimated_output_tokens = 7",
        )
        .await;
    let total = llm.total().await;
    let usage = total.usage.expect("usage");
    assert_eq!((total.generations, usage.output_tokens, usage.estimated), (1, 7, true));
}

#[tokio::test]
async fn a_drain_lets_answers_finish() {
    let fleet = Fleet::start().await;
    let (llm, other) = (fleet.instance_with(paced()).await, fleet.instance().await);
    let mut listening = llm.listen(llm.request("r/1/1", "simulator/slow")).await.expect("a stream");
    listening.some_text().await;
    let (shutdown, told) = tokio::join!(llm.lifecycle.shutdown(Duration::from_secs(15)), listening.told());
    assert!(shutdown.is_clean(), "{shutdown:?}");
    assert!(told.text.ends_with("twenty."));
    let stored = other.generation(&told.generation).await;
    assert_eq!(stored.state(), GenerationState::Succeeded);
}

#[tokio::test]
async fn the_end_of_the_grace_marks_what_is_left() {
    let fleet = Fleet::start().await;
    let (llm, other) = (fleet.instance_with(paced()).await, fleet.instance().await);
    let mut listening = llm.listen(llm.request("r/1/1", "simulator/slow")).await.expect("a stream");
    listening.some_text().await;
    llm.lifecycle.shutdown(Duration::ZERO).await;
    let told = other.ask("r/1/1", "simulator/slow").await;
    assert_eq!(told.reason(), "GENERATION_INTERRUPTED");
    assert!(!told.text.is_empty() && !told.text.ends_with("twenty."), "what had come is kept: {}", told.text);
    let stored = other.generation(&told.generation).await;
    assert_eq!(stored.state(), GenerationState::Interrupted);
    let usage = stored.usage.expect("an estimate");
    assert!(usage.estimated && usage.output_tokens > 0 && stored.message.is_some());
}

#[tokio::test]
async fn failures_are_stored_and_told_again() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    for (model, code, reason, state) in [
        ("simulator/error-first", Code::Unavailable, "PROVIDER_UNAVAILABLE", GenerationState::Failed),
        ("simulator/rate-limited", Code::ResourceExhausted, "PROVIDER_RATE_LIMITED", GenerationState::Failed),
        ("simulator/no-such-script", Code::FailedPrecondition, "PROVIDER_REFUSED", GenerationState::Failed),
        ("simulator/cut", Code::Aborted, "GENERATION_INTERRUPTED", GenerationState::Interrupted),
        ("simulator/cut-silently", Code::Aborted, "GENERATION_INTERRUPTED", GenerationState::Interrupted),
    ] {
        for attached in [false, true] {
            let told = llm.ask(&format!("{model}/1"), model).await;
            let failure = told.end.as_ref().expect_err(model);
            assert_eq!(
                (failure.code(), failure.reason(), told.attached),
                (code, reason, attached),
                "{model}"
            );
            let interrupted = state == GenerationState::Interrupted;
            assert_eq!(!told.text.is_empty() || !told.thinking.is_empty(), interrupted, "{model}");
            let stored = llm.generation(&told.generation).await;
            assert_eq!((stored.state(), stored.error_reason.as_str()), (state, reason), "{model}");
            assert_eq!(
                stored.usage.is_some_and(|usage| usage.estimated),
                interrupted,
                "{model}: only what was cut costs"
            );
        }
        if model != "simulator/no-such-script" {
            let told = llm.ask(&format!("{model}/2"), model).await;
            assert_eq!(told.reason_or_ok(), "OK", "{model}: the second attempt");
        }
    }
}

#[tokio::test]
async fn a_wait_is_told_as_long_as_it_still_is() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let wait = |told: crate::fleet::Told| told.end.expect_err("limited").retry_delay().expect("a wait");
    let first = wait(llm.ask("r/1/1", "simulator/rate-limited").await);
    assert_eq!(first, Duration::from_millis(1500));
    let later = wait(llm.ask("r/1/1", "simulator/rate-limited").await);
    assert!(later <= first);
}
