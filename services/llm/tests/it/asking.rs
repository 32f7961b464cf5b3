//! Who may ask, and for what; and that nothing of what is said gets into the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use mc_chassis::Failure;
use mc_chassis::auth::Role;
use mc_proto::llm::v1::GetGenerationRequest;
use tonic::Code;
use uuid::Uuid;

use crate::fleet::{Fleet, request};
use crate::provider_server::{ProviderServer, saying};

#[tokio::test]
async fn only_a_worker_may_ask() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let wanted = || llm.request("r/1/1", "simulator/demo");
    for role in [Role::Viewer, Role::Operator, Role::Admin, Role::Owner] {
        let request = fleet.auth.request(fleet.run.started_by, fleet.workspace, role, wanted());
        let status = llm.generations().generate(request).await.expect_err("a person");
        assert_eq!(status.code(), Code::PermissionDenied, "{role:?}");
    }
    let status = llm.generations().generate(wanted()).await.expect_err("nobody");
    assert_eq!(status.code(), Code::Unauthenticated);
    let gateway = fleet.auth.service("gateway").request_in("llm", fleet.workspace, wanted());
    assert_eq!(
        llm.generations().generate(gateway).await.expect_err("the gateway").code(),
        Code::PermissionDenied
    );
    let elsewhere = fleet.auth.service("tasks").request_for_run("identity", &fleet.run, wanted());
    assert_eq!(
        llm.generations().generate(elsewhere).await.expect_err("for another").code(),
        Code::Unauthenticated
    );
    assert_eq!(fleet.count("SELECT count(*) FROM llm.generation").await, 0);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_field_or_name() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let failure = |outcome: Result<_, Failure>| outcome.map(drop).expect_err("refused");
    let unknown = failure(llm.listen(llm.request("r/1/1", "nobody/m")).await);
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(unknown.resource(), Some(format!("{}/providers/nobody", fleet.parent()).as_str()));
    let mut bad = llm.request("r/1/1", "simulator/demo");
    bad.messages.clear();
    assert_eq!(failure(llm.listen(bad).await).violations()[0].field, "messages");
    let other = request(Uuid::from_u128(9), "r/1/1", "simulator/demo");
    assert_eq!(failure(llm.listen(other).await).code(), Code::NotFound, "another workspace");
    for name in ["", "generations/x", "workspaces/x/generations/y"] {
        let asked = llm.admin(GetGenerationRequest { name: name.into() });
        let status = llm.generations().get_generation(asked).await.expect_err(name);
        assert_eq!(Failure::from_status(&status).violations()[0].field, "name");
    }
    let nothing = format!("{}/generations/{}", fleet.parent(), Uuid::from_u128(9));
    let asked = llm.admin(GetGenerationRequest { name: nothing });
    assert_eq!(llm.generations().get_generation(asked).await.expect_err("nothing").code(), Code::NotFound);
    assert_eq!(fleet.count("SELECT count(*) FROM llm.generation").await, 0);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn content_and_keys_stay_out_of_the_log() {
    let log = Log::default();
    let writer = log.clone();
    // Everything of ours at its most talkative; the runtime has one thread, so all of it is heard.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("mc_llm=trace,mc_chassis=trace,reqwest=debug,hyper_util=debug")
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _heard = tracing::subscriber::set_default(subscriber);

    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    let credential = format!("{}/credentials/{}", fleet.parent(), Uuid::from_u128(5));
    fleet.vault.put(&credential, "sk-very-secret");
    llm.add_provider("local", &server.base_url(), &credential).await;
    server.then_stream(saying("the-words-of-the-model")).then_json(400, "", r#"{"error":{"message":"bad"}}"#);
    let mut asked = llm.request("r/1/1", "local/m");
    asked.system = "the-words-of-the-system".into();
    asked.messages.push(crate::fleet::user("the-words-of-the-person"));
    llm.listen(asked).await.expect("a stream").told().await.finished();
    llm.ask("r/2/1", "local/m").await;

    let text = String::from_utf8_lossy(&log.0.lock().expect("unpoisoned")).into_owned();
    assert!(text.contains("generation ended") && text.contains("gen_ai.usage.output_tokens"), "{text}");
    for secret in ["the-words-of", "sk-very", "apples"] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}
