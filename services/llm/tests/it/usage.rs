//! The ledger: entries newest first, filters, and sums over everything that a filter selects.

use mc_chassis::Failure;
use mc_proto::llm::v1::{Attribution, ListUsageRequest, ListUsageResponse};
use uuid::Uuid;

use crate::fleet::{Fleet, Instance};
use crate::provider_server::{ProviderServer, saying};

async fn list(llm: &Instance, request: ListUsageRequest) -> ListUsageResponse {
    llm.usage().list_usage(llm.admin(request)).await.expect("a list").into_inner()
}

#[tokio::test]
async fn entries_are_filtered_paged_and_added_up() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    server.then_stream(saying("unpriced"));
    let task = |n: u128| format!("{}/tasks/{}", fleet.parent(), Uuid::from_u128(n));
    for (n, model) in [
        (1, "simulator/demo"),
        (1, "local/m"),
        (2, "simulator/echo"),
        (2, "simulator/demo"),
        (2, "simulator/empty"),
    ] {
        let mut request = llm.request(&format!("{n}/{model}"), model);
        request.attribution = Some(Attribution { task: task(n), ..Attribution::default() });
        llm.listen(request).await.expect("a stream").told().await.finished();
    }

    let parent = fleet.parent();
    let all = list(&llm, ListUsageRequest { parent: parent.clone(), ..ListUsageRequest::default() }).await;
    let models: Vec<&str> = all.entries.iter().map(|entry| entry.model.as_str()).collect();
    assert_eq!(models, ["simulator/empty", "simulator/demo", "simulator/echo", "local/m", "simulator/demo"]);
    let total = all.total.expect("is set");
    assert_eq!((total.generations, total.unpriced_generations), (5, 1));
    assert_eq!(total.cost_nano_usd, all.entries.iter().filter_map(|entry| entry.cost_nano_usd).sum::<i64>());
    let tokens = |entry: &mc_proto::llm::v1::UsageEntry| entry.usage.expect("is set").input_tokens;
    assert_eq!(total.usage.expect("is set").input_tokens, all.entries.iter().map(tokens).sum::<i64>());
    assert!(all.entries.iter().all(|entry| entry.run.ends_with(&fleet.run.run.to_string())));

    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListUsageRequest {
            parent: parent.clone(),
            page_size: 2,
            page_token,
            ..ListUsageRequest::default()
        };
        let page = list(&llm, request).await;
        assert_eq!(page.total, Some(total), "the sum is over all pages");
        paged.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.entries);

    let of_task =
        list(&llm, ListUsageRequest { parent: parent.clone(), task: task(1), ..ListUsageRequest::default() })
            .await;
    assert_eq!((of_task.entries.len(), of_task.total.expect("is set").generations), (2, 2));
    let run = format!("{parent}/runs/{}", fleet.run.run);
    let of_run =
        list(&llm, ListUsageRequest { parent: parent.clone(), run, ..ListUsageRequest::default() }).await;
    assert_eq!(of_run.total.expect("is set").generations, 5);
    let other = format!("{parent}/runs/{}", Uuid::from_u128(9));
    let none = list(&llm, ListUsageRequest { parent, run: other, ..ListUsageRequest::default() }).await;
    assert_eq!((none.entries.len(), none.total.expect("is set").cost_nano_usd), (0, 0));
}

#[tokio::test]
async fn bad_filters_are_refused_by_field() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let elsewhere = format!("workspaces/{0}/runs/{0}", Uuid::from_u128(9));
    let base = ListUsageRequest { parent: fleet.parent(), ..ListUsageRequest::default() };
    for (field, request) in [
        ("run", ListUsageRequest { run: elsewhere, ..base.clone() }),
        ("run", ListUsageRequest { run: "x".into(), ..base.clone() }),
        ("task", ListUsageRequest { task: "x".into(), ..base.clone() }),
        ("page_size", ListUsageRequest { page_size: -1, ..base.clone() }),
        ("page_token", ListUsageRequest { page_token: "x".into(), ..base.clone() }),
        ("parent", ListUsageRequest { parent: "x".into(), ..base.clone() }),
    ] {
        let status = llm.usage().list_usage(llm.admin(request)).await.expect_err(field);
        assert_eq!(Failure::from_status(&status).violations()[0].field, field);
    }
}
