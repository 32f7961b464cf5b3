//! The board over the wire: where a task stands, what it is a part of, what it waits for, and how lists tell.

use mc_proto::tasks::v1::{TaskPriority, TaskSource};
use prost_types::Timestamp;

use super::*;
use crate::domain::id::TaskId;

/// Ways in which tests change tasks.
impl Service {
    pub(super) async fn change_task(&self, task: &Task, paths: &[&str]) -> Result<Task, Failure> {
        let mask = FieldMask { paths: paths.iter().map(|&path| path.into()).collect() };
        let request = UpdateTaskRequest { task: Some(task.clone()), update_mask: Some(mask) };
        let reply = self.tasks().update_task(self.ask(request)).await;
        reply.map(|it| it.into_inner().task.expect("a task")).map_err(|status| Failure::from_status(&status))
    }

    pub(super) async fn block(&self, task: &Task, blockers: &[&Task]) -> Result<Task, Failure> {
        let blocked_by = blockers.iter().map(|blocker| blocker.name.clone()).collect();
        self.change_task(&Task { blocked_by, etag: String::new(), ..task.clone() }, &["blocked_by"]).await
    }

    pub(super) async fn put_under(&self, task: &Task, parent: &Task) -> Result<Task, Failure> {
        let moved = Task { parent_task: parent.name.clone(), etag: String::new(), ..task.clone() };
        self.change_task(&moved, &["parent_task"]).await
    }

    pub(super) async fn titled(&self, title: &str) -> Task {
        self.create(Task { title: title.into(), ..good() }, "").await.expect("create")
    }

    pub(super) async fn read(&self, task: &Task) -> Task {
        let request = GetTaskRequest { name: task.name.clone() };
        self.tasks().get_task(self.ask(request)).await.expect("get").into_inner().task.expect("a task")
    }

    /// As the end of a run leaves a task.
    pub(super) async fn finish(&self, task: &Task, state: TaskState) {
        let id: Uuid = task.name.rsplit('/').next().expect("an id").parse().expect("an id");
        self.tables.set_task_state(TaskId::new(id), state as i16).await;
    }

    async fn board(&self, request: ListTasksRequest) -> Vec<String> {
        let request = ListTasksRequest { parent: format!("workspaces/{HOME}"), ..request };
        let reply = self.tasks().list_tasks(self.ask(request)).await.expect("list").into_inner();
        reply.tasks.into_iter().map(|task| task.title).collect()
    }
}

#[tokio::test]
async fn task_keeps_its_place_in_one_spelling() {
    let service = Service::new().await;
    let plain = service.create(good(), "").await.expect("create");
    assert_eq!((plain.priority(), plain.labels.len(), &plain.source), (TaskPriority::Normal, 0, &None));
    let source = TaskSource { git_url: "git@example.com:a/b.git".into(), git_ref: "main".into() };
    let due = Some(Timestamp { seconds: 1_800_000_000, nanos: 5_000 });
    let asked = Task {
        priority: TaskPriority::Urgent as i32,
        labels: vec![" Needs  Review".into(), "ops".into(), "needs review".into()],
        parent_task: plain.name.clone(),
        blocked_by: vec![plain.name.clone()],
        due_time: due,
        source: Some(source.clone()),
        ..good()
    };
    let made = service.create(asked.clone(), "once").await.expect("create");
    assert_eq!(
        service.create(asked, "once").await.expect("again"),
        made,
        "the same request, the same answer"
    );
    assert_eq!(made.labels, ["needs review", "ops"]);
    assert_eq!(
        (made.priority(), made.due_time, made.source.as_ref()),
        (TaskPriority::Urgent, due, Some(&source))
    );
    assert_eq!((&made.parent_task, &made.blocked_by), (&plain.name, &vec![plain.name.clone()]));
    assert_eq!(made.open_blockers, made.blocked_by);
    assert_eq!(service.read(&made).await, made);
    assert_eq!(
        (service.read(&plain).await.subtask_count, service.read(&plain).await.done_subtask_count),
        (1, 0)
    );

    let changed = service
        .change_task(
            &Task { name: made.name.clone(), priority: 1, ..Task::default() },
            &["priority", "due_time", "source", "labels"],
        )
        .await
        .expect("update");
    assert_eq!(
        (changed.priority(), changed.due_time, changed.source, changed.labels.len()),
        (TaskPriority::Low, None, None, 0)
    );
    assert_eq!(
        (changed.parent_task, changed.blocked_by),
        (made.parent_task.clone(), made.blocked_by.clone()),
        "not in the mask"
    );
    assert_ne!(changed.etag, made.etag);
    let stale = service.change_task(&made, &["priority"]).await.expect_err("stale");
    assert_eq!(stale.reason(), "ETAG_MISMATCH");

    let missing = Task { parent_task: format!("workspaces/{HOME}/tasks/{USER}"), ..good() };
    assert_eq!(
        service.create(missing, "").await.expect_err("missing").violations()[0].field,
        "task.parent_task"
    );
    let blocked_by = vec![plain.name.clone(), format!("workspaces/{HOME}/tasks/{USER}")];
    let missing = service.create(Task { blocked_by, ..good() }, "").await.expect_err("missing");
    assert_eq!(missing.violations()[0].field, "task.blocked_by[1]");
    let wrong =
        service.create(Task { title: String::new(), priority: 9, ..good() }, "").await.expect_err("two");
    let fields: Vec<_> = wrong.violations().iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["task.title", "task.priority"], "all that is wrong at once");
}

