//! Several tasks at once: each by itself, in the order asked, and once.

use mc_proto::tasks::v1::{
    BatchStartTasksRequest, BatchUpdateTasksRequest, TaskRefusal, TaskStart, TaskStartResult, TaskUpdate,
    TaskUpdateResult,
};

use super::*;

fn renamed(task: &Task, title: &str) -> TaskUpdate {
    let task = Task { title: title.into(), ..task.clone() };
    TaskUpdate { task: Some(task), update_mask: Some(FieldMask { paths: vec!["title".into()] }) }
}

fn begun(task: &Task) -> TaskStart {
    TaskStart { name: task.name.clone(), ..TaskStart::default() }
}

impl Service {
    async fn update_all(
        &self,
        updates: Vec<TaskUpdate>,
        request_id: &str,
    ) -> Result<Vec<TaskUpdateResult>, Failure> {
        let parent = format!("workspaces/{HOME}");
        let request = BatchUpdateTasksRequest { parent, updates, request_id: request_id.into() };
        let reply = self.tasks().batch_update_tasks(self.ask(request)).await;
        reply.map(|it| it.into_inner().results).map_err(|status| Failure::from_status(&status))
    }

    async fn start_all(
        &self,
        starts: Vec<TaskStart>,
        request_id: &str,
    ) -> Result<Vec<TaskStartResult>, Failure> {
        let parent = format!("workspaces/{HOME}");
        let request = BatchStartTasksRequest { parent, starts, request_id: request_id.into() };
        let reply = self.tasks().batch_start_tasks(self.ask(request)).await;
        reply.map(|it| it.into_inner().results).map_err(|status| Failure::from_status(&status))
    }
}

/// Empty for what was done.
fn fates<'a>(refusals: impl Iterator<Item = &'a Option<TaskRefusal>>) -> Vec<String> {
    refusals.map(|it| it.as_ref().map(|refusal| refusal.reason.clone()).unwrap_or_default()).collect()
}

#[tokio::test]
async fn each_change_is_made_or_refused_on_its_own_in_the_order_asked() {
    let service = Service::new().await;
    let (a, b) = (service.titled("A").await, service.titled("B").await);
    let ring = |task: &Task, blocker: &Task| TaskUpdate {
        task: Some(Task { blocked_by: vec![blocker.name.clone()], etag: String::new(), ..task.clone() }),
        update_mask: Some(FieldMask { paths: vec!["blocked_by".into()] }),
    };
    let c = service.titled("C").await;
    let gone = Task { name: format!("workspaces/{HOME}/tasks/{USER}"), ..c.clone() };
    let elsewhere = Task { name: format!("workspaces/{}/tasks/{USER}", Uuid::from_u128(2)), ..c.clone() };
    let results = service
        .update_all(
            vec![
                ring(&a, &b),
                ring(&b, &a),
                renamed(&c, ""),
                renamed(&gone, "D"),
                renamed(&elsewhere, "D"),
                renamed(&Task { name: "x".into(), ..c.clone() }, "D"),
                TaskUpdate::default(),
            ],
            "",
        )
        .await
        .expect("a batch");
    assert_eq!(
        fates(results.iter().map(|it| &it.refusal)),
        ["", "TASK_CYCLE", "INVALID_FIELD", "NOT_FOUND", "NOT_FOUND", "INVALID_FIELD", "INVALID_FIELD"]
    );
    assert_eq!(results[0].task.as_ref().expect("done"), &service.read(&a).await);
    assert_eq!(results[1].name, b.name);
    let refusal = |at: usize| results[at].refusal.clone().expect("refused");
    assert_eq!((refusal(1).metadata["field"].as_str(), refusal(1).code), ("task.blocked_by", 9));
    assert_eq!(refusal(2).violations[0].field, "task.title");
    assert_eq!(
        (refusal(5).violations[0].field.as_str(), refusal(6).violations[0].field.as_str()),
        ("task.name", "task")
    );
    assert_eq!(service.read(&c).await, c, "what was refused is as it was");
}

