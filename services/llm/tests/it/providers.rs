//! Providers are added, listed, asked for their models, and given their keys at the last moment.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{
    CreateProviderRequest, DeleteProviderRequest, GetProviderRequest, ListModelsRequest,
    ListProvidersRequest, Provider, ProviderKind,
};
use tonic::Code;
use uuid::Uuid;

use crate::fleet::{Fleet, Instance};
use crate::provider_server::{Act, ProviderServer, saying};

fn wire(base_url: &str) -> Provider {
    Provider { kind: ProviderKind::OpenaiCompatible.into(), base_url: base_url.into(), ..Provider::default() }
}

async fn create(
    fleet: &Fleet,
    llm: &Instance,
    id: &str,
    request_id: &str,
    provider: Provider,
) -> Result<Provider, Failure> {
    let request = CreateProviderRequest {
        parent: fleet.parent(),
        provider: Some(provider),
        provider_id: id.into(),
        request_id: request_id.into(),
    };
    let reply = llm.providers().create_provider(llm.admin(request)).await;
    reply
        .map(|reply| reply.into_inner().provider.expect("is set"))
        .map_err(|status| Failure::from_status(&status))
}

#[tokio::test]
async fn providers_are_added_read_listed_and_removed() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let credential = format!("{}/credentials/{}", fleet.parent(), Uuid::from_u128(5));
    let given = Provider {
        display_name: "Mine".into(),
        credential,
        models: vec!["a".into(), "b/c".into()],
        ..wire("http://127.0.0.1:8080/v1")
    };
    let mine = create(&fleet, &llm, "mine", "", given.clone()).await.expect("added");
    assert_eq!(mine.name, format!("{}/providers/mine", fleet.parent()));
    assert!(mine.create_time.is_some());
    assert_eq!(Provider { name: String::new(), create_time: None, ..mine.clone() }, given);

    let get = |name: String| llm.admin(GetProviderRequest { name });
    let read = llm.providers().get_provider(get(mine.name.clone())).await.expect("read").into_inner();
    assert_eq!(read.provider, Some(mine.clone()));
    let simulator =
        llm.providers().get_provider(get(format!("{}/providers/simulator", fleet.parent()))).await;
    let simulator = simulator.expect("built in").into_inner().provider.expect("is set");
    assert_eq!((simulator.kind(), simulator.create_time), (ProviderKind::Simulator, None));

    let delete = |name: String| llm.admin(DeleteProviderRequest { name });
    llm.providers().delete_provider(delete(mine.name.clone())).await.expect("removed");
    for status in [
        llm.providers().delete_provider(delete(mine.name.clone())).await.expect_err("gone"),
        llm.providers().get_provider(get(mine.name.clone())).await.expect_err("gone"),
    ] {
        assert_eq!(status.code(), Code::NotFound);
    }
    let status = llm.providers().delete_provider(delete(simulator.name)).await.expect_err("built in");
    assert_eq!(Failure::from_status(&status).reason(), "BUILT_IN_PROVIDER");
}

#[tokio::test]
async fn a_request_id_adds_once_and_an_id_is_taken_once() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let first = create(&fleet, &llm, "mine", "q1", wire("https://example.com/v1")).await.expect("added");
    assert_eq!(create(&fleet, &llm, "mine", "q1", wire("https://example.com/v1")).await, Ok(first));
    let reused =
        create(&fleet, &llm, "mine", "q1", wire("https://example.org/v1")).await.expect_err("another");
    assert_eq!(reused.reason(), "IDEMPOTENCY_KEY_REUSED");
    let taken = create(&fleet, &llm, "mine", "q2", wire("https://example.com/v1")).await.expect_err("taken");
    assert_eq!((taken.code(), taken.reason()), (Code::AlreadyExists, "ALREADY_EXISTS"));
}

#[tokio::test]
async fn private_addresses_are_refused_and_named() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    for url in [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/v1",
        "http://[::1]:8080/v1",
        "http://0x7f000001.1/",
    ] {
        let outcome = create(&fleet, &llm, "mine", "", wire(url)).await;
        if let Err(failure) = outcome {
            assert_eq!(failure.violations()[0].field, "provider.base_url", "{url}");
        } else {
            // A name that has no address yet is taken, and judged at every connection.
            assert!(url.contains("0x7f"), "{url}");
        }
    }
}

