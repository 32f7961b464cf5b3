//! The board's tables at their volume: words are found by the index, in one workspace alone; and lists go by theirs.

use sqlx::{AssertSqlSafe, Row};

use super::*;
use crate::domain::board::order::Order;
use crate::store::task_list::{self, Filter, Place};

const MANY: i64 = 20_000;

/// What tests of the board put into the tables and find there, past row-level security.
impl Tables {
    /// Leaves a task as the end of a run would.
    pub(crate) async fn set_task_state(&self, task: TaskId, state: i16) {
        sqlx::query("UPDATE tasks.task SET state = $2 WHERE task_id = $1")
            .bind(task.uuid())
            .bind(state)
            .execute(&self.kit.admin())
            .await
            .expect("set the state");
    }

    /// Parts of a task.
    pub(crate) async fn fill_with_parts(&self, workspace: WorkspaceId, of: TaskId, count: i32) {
        sqlx::query(
            "INSERT INTO tasks.task (task_id, workspace_id, title, brief, acceptance_checks, creator, create_time, update_time,
                 parent_task)
             SELECT gen_random_uuid(), $1, 'Part', '', '{}', $1, $2, $2, $3 FROM generate_series(1, $4)",
        )
        .bind(workspace.uuid())
        .bind(NOW)
        .bind(of.uuid())
        .bind(count)
        .execute(&self.kit.admin())
        .await
        .expect("fill");
    }

    /// How often it was told that a task changed.
    pub(crate) async fn told_of_tasks(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM tasks.change WHERE kind = 1")
            .fetch_one(&self.kit.admin())
            .await
            .expect("count")
    }

    /// Makes it as if every task had so many comments.
    pub(crate) async fn count_comments_as(&self, count: i32) {
        sqlx::query("UPDATE tasks.task SET comment_count = $1")
            .bind(count)
            .execute(&self.kit.admin())
            .await
            .expect("count");
    }

    /// Makes it as if nobody had asked under this request id.
    pub(crate) async fn forget_request(&self, request_id: &str) {
        sqlx::query("DELETE FROM tasks.idempotency WHERE request_id = $1")
            .bind(request_id)
            .execute(&self.kit.admin())
            .await
            .expect("forget");
    }
}

/// Many tasks in each of two workspaces. In the first, one of a thousand speaks of a rocket; in the other, every one.
async fn two_full_boards(many: i64) -> Tables {
    let tables = Tables::new().await;
    for (number, every) in [(1, 1_000), (2, 1)] {
        let mut tx = tables.api.begin(workspace(number).uuid()).await.expect("begin");
        sqlx::query(
            "INSERT INTO tasks.task (task_id, workspace_id, title, brief, acceptance_checks, creator, create_time, update_time,
                 priority, due_time)
             SELECT gen_random_uuid(), $1, 'Task ' || n || CASE WHEN n % $2 = 0 THEN ' launches rockets' ELSE '' END,
                 'Reports number' || n || ' about customers and prices', '{}', $1, $3, $3 + n * interval '1 second',
                 1 + n % 4, CASE WHEN n % 2 = 0 THEN $3 + n * interval '1 minute' END
             FROM generate_series(1, $4) n",
        )
        .bind(workspace(number).uuid())
        .bind(i64::from(every))
        .bind(NOW)
        .bind(many)
        .execute(&mut *tx)
        .await
        .expect("fill");
        tx.commit().await.expect("commit");
    }
    for statement in ["VACUUM ANALYZE tasks.task", "VACUUM ANALYZE tasks.task_search"] {
        sqlx::query(statement).execute(&tables.kit.admin()).await.expect("analyze");
    }
    tables
}

