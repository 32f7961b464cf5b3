//! Whoever lets go of an answer closes its connection at once, before the first token too.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_chassis::{Ambient, Lifecycle};
use mc_llm::domain::ask::{Ask, Attribution};
use mc_llm::domain::conversation::{Message, Parameters, Part, Role};
use mc_llm::domain::model_name::ModelName;
use mc_llm::provider::openai::{Deadlines, OpenAiCompatible};
use mc_llm::provider::{Call, Provider};

use crate::fleet::Fleet;
use crate::provider_server::{Act, ProviderServer, stream_head, text};

fn provider(server: &ProviderServer) -> OpenAiCompatible {
    mc_chassis::install_crypto();
    let rule = "127.0.0.0/8".parse().expect("a rule");
    let egress = Egress::new(EgressPolicy { allow_private: vec![rule] }).expect("a client");
    let minute = Duration::from_mins(1);
    OpenAiCompatible {
        base_url: server.base_url().parse().expect("a URL"),
        client: egress.client().clone(),
        deadlines: Deadlines { first_byte: minute, idle: minute, list: minute },
        clock: Ambient::system().clock,
    }
}

fn call() -> Call {
    let ask = Ask {
        model: ModelName::parse("local/m").expect("a name"),
        system: String::new(),
        messages: vec![Message { role: Role::User, parts: vec![Part::Text("hi".into())] }],
        tools: Vec::new(),
        parameters: Parameters::default(),
        attribution: Attribution::default(),
    };
    Call { ask: Arc::new(ask), attempt: 1 }
}

#[tokio::test]
async fn a_dropped_request_is_closed_before_its_first_byte() {
    let lifecycle = Lifecycle::new();
    let server = ProviderServer::start(&lifecycle).await;
    server.then(vec![Act::Hang]);
    let (provider, call) = (provider(&server), call());
    assert!(tokio::time::timeout(Duration::from_millis(200), provider.open(&call, None)).await.is_err());
    let dropped = tokio::time::Instant::now();
    server.hung_up(1).await;
    assert!(dropped.elapsed() < Duration::from_millis(100), "{:?}", dropped.elapsed());
}

#[tokio::test]
async fn a_dropped_answer_is_closed_before_its_first_token_and_in_its_middle() {
    let lifecycle = Lifecycle::new();
    let server = ProviderServer::start(&lifecycle).await;
    let (provider, call) = (provider(&server), call());
    server.then(vec![stream_head(), Act::Hang]);
    drop(provider.open(&call, None).await.expect("it begins"));
    server.hung_up(1).await;
    server.then(vec![stream_head(), Act::Body(text("a")), Act::Hang]);
    let mut chunks = provider.open(&call, None).await.expect("it begins");
    chunks.next().await.expect("a chunk").expect("no fault");
    let dropped = tokio::time::Instant::now();
    drop(chunks);
    server.hung_up(2).await;
    assert!(dropped.elapsed() < Duration::from_millis(100), "{:?}", dropped.elapsed());
}

#[tokio::test]
async fn a_fenced_generation_lets_go_of_its_provider() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    server.then(vec![stream_head(), Act::Body(text("a")), Act::Hang]);
    let mut listening = llm.listen(llm.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    fleet.execute("UPDATE llm.generation SET epoch = epoch + 1").await;
    server.hung_up(1).await;
    assert_eq!(listening.told().await.reason(), "GENERATION_INTERRUPTED");
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_close_the_answer() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    let wait = Act::Wait(Duration::from_millis(300));
    let rest = Act::Body(crate::provider_server::saying(" and the rest"));
    server.then(vec![stream_head(), Act::Body(text("a start")), wait, rest, Act::End]);
    let mut listening = llm.listen(llm.request("r/1/1", "local/m")).await.expect("a stream");
    listening.some_text().await;
    drop(listening);
    assert_eq!(llm.ask("r/1/1", "local/m").await.text, "a start and the rest");
    assert_eq!(server.received().len(), 1);
}
