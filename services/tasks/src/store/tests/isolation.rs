//! Row-level security by SQL, under every serving role: what is not granted is not seen, whatever the statement.

use sqlx::PgConnection;

use super::{NOW, Tables, intent, workspace};
use crate::domain::id::ArtifactId;
use crate::domain::order::CommandKind;
use crate::store::activity;
use crate::store::append::{Besides, append_with};
use crate::store::artifact::NewArtifact;

/// Rows that a connection sees of a table.
async fn sees(connection: &mut PgConnection, table: &'static str) -> i64 {
    let statement = match table {
        "task" => "SELECT count(task_id) FROM tasks.task",
        "run" => "SELECT count(run_id) FROM tasks.run",
        "journal" => "SELECT count(run_id) FROM tasks.journal",
        "artifact" => "SELECT count(artifact_id) FROM tasks.artifact",
        "command" => "SELECT count(run_id) FROM tasks.command",
        "approval_rule" => "SELECT count(rule_id) FROM tasks.approval_rule",
        "inbox_item" => "SELECT count(item_id) FROM tasks.inbox_item",
        "activity" => "SELECT count(seq) FROM tasks.activity",
        "activity_head" => "SELECT count(seq) FROM tasks.activity_head",
        "ready" => "SELECT count(run_id) FROM tasks.ready",
        other => unreachable!("{other}"),
    };
    sqlx::query_scalar(statement).fetch_one(connection).await.expect(table)
}

/// A task, run, journal, artifact, letter, inbox item and numbered changes in each of two workspaces.
async fn two_workspaces() -> Tables {
    let tables = Tables::new().await;
    for number in [1, 2] {
        tables.run(workspace(number)).await;
    }
    let worker = tables.worker().await;
    for lease in tables.claim(worker, 2).await {
        let artifact = NewArtifact {
            artifact: ArtifactId::new(tables.id()),
            path: "secret.txt".into(),
            media_type: "text/plain".into(),
            content: b"of one workspace".to_vec(),
        };
        append_with(&tables.engine, lease.workspace, &intent(&lease, 1), &Besides::artifacts(vec![artifact]))
            .await
            .expect("append");
        tables.ask(&lease, 1, &[]).await;
        tables.rule(lease.workspace, lease.agent).await;
        tables.post(lease.workspace, lease.run, &tables.order(CommandKind::Pause)).await;
    }
    while activity::relay(tables.engine.pool(), 100).await.expect("relay").numbered > 0 {}
    tables
}

#[tokio::test]
async fn people_see_their_workspace_alone_and_nothing_without_one() {
    let tables = two_workspaces().await;
    let all = [
        ("task", 1),
        ("run", 1),
        ("journal", 3),
        ("artifact", 1),
        ("command", 1),
        ("inbox_item", 1),
        ("approval_rule", 1),
        ("activity", 6),
        ("activity_head", 1),
    ];
    for (table, rows) in all {
        for number in [1, 2] {
            let mut tx = tables.api.begin(workspace(number).uuid()).await.expect("begin");
            assert_eq!(sees(&mut tx, table).await, rows, "{table} of workspace {number}");
        }
        let mut tx = tables.api.begin(workspace(3).uuid()).await.expect("begin");
        assert_eq!(sees(&mut tx, table).await, 0, "{table} of a stranger");
        let mut tx = tables.api.begin_open().await.expect("begin");
        assert_eq!(sees(&mut tx, table).await, 0, "{table} without a workspace");
    }
}

#[tokio::test]
async fn engine_schedules_over_all_workspaces_and_reads_the_contents_of_one() {
    let tables = two_workspaces().await;
    let mut tx = tables.engine.begin_open().await.expect("begin");
    assert_eq!(sees(&mut tx, "run").await, 2, "scheduling");
    for table in ["task", "journal", "artifact", "command", "inbox_item", "approval_rule"] {
        assert_eq!(sees(&mut tx, table).await, 0, "{table} without a workspace");
    }
    let mut tx = tables.engine.begin(workspace(1).uuid()).await.expect("begin");
    for (table, rows) in [
        ("task", 1),
        ("journal", 3),
        ("artifact", 1),
        ("command", 1),
        ("inbox_item", 1),
        ("approval_rule", 1),
    ] {
        assert_eq!(sees(&mut tx, table).await, rows, "{table} of its workspace");
    }
}

