//! CancelGeneration: here, elsewhere, before it began, after it ended, and whose owner is dead.

use std::time::Duration;

use mc_chassis::Failure;
use mc_chassis::auth::Role;
use mc_llm::Settings;
use mc_proto::llm::v1::{CancelGenerationRequest, Generation, GenerationState};
use tonic::Code;

use crate::fleet::{Fleet, Instance, settings};
use crate::provider_server::{Act, ProviderServer, saying, stream_head, text};

fn order(fleet: &Fleet, key: &str) -> CancelGenerationRequest {
    CancelGenerationRequest { parent: fleet.parent(), idempotency_key: key.into() }
}

async fn cancel(fleet: &Fleet, llm: &Instance, key: &str) -> Generation {
    let request = llm.worker(order(fleet, key));
    let reply = llm.generations().cancel_generation(request).await.expect("cancelled").into_inner();
    reply.generation.expect("is set")
}

/// A fleet whose provider `local` says "a" and then hangs.
async fn hanging(settings: Settings) -> (Fleet, Instance, ProviderServer) {
    let fleet = Fleet::start().await;
    let llm = fleet.instance_with(settings).await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    server.then(vec![stream_head(), Act::Body(text("a")), Act::Hang]);
    (fleet, llm, server)
}

#[tokio::test]
async fn a_running_generation_stops_at_once_and_is_booked_as_an_estimate() {
    let (fleet, llm, server) = hanging(Settings { heartbeat: Duration::from_mins(1), ..settings() }).await;
    let mut listening = llm.listen(llm.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    let asked = tokio::time::Instant::now();
    let (cancelled, ()) = tokio::join!(cancel(&fleet, &llm, "r/1/1"), async {
        server.hung_up(1).await;
        // 100 ms are promised, and this machine may be busy; no heartbeat comes within a minute.
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    });
    assert_eq!(cancelled.state(), GenerationState::Cancelled);
    assert_eq!(cancelled.error_reason, "GENERATION_CANCELLED");
    assert_eq!((cancelled.cost_estimated, cancelled.cost_nano_usd), (true, None), "it has no price");
    let usage = cancelled.usage.expect("an estimate");
    assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens == 1);
    assert!(cancelled.message.is_some(), "what had come is kept");

    let told = listening.told().await;
    let failure = told.end.expect_err("stopped");
    assert_eq!((failure.code(), failure.reason()), (Code::FailedPrecondition, "GENERATION_CANCELLED"));
    let total = llm.total().await;
    assert_eq!((total.generations, total.usage, total.estimated_generations), (1, Some(usage), 1));
    let again = llm.ask("r/1/1", "local/m").await;
    assert_eq!((again.text.as_str(), again.reason()), ("a", "GENERATION_CANCELLED"), "for good");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_call_that_has_not_said_a_word_is_stopped_too() {
    let (fleet, llm, server) = hanging(settings()).await;
    server.forget_one();
    server.then(vec![Act::Hang]);
    let mut listening = llm.listen(llm.request("r/1/1", "local/m")).await.expect("a stream");
    assert!(listening.next().await, "it has started");
    while server.received().is_empty() {
        tokio::task::yield_now().await;
    }
    let (cancelled, ()) = tokio::join!(cancel(&fleet, &llm, "r/1/1"), server.hung_up(1));
    assert_eq!(cancelled.state(), GenerationState::Cancelled);
    assert!(cancelled.usage.is_some_and(|usage| usage.estimated), "the provider has read it");
}

#[tokio::test]
async fn another_instances_generation_stops_with_its_next_heartbeat() {
    let (fleet, owner, server) = hanging(settings()).await;
    let other = fleet.instance().await;
    let mut listening = owner.listen(owner.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    let (cancelled, ()) = tokio::join!(cancel(&fleet, &other, "r/1/1"), server.hung_up(1));
    assert_eq!(cancelled.state(), GenerationState::Cancelled, "it answers when it is so");
    assert_eq!(listening.told().await.reason(), "GENERATION_CANCELLED");
    assert_eq!(fleet.count("SELECT count(*) FROM llm.usage_entry WHERE estimated").await, 1);
}

#[tokio::test]
async fn a_dead_owners_generation_is_cancelled_by_whoever_settles_it() {
    let silent = Settings { heartbeat: Duration::from_hours(1), ..settings() };
    let (fleet, dead, _server) = hanging(silent).await;
    let other = fleet.instance().await;
    let mut listening = dead.listen(dead.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    let mut stood = cancel(&fleet, &other, "r/1/1").await;
    while stood.state() == GenerationState::Running {
        // Two heartbeats have passed and the lease has not: asking again waits on.
        stood = cancel(&fleet, &other, "r/1/1").await;
    }
    assert_eq!((stood.state(), stood.cost_estimated), (GenerationState::Cancelled, true));
    assert_eq!(stood.error_reason, "GENERATION_CANCELLED");
    assert_eq!(fleet.count("SELECT count(*) FROM llm.usage_entry").await, 1);
}

#[tokio::test]
async fn a_key_that_nobody_used_is_refused_when_it_comes() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let kept = cancel(&fleet, &llm, "r/1/1").await;
    assert_eq!((kept.state(), kept.usage, kept.model.as_str()), (GenerationState::Cancelled, None, ""));
    assert_eq!(cancel(&fleet, &llm, "r/1/1").await, kept, "again is the same");
    let late = llm.listen(llm.request("r/1/1", "simulator/demo")).await.err().expect("refused");
    assert_eq!((late.code(), late.reason()), (Code::FailedPrecondition, "GENERATION_CANCELLED"));
    assert_eq!(late.metadata().get("generation"), Some(&kept.name));
    assert!(!late.metadata().contains_key("cost_estimated"), "nothing is booked");
    assert_eq!(llm.generation(&kept.name).await, kept);
    assert_eq!(llm.total().await.generations, 0);
}

#[tokio::test]
async fn one_that_has_ended_stays_as_it_is() {
    let (fleet, llm, server) = hanging(settings()).await;
    server.forget_one();
    server.then_stream(saying("done"));
    for (key, model, state) in [
        ("r/1/1", "local/m", GenerationState::Succeeded),
        ("r/2/1", "simulator/cut", GenerationState::Interrupted),
        ("r/3/1", "simulator/error-first", GenerationState::Failed),
    ] {
        let told = llm.ask(key, model).await;
        let before = llm.generation(&told.generation).await;
        assert_eq!(before.state(), state);
        assert_eq!(cancel(&fleet, &llm, key).await, before);
        assert_eq!(llm.ask(key, model).await.end, told.end, "{model} is told as before");
    }
}

#[tokio::test]
async fn a_cancel_and_its_call_at_once_leave_one_row_that_both_agree_on() {
    let fleet = Fleet::start().await;
    let (one, two) = (fleet.instance().await, fleet.instance().await);
    for n in 0..10 {
        let key = format!("r/{n}/1");
        let call = async {
            match one.listen(one.request(&key, "simulator/slow")).await {
                Ok(listening) => listening.told().await.end.map(drop),
                Err(refused) => Err(refused),
            }
        };
        let (ended, cancelled) = tokio::join!(call, cancel(&fleet, &two, &key));
        match ended {
            Ok(()) => assert_eq!(cancelled.state(), GenerationState::Succeeded, "{key}"),
            Err(failure) => {
                assert_eq!(failure.reason(), "GENERATION_CANCELLED", "{key}");
                assert_eq!(cancelled.state(), GenerationState::Cancelled, "{key}");
            }
        }
    }
    assert_eq!(fleet.count("SELECT count(*) FROM llm.generation").await, 10);
}

#[tokio::test]
async fn only_services_cancel_and_only_in_their_workspace() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let failed = async |request| {
        let status = llm.generations().cancel_generation(request).await.expect_err("refused");
        Failure::from_status(&status)
    };
    let owner = fleet.auth.request(fleet.run.started_by, fleet.workspace, Role::Owner, order(&fleet, "k"));
    assert_eq!(failed(owner).await.code(), Code::PermissionDenied);
    let elsewhere = fleet.ambient.ids.uuid();
    let stranger = fleet.auth.service("tasks").request_in("llm", elsewhere, order(&fleet, "k"));
    assert_eq!(failed(stranger).await.code(), Code::NotFound);
    for key in ["", "with space", &"x".repeat(201)] {
        let failure = failed(llm.worker(order(&fleet, key))).await;
        assert_eq!(failure.violations()[0].field, "idempotency_key", "{key:?}");
    }
    assert_eq!(fleet.count("SELECT count(*) FROM llm.generation").await, 0);
    cancel(&fleet, &llm, &"x".repeat(200)).await;
}
