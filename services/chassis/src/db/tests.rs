//! The database module against a real PostgreSQL.

use std::time::Duration;

use futures::future::join_all;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection};
use tonic::Code;
use uuid::Uuid;

use super::*;
use crate::testkit;

static MIGRATIONS: Migrator = sqlx::migrate!("src/db/test_migrations");
pub(crate) static WIDGETS: Schema = Schema::new("widgets", &MIGRATIONS, &["api", "engine"]);

const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);

pub(super) async fn note(tx: &mut Tx, workspace: Uuid, id: u128, text: &str) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO widgets.note (note_id, workspace_id, text) VALUES ($1, $2, $3)")
        .bind(Uuid::from_u128(id))
        .bind(workspace)
        .bind(text)
        .execute(&mut **tx)
        .await
        .map(drop)
}

pub(super) async fn count(tx: &mut Tx) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM widgets.note").fetch_one(&mut **tx).await.unwrap()
}

#[tokio::test]
async fn a_workspace_sees_its_rows_and_no_other() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let db = kit.login("widgets", "api").await;
    let mut tx = db.begin(A).await.unwrap();
    note(&mut tx, A, 1, "of A").await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(count(&mut db.read(A).await.unwrap()).await, 1);
    assert_eq!(count(&mut db.read(B).await.unwrap()).await, 0);
    assert_eq!(
        count(&mut db.begin_open().await.unwrap()).await,
        0,
        "the workspace ended with its transaction"
    );
    let mut tx = db.begin(B).await.unwrap();
    let refused = note(&mut tx, A, 2, "B writes to A").await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
}

#[tokio::test]
async fn an_uncommitted_transaction_leaves_nothing() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let db = kit.login("widgets", "api").await;
    let mut tx = db.begin(A).await.unwrap();
    note(&mut tx, A, 1, "dropped").await.unwrap();
    drop(tx);
    let mut tx = db.begin(A).await.unwrap();
    note(&mut tx, A, 2, "rolled back").await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.begin(A).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    assert!(sqlx::query("INSERT INTO widgets.note DEFAULT VALUES").execute(&mut *savepoint).await.is_err());
    savepoint.rollback().await.unwrap();
    assert_eq!(count(&mut tx).await, 0);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_read_only_transaction_cannot_write() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let db = kit.login("widgets", "api").await;
    let refused = note(&mut db.read(A).await.unwrap(), A, 1, "x").await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("25006"));
}

/// Without `Opening`, the connection goes back to the pool inside a transaction of workspace A.
#[tokio::test]
async fn a_caller_who_leaves_during_begin_leaves_no_transaction_behind() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let settings = Settings { max_connections: 1, ..Settings::new(kit.url_for("widgets", "api"), "test") };
    let db = Database::connect(&settings).await.unwrap();
    for round in 0..40 {
        {
            // Dropped after one to four polls: before, while and after BEGIN is on the wire.
            let mut begin = std::pin::pin!(db.begin(A));
            for _ in 0..=round % 4 {
                if futures::poll!(&mut begin).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let (pid, workspace): (i32, Option<String>) =
            sqlx::query_as("SELECT pg_backend_pid(), nullif(current_setting('mc.workspace', true), '')")
                .fetch_one(db.pool())
                .await
                .unwrap();
        let state: String = sqlx::query_scalar("SELECT state FROM pg_stat_activity WHERE pid = $1")
            .bind(pid)
            .fetch_one(&kit.admin())
            .await
            .unwrap();
        assert_eq!((state.as_str(), workspace), ("idle", None));
    }
}

#[tokio::test]
async fn serving_roles_have_their_settings_without_any_session_state() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let db = kit.login("widgets", "engine").await;
    let settings: (String, String, String, String) = sqlx::query_as(
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
                current_setting('idle_in_transaction_session_timeout'), current_setting('jit')",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    assert_eq!(settings, ("30s".into(), "10s".into(), "15s".into(), "off".into()));
}

#[tokio::test]
async fn a_role_above_row_level_security_may_not_serve() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let refused = Database::connect(&Settings::new(kit.admin_url(), "test")).await.unwrap_err();
    let ConnectError::UnsafeRole(refused) = refused else { panic!("{refused:?}") };
    assert!(refused.to_string().contains("is a superuser or has BYPASSRLS"), "{refused}");

    let admin = kit.admin();
    let role = format!("mc_unsafe_{}", kit.name());
    for (grant, because) in [
        ("GRANT mc_widgets_owner TO {role}", "owns the table"),
        ("ALTER ROLE {role} BYPASSRLS", "is a superuser or has BYPASSRLS"),
    ] {
        let make = format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; {grant}").replace("{role}", &role);
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&admin).await.unwrap();
        let url = format!("{}?user={role}&password=x", kit.admin_url());
        let refused = Database::connect(&Settings::new(url, "test")).await.unwrap_err();
        sqlx::raw_sql(AssertSqlSafe(format!("DROP ROLE {role}"))).execute(&admin).await.unwrap();
        assert!(refused.to_string().contains(because), "{refused}");
    }
}