#[tokio::test]
async fn words_are_found_by_the_index_and_in_their_workspace_alone() {
    let tables = two_full_boards(MANY).await;
    let found = async |number: u128, words: &str| {
        let mut tx = tables.api.read(workspace(number).uuid()).await.expect("read");
        let filter = Filter { words: Some(words.into()), ..Filter::default() };
        let found = task_list::list(&mut tx, workspace(number), &filter, Order::NEWEST, None, MANY * 2).await;
        let found = found.expect("list");
        assert!(found.iter().all(|task| task.workspace_id == workspace(number).uuid()));
        found.len()
    };
    assert_eq!(found(1, "rocket").await, 20);
    assert_eq!(found(2, "rocket").await, 20_000);
    assert_eq!(found(1, "\"launches rockets\" prices").await, 20, "a phrase and a word, by their stems");
    assert_eq!(found(1, "rockets -launch").await, 0);
    assert_eq!(found(1, "number17 or number18").await, 2);
    assert_eq!(found(3, "rocket").await, 0);

    // What the function itself answers, past the policies of the tasks that it names.
    let mut tx = tables.api.begin(workspace(1).uuid()).await.expect("begin");
    let strangers: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM tasks.search_tasks('rocket') AS id WHERE id NOT IN (SELECT task_id FROM tasks.task)",
    )
    .fetch_one(&mut *tx)
    .await
    .expect("search");
    assert_eq!(strangers, 0);
    let mut open = tables.api.begin_open().await.expect("begin");
    let nowhere: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.search_tasks('rocket')")
        .fetch_one(&mut *open)
        .await
        .expect("search");
    assert_eq!(nowhere, 0, "without a workspace");

    // The plan of the function's own text, as its owner, without looking at the words: as the function is planned.
    let body: String =
        sqlx::query_scalar("SELECT prosrc FROM pg_proc WHERE oid = 'tasks.search_tasks'::regproc")
            .fetch_one(&tables.kit.admin())
            .await
            .expect("read the function");
    let mut admin = tables.kit.admin().acquire().await.expect("acquire");
    let prepare = format!(
        "SET ROLE mc_tasks_owner; SET plan_cache_mode = force_generic_plan;
         SELECT set_config('mc.workspace', '{}', false); PREPARE search (text) AS {body}",
        workspace(1)
    );
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *admin).await.expect("prepare");
    let plan = sqlx::raw_sql("EXPLAIN (ANALYZE, TIMING off) EXECUTE search ('rocket')")
        .fetch_all(&mut *admin)
        .await
        .expect("explain");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Bitmap Index Scan on task_search_by_word"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
    let by_index = plan.lines().find(|line| line.contains("Bitmap Index Scan")).expect("the scan");
    assert!(by_index.contains("actual rows=20 "), "the other workspace's 20,000 never come: {plan}");
}

#[tokio::test]
async fn every_order_goes_by_its_index_in_both_directions_and_pages_meet() {
    let many = 4_000;
    let tables = two_full_boards(many).await;
    let (here, filter) = (workspace(1), Filter::default());
    for (text, index) in [
        ("create_time", "task_by_workspace"),
        ("update_time", "task_by_update"),
        ("due_time", "task_by_due"),
        ("priority", "task_by_priority"),
    ] {
        for direction in ["", " desc"] {
            let order = Order::parse(&format!("{text}{direction}")).expect("an order");
            let mut tx = tables.api.read(here.uuid()).await.expect("read");
            let whole = task_list::list(&mut tx, here, &filter, order, None, many).await.expect("list");
            assert_eq!(whole.len() as i64, many);
            let (mut paged, mut after) = (Vec::new(), None);
            while paged.len() < whole.len() {
                let page = task_list::list(&mut tx, here, &filter, order, after, 700).await.expect("list");
                after = page.last().map(|task| Place::of(task, order.by));
                paged.extend(page.into_iter().map(|task| task.task_id));
            }
            assert!(whole.iter().map(|task| task.task_id).eq(paged), "{text}{direction}: page by page");

            let middle = Some(Place::of(&whole[2_000], order.by));
            let (sql, plan) =
                task_list::explain(&mut tx, here, &filter, order, middle, 51).await.expect("explain");
            // What is looked up for each task of the page stands behind the way to the tasks.
            let way = plan.split("SubPlan").next().expect("the way to the tasks");
            assert!(
                way.contains(&format!("using {index} on task")) && !way.contains("Sort"),
                "{sql}\n{plan}"
            );
            assert!(!plan.contains("Seq Scan on task"), "{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn words_follow_what_people_write() {
    let tables = Tables::new().await;
    let here = workspace(1);
    let task = tables.task(here).await;
    let finds = async |words: &str| {
        let mut tx = tables.api.read(here.uuid()).await.expect("read");
        let filter = Filter { words: Some(words.into()), ..Filter::default() };
        task_list::list(&mut tx, here, &filter, Order::NEWEST, None, 9).await.expect("list").len()
    };
    assert_eq!((finds("reports").await, finds("exist").await), (1, 1), "title and acceptance checks");
    // A brief as long as it may be, of words that are taken apart into several.
    let brief = "a-b/c.example ".repeat(65_536 / 14);
    let content = task::Content { title: "Another".into(), brief, assignee: None, acceptance_checks: vec![] };
    let mut tx = tables.api.begin(here.uuid()).await.expect("begin");
    task::update(&mut tx, here, task, &content, NOW).await.expect("update");
    tx.commit().await.expect("commit");
    assert_eq!((finds("report").await, finds("another").await), (0, 1));
    let mut tx = tables.api.read(here.uuid()).await.expect("read");
    for (text, words) in [
        ("the", false),
        ("", false),
        ("it or the", false),
        ("-", false),
        ("the rocket", true),
        ("-rocket", true),
    ] {
        assert_eq!(task_list::has_words(&mut tx, text).await.expect("words"), words, "{text:?}");
    }
}