#[tokio::test]
async fn lists_have_pages_and_the_simulator_comes_first() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    for id in ["b", "a-2", "a", "z", "a1"] {
        create(&fleet, &llm, id, "", wire("https://example.com/v1")).await.expect("added");
    }
    for page_size in [1, 2, 3, 5, 6, 50] {
        let (mut ids, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListProvidersRequest { parent: fleet.parent(), page_size, page_token };
            let page = llm.providers().list_providers(llm.admin(request)).await.expect("a page").into_inner();
            assert!(page.providers.len() <= page_size as usize);
            ids.extend(
                page.providers.iter().map(|one| one.name.rsplit('/').next().expect("an id").to_owned()),
            );
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(ids, ["simulator", "a", "a-2", "a1", "b", "z"], "pages of {page_size}");
    }
    let request =
        ListProvidersRequest { parent: fleet.parent(), page_size: 1001, ..ListProvidersRequest::default() };
    let status = llm.providers().list_providers(llm.admin(request)).await.expect_err("too many");
    assert_eq!(Failure::from_status(&status).violations()[0].field, "page_size");
}

#[tokio::test]
async fn models_are_listed_asked_for_and_missed() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let (asked, broken) =
        (ProviderServer::start(fleet.background()).await, ProviderServer::start(fleet.background()).await);
    asked.then_json(
        200,
        "content-type: application/json\r\n",
        r#"{"object":"list","data":[{"id":"org/m2"},{"id":"m1"},{"id":"bad id"}]}"#,
    );
    broken.then(vec![Act::Cut]);
    llm.add_provider("asked", &asked.base_url(), "").await;
    llm.add_provider("broken", &broken.base_url(), "").await;
    let listed = Provider { models: vec!["gpt-4o".into()], ..wire("https://api.openai.com/v1") };
    create(&fleet, &llm, "openai", "", listed).await.expect("added");

    let request = llm.admin(ListModelsRequest { parent: fleet.parent(), ..Default::default() });
    let reply = llm.models().list_models(request).await.expect("a list").into_inner();
    let ids: Vec<&str> = reply.models.iter().map(|model| model.id.as_str()).collect();
    assert!(ids.is_sorted());
    assert!(ids.contains(&"asked/m1") && ids.contains(&"asked/org/m2") && ids.contains(&"simulator/demo"));
    assert!(!ids.contains(&"asked/bad id"), "what could not be called is not listed");
    let model = |id: &str| reply.models.iter().find(|model| model.id == id).expect("listed");
    assert_eq!(model("openai/gpt-4o").input_nano_usd_per_million_tokens, Some(2_500_000_000));
    assert_eq!(model("asked/m1").input_nano_usd_per_million_tokens, None);
    assert!(model("simulator/demo").simulated && !model("asked/m1").simulated);
    assert_eq!(reply.unreachable.len(), 1);
    assert_eq!(reply.unreachable[0].provider, format!("{}/providers/broken", fleet.parent()));
    assert_eq!(asked.received()[0].line, "GET /v1/models");
}

#[tokio::test]
async fn keys_come_from_the_vault_for_the_run_and_are_never_quoted() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    let credential = format!("{}/credentials/{}", fleet.parent(), Uuid::from_u128(5));
    fleet.vault.put(&credential, "sk-very-secret");
    llm.add_provider("local", &server.base_url(), &credential).await;

    server.then_stream(saying("hi"));
    llm.ask("r/1/1", "local/m").await.finished();
    assert!(server.received()[0].headers.contains("authorization: bearer sk-very-secret"));
    let (caller, asked) = fleet.vault.asked().remove(0);
    assert_eq!(asked.name, credential);
    assert!(asked.purpose.contains("local") && !asked.purpose.contains("sk-"));
    let Caller::Run(run) = caller else { panic!("asked for the run: {caller:?}") };
    assert_eq!((run.service.as_str(), run.run), ("llm", fleet.run.run));

    server.then_json(401, "", r#"{"error":{"message":"Incorrect API key provided: sk-very-secret"}}"#);
    let failure = llm.ask("r/2/1", "local/m").await.end.expect_err("refused");
    assert_eq!(failure.reason(), "PROVIDER_AUTH_FAILED");
    assert!(!failure.message().contains("sk-very"), "{failure}");

    server.then_json(200, "", r#"{"data":[]}"#);
    llm.models()
        .list_models(llm.admin(ListModelsRequest { parent: fleet.parent(), ..Default::default() }))
        .await
        .expect("a list");
    let (caller, _) = fleet.vault.asked().pop().expect("asked");
    assert!(
        matches!(&caller, Caller::Service(service) if service.workspace == Some(fleet.workspace)),
        "{caller:?}"
    );
}

#[tokio::test]
async fn a_missing_key_is_an_authentication_failure_and_nothing_is_sent() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    let credential = format!("{}/credentials/{}", fleet.parent(), Uuid::from_u128(6));
    llm.add_provider("local", &server.base_url(), &credential).await;
    assert_eq!(llm.ask("r/1/1", "local/m").await.reason(), "PROVIDER_AUTH_FAILED");
    assert!(server.received().is_empty());
}