#[tokio::test]
async fn many_may_migrate_one_database_at_once_and_again() {
    let kit = testkit::database(&[]).await;
    let (url, unchanged) = (kit.admin_url(), Passwords::unchanged());
    for _ in 0..2 {
        let all = (0..6).map(|_| migrate(&url, &WIDGETS, &unchanged));
        for migrated in join_all(all).await {
            migrated.unwrap();
        }
    }
    let applied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM widgets._migrations").fetch_one(&kit.admin()).await.unwrap();
    assert_eq!(applied, 1);
}

static NO_MIGRATIONS: Migrator = Migrator::DEFAULT;
static FRESH: Schema = Schema::new("freshroles", &NO_MIGRATIONS, &["api", "engine"]);
static LIMITED: Schema = Schema::new("limitedadmin", &NO_MIGRATIONS, &["api"]);

/// Roles are shared by all databases of a cluster, and advisory locks are not.
#[tokio::test]
async fn many_databases_may_make_the_same_roles_at_once() {
    let kits = join_all((0..4).map(|_| testkit::database(&[]))).await;
    for _ in 0..3 {
        let passwords = Passwords::unchanged().set("api", "mc-test").set("engine", "it's");
        let all = kits.iter().map(|kit| {
            let (url, passwords) = (kit.admin_url(), passwords.clone());
            async move { migrate(&url, &FRESH, &passwords).await }
        });
        for migrated in join_all(all).await {
            migrated.unwrap();
        }
        let drop_all = "DROP SCHEMA freshroles CASCADE; DROP OWNED BY mc_freshroles_owner, mc_freshroles_api, mc_freshroles_engine";
        for kit in &kits {
            sqlx::raw_sql(drop_all).execute(&kit.admin()).await.unwrap();
        }
        let drop_roles = "DROP ROLE mc_freshroles_owner, mc_freshroles_api, mc_freshroles_engine";
        sqlx::raw_sql(drop_roles).execute(&kits[0].admin()).await.unwrap();
    }
}