#[tokio::test]
async fn repeated_batch_of_changes_answers_as_before_and_ends_what_was_cut_short() {
    let service = Service::new().await;
    let (a, b) = (service.titled("A").await, service.titled("B").await);
    let asked = vec![renamed(&a, "New A"), renamed(&b, "New B")];
    let first = service.update_all(asked.clone(), "u1").await.expect("a batch");
    assert_eq!(service.update_all(asked.clone(), "u1").await.expect("repeated"), first, "etags and all");
    let other = service.update_all(vec![renamed(&a, "Other")], "u1").await.expect_err("another request");
    assert_eq!(other.reason(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(
        fates(service.update_all(asked, "u2").await.expect("stale").iter().map(|it| &it.refusal)),
        ["ETAG_MISMATCH"; 2]
    );

    // The answer got lost behind the first task: the id is kept, and one change.
    let fresh = |task: &Task, title: &str| renamed(&Task { etag: String::new(), ..task.clone() }, title);
    let asked = vec![fresh(&a, "Newer A"), fresh(&b, "Newer B")];
    let cut = service.update_all(asked.clone(), "u3").await.expect("a batch");
    // As if it had not come to the second.
    service.tables.forget_request(&crate::rpc::batch::entry_request_id("u3", &b.name)).await;
    let again = service.update_all(asked, "u3").await.expect("repeated");
    assert_eq!(again[0], cut[0], "what was changed is answered as before");
    let revision = |result: &TaskUpdateResult| result.task.as_ref().expect("done").etag.clone();
    assert_ne!(revision(&again[1]), revision(&cut[1]), "and the rest is done");
}

#[tokio::test]
async fn each_start_is_made_or_refused_on_its_own_and_once() {
    let service = Service::new().await;
    let (free, blocked, running) =
        (service.titled("Free").await, service.titled("Blocked").await, service.titled("Running").await);
    service.block(&blocked, &[&free]).await.expect("block");
    service.start(&running, "", "").await.expect("start");
    let nobody = service.create(Task { assignee: String::new(), ..good() }, "").await.expect("create");
    let later = service.titled("Later").await;
    let wrong = TaskStart { agent_version: "x".into(), ..begun(&later) };
    let asked = vec![begun(&free), begun(&blocked), begun(&running), begun(&nobody), wrong];
    let results = service.start_all(asked.clone(), "s1").await.expect("a batch");
    assert_eq!(
        fates(results.iter().map(|it| &it.refusal)),
        ["", "TASK_BLOCKED", "TASK_ALREADY_RUNNING", "TASK_UNASSIGNED", "INVALID_FIELD"]
    );
    let run = results[0].run.as_ref().expect("a run");
    assert_eq!((run.state(), &run.task), (RunState::Queued, &free.name));
    assert_eq!(
        results[1].refusal.as_ref().expect("refused").metadata["blockers"],
        free.name.rsplit('/').next().expect("an id")
    );
    let again = service.start_all(asked, "s1").await.expect("repeated");
    assert_eq!(again[0], results[0], "started once");
    assert_eq!(service.tables.claim(service.tables.worker().await, 9).await.len(), 2);

    // Without the registry nothing is said of a task: the request is to be repeated, and then does the rest.
    service.registry.away.store(true, Ordering::Relaxed);
    let away = service.start_all(vec![begun(&later)], "s2").await.expect_err("the registry is away");
    assert_eq!(away.code(), tonic::Code::Unavailable);
    service.registry.away.store(false, Ordering::Relaxed);
    let back = service.start_all(vec![begun(&later)], "s2").await.expect("repeated");
    assert!(back[0].run.is_some());
}

#[tokio::test]
async fn batches_are_held_at_their_edges_and_to_their_permission() {
    let service = Service::new().await;
    let named = |count: u128| -> Vec<Task> {
        let task = |n| Task { name: format!("workspaces/{HOME}/tasks/{}", Uuid::from_u128(n)), ..good() };
        (0..count).map(task).collect()
    };
    let updates = |tasks: &[Task]| tasks.iter().map(|task| renamed(task, "New")).collect::<Vec<_>>();
    let starts = |tasks: &[Task]| tasks.iter().map(begun).collect::<Vec<_>>();
    let full = service.update_all(updates(&named(100)), "").await.expect("a hundred");
    assert_eq!(fates(full.iter().map(|it| &it.refusal)), ["NOT_FOUND"; 100]);
    let full = service.start_all(starts(&named(100)), "").await.expect("a hundred");
    assert_eq!(fates(full.iter().map(|it| &it.refusal)), ["NOT_FOUND"; 100]);
    let twice = [named(2), named(1)].concat();
    for (tasks, of_updates, of_starts) in [
        (named(101), "updates", "starts"),
        (vec![], "updates", "starts"),
        (twice, "updates[2].task.name", "starts[2].name"),
    ] {
        let refused = service.update_all(updates(&tasks), "").await.expect_err(of_updates);
        assert_eq!(refused.violations()[0].field, of_updates);
        let refused = service.start_all(starts(&tasks), "").await.expect_err(of_starts);
        assert_eq!(refused.violations()[0].field, of_starts);
    }
    let request = BatchStartTasksRequest {
        parent: format!("workspaces/{HOME}"),
        starts: starts(&named(1)),
        request_id: String::new(),
    };
    let viewer = service.auth.request(USER, HOME, Role::Viewer, request.clone());
    let denied = service.tasks().batch_start_tasks(viewer).await.expect_err("a viewer");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, request);
    let denied = service.tasks().batch_start_tasks(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
}
