//! Workspaces and people are kept apart by PostgreSQL itself, under the roles that serve.

use mc_chassis::db::Tx;
use mc_chassis::testkit::{self, Exempt};
use mc_identity::SCHEMA;
use sqlx::PgPool;
use uuid::Uuid;

/// Why each of these has no workspace stands in the migration; who sees its rows is held below.
const EXEMPT: [Exempt; 6] = [
    Exempt::table("account", "a person belongs to no workspace; rows are bound to the person"),
    Exempt::table("session", "a person's, in whatever workspace; rows are bound to the person"),
    Exempt::table(
        "session_token",
        "a person's; rows are bound to the person, or to whoever holds the bearer",
    ),
    Exempt::table("sign_in_code", "a person's; rows are bound to the person, or to whoever holds the code"),
    Exempt::table("sign_in_window", "counted before anybody is known; keys are hashes"),
    Exempt::table("caller_key", "the service's own; private halves are encrypted"),
];

const PEOPLE: [&str; 4] = ["account", "session", "session_token", "sign_in_code"];
const ADA: Uuid = Uuid::from_u128(0xa1);
const BOB: Uuid = Uuid::from_u128(0xa2);

#[tokio::test]
async fn workspaces_are_isolated() {
    testkit::assert_isolation(&SCHEMA, &EXEMPT).await;
}

/// Ada and Bob, each with a session and a token whose hash is filled with the person's number, both in one workspace.
async fn populate(admin: &PgPool) {
    for (user, name, byte) in [(ADA, "ada", "a1"), (BOB, "bob", "a2")] {
        let hash = byte.repeat(32);
        let statements = format!(
            "INSERT INTO identity.account VALUES ('{user}', '{name}@example.com', '{name}', 'x', now());
             INSERT INTO identity.session (session_id, user_id, create_time) VALUES ('{user}', '{user}', now());
             INSERT INTO identity.session_token VALUES (decode('{hash}', 'hex'), '{user}', '{user}', 'session', now(), now());
             INSERT INTO identity.sign_in_code (code_hash, user_id, maker_id, create_time, expire_time)
                 VALUES (decode('{hash}', 'hex'), '{user}', '{user}', now(), now());
             INSERT INTO identity.workspace (workspace_id, display_name, create_time, update_time)
                 VALUES ('{user}', '{name}', now(), now());
             INSERT INTO identity.membership VALUES ('{user}', '{user}', 'owner', now());
             INSERT INTO identity.api_token (workspace_id, token_id, user_id, display_name, scopes, token_hash, hint,
                 create_time, expire_time)
                 VALUES ('{user}', '{user}', '{user}', '{name}', '{{}}', decode('{hash}', 'hex'), '', now(), now());"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(admin).await.expect("populate");
    }
}

async fn set(tx: &mut Tx, name: &str, value: &str) {
    sqlx::query("SELECT set_config($1, $2, true)")
        .bind(name)
        .bind(value)
        .execute(&mut **tx)
        .await
        .expect("set");
}

async fn people_seen(tx: &mut Tx, table: &str) -> Vec<Uuid> {
    let select = format!("SELECT user_id FROM identity.{table} ORDER BY user_id");
    sqlx::query_scalar(sqlx::AssertSqlSafe(select)).fetch_all(&mut **tx).await.expect("select")
}

#[tokio::test]
async fn a_transaction_sees_the_person_whom_it_names_and_nobody_else() {
    let kit = testkit::database(&[&SCHEMA]).await;
    populate(&kit.admin()).await;
    let api = kit.login("identity", "api").await;
    let every = [&PEOPLE[..], &["membership", "api_token"]].concat();

    let mut tx = api.begin_open().await.expect("begin");
    for table in &every {
        assert!(people_seen(&mut tx, table).await.is_empty(), "{table} without a name");
    }
    set(&mut tx, "mc.user", &ADA.to_string()).await;
    for table in ["account", "session", "session_token", "sign_in_code", "membership"] {
        assert_eq!(people_seen(&mut tx, table).await, [ADA], "{table}");
    }
    assert!(people_seen(&mut tx, "api_token").await.is_empty(), "tokens belong to the workspace");
    for statement in [
        "UPDATE identity.session SET end_time = now(), end_reason = 'signed_out'",
        "UPDATE identity.account SET password_hash = 'stolen'",
    ] {
        let touched = sqlx::query(statement).execute(&mut *tx).await.expect("update").rows_affected();
        assert_eq!(touched, 1, "Ada's own: {statement}");
    }
    tx.rollback().await.expect("rollback");

    let mut tx = api.begin_open().await.expect("begin");
    set(&mut tx, "mc.email", "bob@example.com").await;
    assert_eq!(people_seen(&mut tx, "account").await, [BOB]);
    let touched = sqlx::query("UPDATE identity.account SET password_hash = 'stolen'").execute(&mut *tx).await;
    assert_eq!(touched.expect("update").rows_affected(), 0, "an address is enough to read, not to write");
    assert!(people_seen(&mut tx, "session").await.is_empty());
}

#[tokio::test]
async fn a_bearer_shows_its_own_row_to_be_read() {
    let kit = testkit::database(&[&SCHEMA]).await;
    populate(&kit.admin()).await;
    let api = kit.login("identity", "api").await;
    let mut tx = api.begin_open().await.expect("begin");
    set(&mut tx, "mc.bearer", &"a2".repeat(32)).await;
    for table in ["session_token", "sign_in_code", "api_token"] {
        assert_eq!(people_seen(&mut tx, table).await, [BOB], "{table}");
    }
    for statement in [
        "UPDATE identity.session_token SET use_time = now()",
        "UPDATE identity.sign_in_code SET use_time = now()",
        "UPDATE identity.api_token SET revoke_time = now()",
    ] {
        let touched = sqlx::query(statement).execute(&mut *tx).await.expect("update").rows_affected();
        assert_eq!(touched, 0, "{statement}");
    }
}

#[tokio::test]
async fn nobody_is_made_in_anothers_name() {
    let kit = testkit::database(&[&SCHEMA]).await;
    populate(&kit.admin()).await;
    let api = kit.login("identity", "api").await;
    for statement in [
        format!(
            "INSERT INTO identity.session (session_id, user_id, create_time) VALUES (gen_random_uuid(), '{BOB}', now())"
        ),
        format!("INSERT INTO identity.membership VALUES ('{BOB}', '{ADA}', 'owner', now())"),
    ] {
        let mut tx = api.begin_open().await.expect("begin");
        set(&mut tx, "mc.user", &ADA.to_string()).await;
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut *tx).await;
        let refused = refused.expect_err(&statement).to_string();
        assert!(refused.contains("row-level security"), "{refused}");
    }
}