#[tokio::test]
async fn an_administrator_who_is_no_superuser_can_migrate() {
    let kit = testkit::database(&[]).await;
    let admin = kit.admin();
    let role = format!("mc_admin_{}", kit.name());
    let base = kit.name().to_owned();
    for statement in [
        format!("CREATE ROLE {role} LOGIN CREATEROLE CREATEDB PASSWORD 'x'"),
        format!("CREATE DATABASE {base}_own OWNER {role}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&admin).await.unwrap();
    }
    let own = kit.admin_url().replace(&base, &format!("{base}_own"));
    let url = format!("{own}?user={role}&password=x");
    let first = migrate(&url, &LIMITED, &Passwords::unchanged().set("api", "mc-test")).await;
    let again = migrate(&url, &LIMITED, &Passwords::unchanged()).await;
    let serves =
        Database::connect(&Settings::new(format!("{own}?user=mc_limitedadmin_api&password=mc-test"), "t"))
            .await;
    for statement in [
        format!("DROP DATABASE {base}_own WITH (FORCE)"),
        "DROP ROLE mc_limitedadmin_owner, mc_limitedadmin_api".to_owned(),
        format!("DROP ROLE {role}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&admin).await.unwrap();
    }
    first.unwrap();
    again.unwrap();
    serves.unwrap();
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_left_alone() {
    let kit = testkit::database(&[]).await;
    sqlx::raw_sql("CREATE SCHEMA widgets").execute(&kit.admin()).await.unwrap();
    let refused = migrate(&kit.admin_url(), &WIDGETS, &Passwords::unchanged()).await.unwrap_err();
    assert!(matches!(refused, MigrateError::ForeignSchema { schema: "widgets", .. }), "{refused:?}");
}

#[tokio::test]
async fn a_password_for_a_login_that_is_not_there_is_refused() {
    let passwords = Passwords::unchanged().set("ap", "x");
    let refused = migrate("postgres://127.0.0.1:1/none", &WIDGETS, &passwords).await.unwrap_err();
    assert_eq!(refused.to_string(), r#"the schema widgets has no login ap; it has ["api", "engine"]"#);
    assert!(!format!("{passwords:?}").contains('x'), "passwords are not printed");
}

#[tokio::test]
async fn failures_say_whether_trying_again_helps() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let db = kit.login("widgets", "api").await;

    let mut tx = db.begin(A).await.unwrap();
    let refused = note(&mut tx, A, 1, "").await.unwrap_err();
    assert!(is_constraint(&refused, "note_text_not_empty"));
    assert!(!is_constraint(&refused, "note_pkey"));
    assert_eq!(failure(refused).code(), Code::Internal);
    drop(tx);
    db.ping().await.unwrap();

    let cut_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE application_name = 'test widgets' AND datname = current_database()";
    sqlx::raw_sql(cut_all).execute(&kit.admin()).await.unwrap();
    let cut = failure(db.begin(A).await.unwrap_err());
    assert_eq!((cut.code(), cut.reason()), (Code::Unavailable, "DATABASE_UNAVAILABLE"));
    assert!(cut.retry_delay().is_some());

    let settings = Settings {
        max_connections: 1,
        // Waited for in full below, and yet enough for a first connection on a busy machine.
        acquire_timeout: Duration::from_secs(2),
        ..Settings::new(kit.url_for("widgets", "api"), "test")
    };
    let small = Database::connect(&settings).await.unwrap();
    let _held = small.begin(A).await.unwrap();
    assert_eq!(failure(small.begin(A).await.unwrap_err()).code(), Code::Unavailable);

    let nobody = Database::lazy(&Settings {
        acquire_timeout: Duration::from_millis(50),
        ..Settings::new("postgres://x@127.0.0.1:1/x", "test")
    })
    .unwrap();
    assert_eq!(failure(nobody.begin(A).await.unwrap_err()).code(), Code::Unavailable);
}

/// What we compute is what PostgreSQL computes: only then does the login work with the password.
#[tokio::test]
async fn a_password_is_stored_as_the_server_itself_would() {
    let kit = testkit::database(&[]).await;
    let role = format!("mc_scram_{}", kit.name());
    let make = format!(
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE {role} PASSWORD 'it''s a Secret 123'"
    );
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&kit.admin()).await.unwrap();
    let stored: String = sqlx::query_scalar("SELECT rolpassword FROM pg_authid WHERE rolname = $1")
        .bind(&role)
        .fetch_one(&kit.admin())
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("DROP ROLE {role}"))).execute(&kit.admin()).await.unwrap();
    let salt = stored.split(['$', ':']).nth(2).unwrap();
    let salt = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, salt).unwrap();
    assert_eq!(scram::verifier("it's a Secret 123", &salt.try_into().unwrap()), Some(stored));
}
