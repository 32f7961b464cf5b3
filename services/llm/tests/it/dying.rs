//! What a death leaves behind: an estimate in the ledger, once, whoever notices; and what the retry adds to it.

use std::time::Duration;

use mc_llm::Settings;
use mc_proto::llm::v1::{Generation, GenerationState, ListUsageRequest, UsageEntry};

use crate::fleet::{Doomed, Fleet, Instance, settings};
use crate::provider_server::{Act, ProviderServer, stream_head, text};

/// As the scripts are written, but five times as fast.
fn paced() -> Settings {
    Settings { simulator_pace_percent: 20, ..settings() }
}

async fn ledger(llm: &Instance, fleet: &Fleet) -> Vec<UsageEntry> {
    let request = ListUsageRequest { parent: fleet.parent(), ..ListUsageRequest::default() };
    llm.usage().list_usage(llm.admin(request)).await.expect("a list").into_inner().entries
}

/// A process that dies when some of the answer has come and a heartbeat has told of it; and the generation's name.
async fn dies(fleet: &Fleet, model: &str) -> String {
    let doomed = Doomed::start(fleet, paced()).await;
    let mut listening = doomed.listen(doomed.request("r/1/1", model)).await.expect("a stream");
    listening.some_text().await;
    fleet.until("SELECT count(*) FROM llm.generation WHERE estimated_output_tokens > 0").await;
    let generation = listening.generation().to_owned();
    doomed.kill();
    generation
}

/// Waits, without asking for the generation, until it is settled.
async fn settled(fleet: &Fleet) {
    fleet.until("SELECT count(*) FROM llm.usage_entry").await;
}

fn is_estimate(generation: &Generation) {
    assert_eq!(generation.state(), GenerationState::Interrupted);
    assert!(generation.cost_estimated);
    let usage = generation.usage.expect("an estimate");
    assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 0);
}

#[tokio::test]
async fn a_dead_process_is_settled_though_nobody_asks_again() {
    let fleet = Fleet::start().await;
    let generation = dies(&fleet, "simulator/slow").await;
    let survivor = fleet.instance().await;
    settled(&fleet).await;
    let stood = survivor.generation(&generation).await;
    is_estimate(&stood);
    let usage = stood.usage.expect("an estimate");
    let cost = usage.input_tokens * 500 + usage.output_tokens * 1_500;
    assert_eq!(stood.cost_nano_usd, Some(cost), "by the price book");
    let entries = ledger(&survivor, &fleet).await;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].estimated, entries[0].cost_nano_usd), (true, Some(cost)));
}

#[tokio::test]
async fn a_retry_is_a_second_charge_and_the_total_is_their_sum() {
    let fleet = Fleet::start().await;
    dies(&fleet, "simulator/slow").await;
    let survivor = fleet.instance().await;
    let cut = survivor.ask("r/1/1", "simulator/slow").await;
    assert_eq!(
        (cut.attached, cut.reason()),
        (true, "GENERATION_INTERRUPTED"),
        "the same key finds the cut one"
    );
    let failure = cut.end.as_ref().expect_err("cut");
    let stood = survivor.generation(&cut.generation).await;
    is_estimate(&stood);
    let said = |key: &str| failure.metadata().get(key).cloned();
    assert_eq!(said("generation"), Some(cut.generation.clone()));
    assert_eq!(said("cost_estimated").as_deref(), Some("true"));
    assert_eq!(said("cost_nano_usd"), stood.cost_nano_usd.map(|cost| cost.to_string()));

    let retry = survivor.ask("r/1/2", "simulator/slow").await.finished();
    let entries = ledger(&survivor, &fleet).await;
    let costs: Vec<_> = entries.iter().map(|entry| (entry.estimated, entry.cost_nano_usd)).collect();
    assert_eq!(costs, [(false, retry.cost_nano_usd), (true, stood.cost_nano_usd)]);
    let total = survivor.total().await;
    let sum = costs.iter().map(|(_, cost)| cost.expect("priced")).sum::<i64>();
    assert_eq!((total.generations, total.cost_nano_usd, total.unpriced_generations), (2, sum, 0));
    assert_eq!((total.estimated_generations, Some(total.estimated_cost_nano_usd)), (1, stood.cost_nano_usd));
}

#[tokio::test]
async fn a_stored_answer_outlives_its_process_and_is_not_paid_again() {
    let fleet = Fleet::start().await;
    let doomed = Doomed::start(&fleet, settings()).await;
    let first = doomed.ask("r/1/1", "simulator/demo").await;
    doomed.kill();
    let survivor = fleet.instance().await;
    let again = survivor.ask("r/1/1", "simulator/demo").await;
    assert!(again.attached && !first.attached);
    assert_eq!((&again.text, &again.calls), (&first.text, &first.calls));
    assert_eq!(again.finished(), first.finished());
    assert_eq!(ledger(&survivor, &fleet).await.len(), 1);
}

#[tokio::test]
async fn any_number_who_notice_settle_once() {
    let fleet = Fleet::start().await;
    let generation = dies(&fleet, "simulator/slow").await;
    let survivors = [fleet.instance().await, fleet.instance().await, fleet.instance().await];
    let asked = survivors.iter().flat_map(|llm| (0..4).map(move |_| llm.ask("r/1/1", "simulator/slow")));
    let told = futures::future::join_all(asked).await;
    assert!(told.iter().all(|one| one.generation == generation && one.end == told[0].end));
    assert_eq!(fleet.count("SELECT count(*) FROM llm.usage_entry").await, 1);
    assert_eq!(fleet.count("SELECT epoch::bigint FROM llm.generation").await, 2, "taken away once");
}