#[tokio::test]
async fn blocked_task_is_not_started_until_what_it_waits_for_is_done() {
    let service = Service::new().await;
    let (build, test, ship) =
        (service.titled("Build").await, service.titled("Test").await, service.titled("Ship").await);
    let ship = service.block(&ship, &[&build, &test]).await.expect("block");
    let refused = service.start(&ship, "", "s1").await.expect_err("blocked");
    assert_eq!(refused.reason(), "TASK_BLOCKED");
    assert!(refused.message().contains("\"Build\", \"Test\""), "{}", refused.message());
    let ids: Vec<&str> =
        ship.open_blockers.iter().map(|name| name.rsplit('/').next().expect("an id")).collect();
    assert_eq!(refused.metadata()["blockers"], ids.join(","));

    service.finish(&build, TaskState::Done).await;
    // What stopped is not done: a person takes it out, or starts it again.
    service.finish(&test, TaskState::Stopped).await;
    let again = service.start(&ship, "", "s1").await.expect_err("blocked");
    assert_eq!(again.metadata()["blocker_count"], "1");
    assert_eq!(service.read(&ship).await.open_blockers, [test.name.as_str()]);
    service.finish(&test, TaskState::Done).await;
    service.start(&ship, "", "s1").await.expect("free");
    assert!(service.read(&ship).await.open_blockers.is_empty());
}

#[tokio::test]
async fn runs_of_pressing_tasks_are_taken_first() {
    let service = Service::new().await;
    let mut starts = Vec::new();
    for priority in [TaskPriority::Low, TaskPriority::Normal, TaskPriority::Urgent, TaskPriority::High] {
        let task = Task { priority: priority as i32, ..good() };
        let task = service.create(task, "").await.expect("create");
        starts.push(service.start(&task, "", "").await.expect("start"));
    }
    let worker = service.tables.worker().await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        let lease = service.tables.claim(worker, 1).await.remove(0);
        let name = format!("workspaces/{HOME}/runs/{}", lease.run);
        taken.push(starts.iter().position(|run| *run == name).expect("one of them"));
    }
    assert_eq!(taken, [2, 3, 1, 0]);
}

