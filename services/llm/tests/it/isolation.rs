//! A workspace never sees another's, whether asked nicely or by SQL as the serving role.

use mc_chassis::auth::Role;
use mc_proto::llm::v1::{
    CreateProviderRequest, DeleteProviderRequest, GetGenerationRequest, GetProviderRequest,
    ListModelsRequest, ListProvidersRequest, ListUsageRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::fleet::Fleet;

#[tokio::test]
async fn no_login_gets_at_another_workspaces_rows() {
    mc_chassis::testkit::assert_isolation(&mc_llm::SCHEMA, &[]).await;
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    llm.add_provider("mine", "https://example.com/v1", "").await;
    let generation = llm.ask("r/1/1", "simulator/demo").await.generation;
    let provider = format!("{}/providers/mine", fleet.parent());
    let stranger = Uuid::from_u128(0xbad);

    macro_rules! asked {
        ($client:ident . $method:ident ( $message:expr )) => {{
            let request = fleet.auth.request(stranger, stranger, Role::Owner, $message);
            llm.$client().$method(request).await.expect_err("a stranger").code()
        }};
    }
    let parent = fleet.parent();
    assert_eq!(
        asked!(generations.get_generation(GetGenerationRequest { name: generation.clone() })),
        Code::NotFound
    );
    assert_eq!(asked!(providers.get_provider(GetProviderRequest { name: provider.clone() })), Code::NotFound);
    assert_eq!(asked!(providers.delete_provider(DeleteProviderRequest { name: provider })), Code::NotFound);
    let list = ListProvidersRequest { parent: parent.clone(), ..ListProvidersRequest::default() };
    assert_eq!(asked!(providers.list_providers(list)), Code::NotFound);
    assert_eq!(
        asked!(models.list_models(ListModelsRequest { parent: parent.clone(), ..Default::default() })),
        Code::NotFound
    );
    let usage = ListUsageRequest { parent: parent.clone(), ..ListUsageRequest::default() };
    assert_eq!(asked!(usage.list_usage(usage)), Code::NotFound);
    let create = CreateProviderRequest { parent, ..CreateProviderRequest::default() };
    assert_eq!(asked!(providers.create_provider(create)), Code::NotFound);

    // In their own workspace they ask for the same id, and it is not there.
    let own = format!("workspaces/{stranger}/generations/{}", generation.rsplit('/').next().expect("an id"));
    assert_eq!(asked!(generations.get_generation(GetGenerationRequest { name: own })), Code::NotFound);
}

#[tokio::test]
async fn roles_are_kept() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let user = fleet.run.started_by;
    for (role, may) in [(Role::Viewer, false), (Role::Operator, false), (Role::Admin, true)] {
        let create = CreateProviderRequest { parent: fleet.parent(), ..CreateProviderRequest::default() };
        let request = fleet.auth.request(user, fleet.workspace, role, create);
        let code = llm.providers().create_provider(request).await.expect_err("incomplete at best").code();
        assert_eq!(code, if may { Code::InvalidArgument } else { Code::PermissionDenied }, "{role:?}");
        let read = ListUsageRequest { parent: fleet.parent(), ..ListUsageRequest::default() };
        llm.usage()
            .list_usage(fleet.auth.request(user, fleet.workspace, role, read))
            .await
            .expect("may read");
    }
}

#[tokio::test]
async fn the_serving_role_sees_one_workspace_and_cannot_rewrite_the_ledger() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    llm.add_provider("mine", "https://example.com/v1", "").await;
    llm.ask("r/1/1", "simulator/demo").await.finished();
    let database = fleet.database.login("llm", "api").await;
    for table in ["llm.provider", "llm.generation", "llm.usage_entry"] {
        let count = format!("SELECT count(*) FROM {table}");
        let of = async |workspace: Option<Uuid>| -> i64 {
            let mut tx = match workspace {
                Some(workspace) => database.begin(workspace).await.expect("begin"),
                None => database.begin_open().await.expect("begin"),
            };
            sqlx::query_scalar(sqlx::AssertSqlSafe(count.clone())).fetch_one(&mut *tx).await.expect("count")
        };
        assert_eq!(of(Some(fleet.workspace)).await, 1, "{table}");
        assert_eq!(of(Some(Uuid::from_u128(0xbad))).await, 0, "{table}");
        assert_eq!(of(None).await, 0, "{table}");
    }
    for forbidden in [
        "UPDATE llm.usage_entry SET cost_nano_usd = 0",
        "DELETE FROM llm.usage_entry",
        "DELETE FROM llm.generation",
        "UPDATE llm.generation SET idempotency_key = 'x'",
        "UPDATE llm.provider SET base_url = 'https://evil.example'",
    ] {
        let mut tx = database.begin(fleet.workspace).await.expect("begin");
        let error = sqlx::query(forbidden).execute(&mut *tx).await.expect_err(forbidden);
        assert_eq!(
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("42501"),
            "{forbidden}"
        );
    }
    // Nor can it write into another workspace.
    let mut tx = database.begin(Uuid::from_u128(0xbad)).await.expect("begin");
    let insert =
        "INSERT INTO llm.provider SELECT $1, 'x', 'x', 'openai_compatible', 'https://x', NULL, '{}', now()";
    let error = sqlx::query(insert).bind(fleet.workspace).execute(&mut *tx).await.expect_err("another's");
    assert!(error.to_string().contains("row-level security"), "{error}");
}