#[tokio::test]
async fn an_unknown_price_stays_unknown_in_an_estimate() {
    let fleet = Fleet::start().await;
    let survivor = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    survivor.add_provider("local", &server.base_url(), "").await;
    server.then(vec![stream_head(), Act::Body(text("a start")), Act::Hang]);
    let generation = dies(&fleet, "local/m").await;
    settled(&fleet).await;
    let stood = survivor.generation(&generation).await;
    is_estimate(&stood);
    assert_eq!(stood.cost_nano_usd, None);
    let total = survivor.total().await;
    assert_eq!((total.cost_nano_usd, total.unpriced_generations, total.estimated_generations), (0, 1, 1));
    let failure = survivor.ask("r/1/1", "local/m").await.end.expect_err("cut");
    assert!(!failure.metadata().contains_key("cost_nano_usd"), "null, never 0");
    assert_eq!(failure.metadata().get("cost_estimated").map(String::as_str), Some("true"));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_link_that_is_cut_is_settled_by_its_owner_with_what_had_come() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    server.then(vec![stream_head(), Act::Body(text("half an answ")), Act::Cut]);
    let told = llm.ask("r/1/1", "local/m").await;
    assert_eq!((told.text.as_str(), told.reason()), ("half an answ", "GENERATION_INTERRUPTED"));
    let stood = llm.generation(&told.generation).await;
    is_estimate(&stood);
    assert_eq!(stood.usage.expect("an estimate").output_tokens, 3, "four bytes for a token");
    assert!(stood.message.is_some());
    let again = llm.ask("r/1/1", "local/m").await;
    assert_eq!((again.text.as_str(), &again.end), ("half an answ", &told.end));
    assert_eq!(llm.total().await.generations, 1);
}

#[tokio::test]
async fn a_drain_hands_over_in_the_time_that_is_set_and_not_in_the_whole_grace() {
    let fleet = Fleet::start().await;
    let hasty = Settings { handover: Duration::from_millis(200), ..settings() };
    let (llm, other) = (fleet.instance_with(hasty).await, fleet.instance().await);
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    server.then(vec![stream_head(), Act::Body(text("endless")), Act::Hang]);
    let mut listening = llm.listen(llm.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    let began = tokio::time::Instant::now();
    let (shutdown, told) = tokio::join!(llm.lifecycle.shutdown(Duration::from_secs(20)), listening.told());
    assert!(shutdown.is_clean(), "{shutdown:?}");
    assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&began.elapsed()));
    let failure = told.end.as_ref().expect_err("cut");
    assert_eq!(failure.reason(), "GENERATION_INTERRUPTED");
    assert_eq!(failure.metadata().get("cost_estimated").map(String::as_str), Some("true"));
    let stood = other.generation(&told.generation).await;
    is_estimate(&stood);
    assert_eq!(
        fleet.count("SELECT epoch::bigint FROM llm.generation").await,
        1,
        "by its owner, not by a sweep"
    );
}

#[tokio::test]
async fn a_draining_process_sends_those_elsewhere_who_wait_for_anothers_answer() {
    let fleet = Fleet::start().await;
    let (owner, stopping) = (fleet.instance_with(paced()).await, fleet.instance().await);
    let mut first = owner.listen(owner.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;
    let mut waiting = stopping.listen(stopping.request("r/1/1", "simulator/slow")).await.expect("a stream");
    assert!(waiting.next().await, "it has attached");
    let grace = Duration::from_secs(20);
    let (shutdown, told) = tokio::join!(stopping.lifecycle.shutdown(grace), waiting.told());
    assert!(shutdown.is_clean());
    assert_eq!(told.reason(), "DRAINING", "the same key is asked again, elsewhere");
    assert!(first.told().await.text.ends_with("twenty."));
}

#[tokio::test]
async fn what_runs_here_is_not_taken_for_dead() {
    let fleet = Fleet::start().await;
    let owner = fleet.instance_with(paced()).await;
    let mut first = owner.listen(owner.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;
    // As an outage leaves it: nobody could beat, and the owner lives.
    fleet.execute("UPDATE llm.generation SET heartbeat_at = now() - interval '1 hour'").await;
    let stood = owner.generation(first.generation()).await;
    assert_eq!(stood.state(), GenerationState::Running, "its own are alive, whatever the row says");
    assert!(first.told().await.text.ends_with("twenty."));
    assert_eq!(fleet.count("SELECT count(*) FROM llm.usage_entry WHERE NOT estimated").await, 1);
}

#[tokio::test]
async fn owners_get_a_leases_time_after_the_database_could_not_be_asked() {
    let fleet = Fleet::start().await;
    let silent = Settings { heartbeat: Duration::from_hours(1), simulator_pace_percent: 60, ..settings() };
    let (owner, other) = (fleet.instance_with(silent).await, fleet.instance().await);
    fleet.execute("ALTER FUNCTION llm.stale_workspaces RENAME TO away").await;
    // Its first word takes four heartbeats.
    let mut first = owner.listen(owner.request("r/1/1", "simulator/slow")).await.expect("a stream");
    first.some_text().await;
    fleet.execute("UPDATE llm.generation SET heartbeat_at = now() - interval '1 hour'").await;
    let stood = other.generation(first.generation()).await;
    assert_eq!(stood.state(), GenerationState::Running, "who cannot ask does not judge");
    fleet.execute("ALTER FUNCTION llm.away RENAME TO stale_workspaces").await;
    settled(&fleet).await;
    assert_eq!(first.told().await.reason(), "GENERATION_INTERRUPTED");
}