#[tokio::test]
async fn what_a_role_has_no_business_with_is_refused() {
    let tables = two_workspaces().await;
    let refused = [
        ("api", "UPDATE tasks.run SET status = 3"),
        ("api", "UPDATE tasks.run SET status = 7"),
        ("api", "UPDATE tasks.run SET mailbox_read = mailbox_seq"),
        ("api", "UPDATE tasks.run SET head_seq = 1"),
        ("api", "DELETE FROM tasks.run"),
        ("api", "UPDATE tasks.command SET state = 3"),
        ("api", "DELETE FROM tasks.command"),
        ("api", "INSERT INTO tasks.inbox_item DEFAULT VALUES"),
        ("api", "UPDATE tasks.inbox_item SET state = 3, close_time = now()"),
        ("api", "UPDATE tasks.inbox_item SET question = 'Another one?'"),
        ("api", "DELETE FROM tasks.inbox_item"),
        ("api", "SELECT * FROM tasks.change"),
        ("api", "DELETE FROM tasks.change"),
        ("api", "INSERT INTO tasks.activity DEFAULT VALUES"),
        ("api", "DELETE FROM tasks.activity"),
        ("api", "UPDATE tasks.activity_head SET seq = 0"),
        ("api", "SELECT FROM tasks.activity_relay FOR UPDATE"),
        ("engine", "UPDATE tasks.activity SET seq = 0"),
        ("engine", "DELETE FROM tasks.activity_head"),
        ("engine", "INSERT INTO tasks.command DEFAULT VALUES"),
        ("engine", "UPDATE tasks.command SET reason = ''"),
        ("engine", "DELETE FROM tasks.command"),
        ("engine", "SELECT question FROM tasks.inbox_item"),
        ("engine", "UPDATE tasks.inbox_item SET state = 2, close_time = now()"),
        ("engine", "UPDATE tasks.inbox_item SET decider = run_id"),
        ("engine", "SELECT turns FROM tasks.inbox_item"),
        ("engine", "SELECT note FROM tasks.approval_rule"),
        ("engine", "INSERT INTO tasks.approval_rule DEFAULT VALUES"),
        ("engine", "UPDATE tasks.approval_rule SET revoke_time = NULL"),
        ("engine", "DELETE FROM tasks.approval_rule"),
        ("api", "UPDATE tasks.approval_rule SET conditions_json = '[]'"),
        ("api", "UPDATE tasks.approval_rule SET use_count = 0"),
        ("api", "DELETE FROM tasks.approval_rule"),
        ("api", "UPDATE tasks.inbox_item SET due_time = now()"),
        ("engine", "DELETE FROM tasks.inbox_item"),
        // Of all letters, the engine writes the cancel of a run that a schedule replaces.
        (
            "engine",
            "INSERT INTO tasks.command (run_id, number, workspace_id, command_id, kind, sender, request_time)
             SELECT run_id, 9, workspace_id, run_id, 1, run_id, now() FROM tasks.run LIMIT 1",
        ),
        ("api", "UPDATE tasks.schedule_fire SET state = 3"),
        ("api", "UPDATE tasks.schedule SET started_fires = 9"),
        ("api", "UPDATE tasks.schedule SET creator = schedule_id"),
        ("engine", "UPDATE tasks.schedule SET cron = '@daily'"),
        ("engine", "DELETE FROM tasks.schedule"),
        ("engine", "UPDATE tasks.schedule_content SET title = ''"),
        ("engine", "SELECT message FROM tasks.schedule_fire"),
        ("api", "SELECT * FROM tasks.ready"),
        ("api", "DELETE FROM tasks.ready"),
        ("api", "SELECT * FROM tasks.worker"),
        ("api", "SELECT * FROM tasks.delayed"),
        ("api", "DELETE FROM tasks.task"),
        ("api", "SELECT document FROM tasks.task_search"),
        ("api", "DELETE FROM tasks.task_search"),
        ("api", "UPDATE tasks.task_comment SET text = ''"),
        ("api", "UPDATE tasks.task_dependency SET blocker_id = task_id"),
        ("engine", "SELECT FROM tasks.task_comment"),
        ("engine", "SELECT FROM tasks.task_dependency"),
        ("engine", "SELECT task_id FROM tasks.task_search"),
        ("engine", "SELECT tasks.search_tasks('report')"),
        ("engine", "SELECT labels FROM tasks.task"),
        ("engine", "UPDATE tasks.task SET priority = 4"),
        ("api", "UPDATE tasks.journal SET seq = 0"),
        ("api", "DELETE FROM tasks.journal"),
        ("api", "INSERT INTO tasks.artifact DEFAULT VALUES"),
        ("api", "DELETE FROM tasks.artifact"),
        ("engine", "SELECT summary FROM tasks.run"),
        ("engine", "SELECT error_message FROM tasks.run"),
        ("engine", "SELECT title FROM tasks.task"),
        ("engine", "UPDATE tasks.task SET title = ''"),
        ("engine", "DELETE FROM tasks.run"),
        ("engine", "UPDATE tasks.run SET workspace_id = run_id"),
        ("engine", "UPDATE tasks.journal SET seq = 0"),
        ("engine", "DELETE FROM tasks.journal"),
        ("engine", "DELETE FROM tasks.artifact"),
    ];
    for (login, statement) in refused {
        let database = if login == "api" { &tables.api } else { &tables.engine };
        let mut tx = database.begin(workspace(1).uuid()).await.expect("begin");
        let error = sqlx::query(statement).execute(&mut *tx).await.expect_err(statement);
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{login}: {statement}: {error}");
    }
}