#[tokio::test]
async fn the_relay_reads_no_person_no_secret_and_no_bearer_that_works() {
    let kit = testkit::database(&[&SCHEMA]).await;
    populate(&kit.admin()).await;
    let relay = kit.login("identity", "relay").await;
    for table in ["account", "session", "membership", "workspace", "api_token", "credential", "caller_key"] {
        let select = format!("SELECT FROM identity.{table}");
        let refused = sqlx::query(sqlx::AssertSqlSafe(select)).execute(relay.pool()).await;
        let refused = refused.expect_err(table).to_string();
        assert!(refused.contains("permission denied"), "{table}: {refused}");
    }
    for select in
        ["SELECT token_hash FROM identity.session_token", "SELECT code_hash FROM identity.sign_in_code"]
    {
        assert!(sqlx::query(select).execute(relay.pool()).await.is_err(), "no hash at all: {select}");
    }
    for table in ["session_token", "sign_in_code"] {
        let age =
            format!("UPDATE identity.{table} SET expire_time = now() - interval '2 days' WHERE user_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(age)).bind(BOB).execute(&kit.admin()).await.expect("age");
        let sweep = format!("DELETE FROM identity.{table}");
        let removed = sqlx::query(sqlx::AssertSqlSafe(sweep)).execute(relay.pool()).await.expect("sweep");
        assert_eq!(removed.rows_affected(), 1, "only what stopped working long ago: {table}");
    }
}