#[tokio::test]
async fn lists_are_narrowed_by_every_filter_and_ordered_as_asked() {
    let service = Service::new().await;
    let due = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let parent = service.titled("Parent rocket").await;
    let of = |title: &str, priority: i32, labels: &[&str], due_time| Task {
        title: title.into(),
        priority,
        labels: labels.iter().map(|&label| label.into()).collect(),
        due_time,
        ..good()
    };
    let a = service.create(of("A", 1, &["ops", "web"], due(300)), "").await.expect("create");
    let b =
        service.create(Task { parent_task: parent.name.clone(), ..of("B", 4, &["ops"], due(100)) }, "").await;
    let b = b.expect("create");
    service
        .create(
            Task { blocked_by: vec![a.name.clone()], brief: "Rockets!".into(), ..of("C", 2, &[], None) },
            "",
        )
        .await
        .expect("create");
    let list = |request| service.board(request);
    let base = ListTasksRequest::default;
    assert_eq!(list(base()).await, ["C", "B", "A", "Parent rocket"]);
    for (order_by, titles) in [
        ("create_time", ["Parent rocket", "A", "B", "C"]),
        ("due_time", ["B", "A", "Parent rocket", "C"]),
        ("due_time desc", ["C", "Parent rocket", "A", "B"]),
        ("priority desc", ["B", "C", "Parent rocket", "A"]),
    ] {
        assert_eq!(
            list(ListTasksRequest { order_by: order_by.into(), ..base() }).await,
            titles,
            "{order_by}"
        );
    }
    service.clock.advance(time::Duration::minutes(1));
    service.change_task(&Task { brief: "New".into(), ..a.clone() }, &["brief"]).await.expect("update");
    let by_update = ListTasksRequest { order_by: "update_time desc".into(), page_size: 1, ..base() };
    assert_eq!(list(by_update).await, ["A"]);

    let labelled = |labels: &[&str]| ListTasksRequest {
        labels: labels.iter().map(|&label| label.into()).collect(),
        ..ListTasksRequest::default()
    };
    assert_eq!(list(labelled(&["OPS "])).await, ["B", "A"]);
    assert_eq!(list(labelled(&["web", "ops"])).await, ["A"]);
    let under = |parent: &str| ListTasksRequest { parent_task: parent.into(), ..ListTasksRequest::default() };
    assert_eq!(list(under(&parent.name)).await, ["B"]);
    assert_eq!(list(under("-")).await, ["C", "A", "Parent rocket"]);
    assert_eq!(list(ListTasksRequest { priority: 4, ..base() }).await, ["B"]);
    assert_eq!(list(ListTasksRequest { due_after: due(100), due_before: due(300), ..base() }).await, ["B"]);
    assert_eq!(
        list(ListTasksRequest { due_after: due(101), ..base() }).await,
        ["A"],
        "and none without a time"
    );
    assert_eq!(list(ListTasksRequest { blocked: Some(true), ..base() }).await, ["C"]);
    assert_eq!(
        list(ListTasksRequest { blocked: Some(false), state: 1, ..base() }).await,
        ["B", "A", "Parent rocket"]
    );
    assert_eq!(list(ListTasksRequest { query: "rocket".into(), ..base() }).await, ["C", "Parent rocket"]);
    assert_eq!(
        list(ListTasksRequest { query: "rocket -parent".into(), blocked: Some(true), ..base() }).await,
        ["C"]
    );
    assert_eq!(
        list(ListTasksRequest { query: "ops".into(), ..base() }).await,
        ["B", "A"],
        "labels are words too"
    );
    service.finish(&b, TaskState::Done).await;
    assert_eq!(service.read(&parent).await.done_subtask_count, 1);

    let refused = async |request: ListTasksRequest| {
        let request = ListTasksRequest { parent: format!("workspaces/{HOME}"), ..request };
        let refused = service.tasks().list_tasks(service.ask(request)).await.expect_err("refused");
        Failure::from_status(&refused).violations()[0].field.clone()
    };
    assert_eq!(refused(ListTasksRequest { order_by: "title".into(), ..base() }).await, "order_by");
    assert_eq!(refused(ListTasksRequest { query: "the".into(), ..base() }).await, "query");
    assert_eq!(refused(ListTasksRequest { query: "x".repeat(501), ..base() }).await, "query");
    assert_eq!(refused(ListTasksRequest { labels: vec![String::new()], ..base() }).await, "labels[0]");
    assert_eq!(refused(ListTasksRequest { labels: vec!["l".into(); 21], ..base() }).await, "labels");
    assert_eq!(refused(ListTasksRequest { parent_task: "x".into(), ..base() }).await, "parent_task");
    assert_eq!(refused(ListTasksRequest { priority: 5, ..base() }).await, "priority");
    assert_eq!(refused(ListTasksRequest { due_before: due(-1), ..base() }).await, "due_before");
    let first = ListTasksRequest { page_size: 1, parent: format!("workspaces/{HOME}"), ..base() };
    let first = service.tasks().list_tasks(service.ask(first)).await.expect("list").into_inner();
    let other = ListTasksRequest { page_token: first.next_page_token, order_by: "priority".into(), ..base() };
    assert_eq!(refused(other).await, "page_token");
}