#[tokio::test]
async fn rows_cannot_be_written_into_another_workspace() {
    let tables = two_workspaces().await;
    let insert_task = "INSERT INTO tasks.task (task_id, workspace_id, title, brief, acceptance_checks, creator, create_time, update_time)
         VALUES ($1, $2, 't', '', '{}', $1, $3, $3)";
    let insert_ready =
        "INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version) VALUES ($1, $2, $3, 1)";
    let insert_journal = "INSERT INTO tasks.journal (run_id, seq, workspace_id, kind, step_key, attempt, epoch, body, create_time)
         VALUES ($1, 1, $2, 'queued', 'run', 0, 0, '{}', $3)";
    let insert_change =
        "INSERT INTO tasks.change (subject, workspace_id, kind, create_time) VALUES ($1, $2, 1, $3)";
    let insert_rule = "INSERT INTO tasks.approval_rule (rule_id, workspace_id, agent_id, tool, conditions_json, creator, create_time)
         VALUES ($1, $2, $1, 't', '[]', $1, $3)";
    let insert_dependency = "INSERT INTO tasks.task_dependency (task_id, blocker_id, workspace_id) VALUES ($1, gen_random_uuid(), $2)
         RETURNING $3::timestamptz";
    let insert_comment =
        "INSERT INTO tasks.task_comment (comment_id, workspace_id, task_id, author, text, create_time)
         VALUES ($1, $2, $1, $1, 'Hm.', $3)";
    let insert_words = "INSERT INTO tasks.task_search (task_id, workspace_id, document) VALUES ($1, $2, to_tsvector('simple', $3::timestamptz::text))";
    let all = [
        insert_task,
        insert_ready,
        insert_journal,
        insert_change,
        insert_rule,
        insert_dependency,
        insert_comment,
        insert_words,
    ];
    for statement in all {
        for (number, allowed) in [(1, true), (2, false)] {
            let mut tx = tables.api.begin(workspace(1).uuid()).await.expect("begin");
            let done = sqlx::query(statement)
                .bind(tables.id())
                .bind(workspace(number).uuid())
                .bind(NOW)
                .execute(&mut *tx)
                .await;
            assert_eq!(done.is_ok(), allowed, "workspace {number}: {statement}");
        }
    }
    let mut tx = tables.api.begin(workspace(1).uuid()).await.expect("begin");
    let moved = sqlx::query("UPDATE tasks.task SET workspace_id = $1")
        .bind(workspace(2).uuid())
        .execute(&mut *tx)
        .await;
    assert!(moved.is_err(), "a task cannot be given away");
}

#[tokio::test]
async fn every_table_forces_row_level_security_on_its_owner() {
    let tables = Tables::new().await;
    let unforced: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'tasks' AND c.relkind IN ('r', 'p') AND c.relname !~ '^_.*migrations$'
             AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    )
    .fetch_all(&tables.kit.admin())
    .await
    .expect("catalog");
    assert!(unforced.is_empty(), "{unforced:?}");
}
