//! Nothing waits for itself and nothing is a part of itself, however far around and however many try at once.

use super::*;
use crate::domain::id::TaskId;

fn id(task: &Task) -> &str {
    task.name.rsplit('/').next().expect("an id")
}

#[tokio::test]
async fn way_around_is_refused_by_the_names_of_its_tasks_in_order() {
    let service = Service::new().await;
    let (a, b, c) = (service.titled("A").await, service.titled("B").await, service.titled("C").await);
    service.block(&a, &[&b]).await.expect("a waits for b");
    service.block(&b, &[&c]).await.expect("b waits for c");
    let refused = service.block(&c, &[&a]).await.expect_err("around");
    assert_eq!(refused.reason(), "TASK_CYCLE");
    assert_eq!(
        refused.message(),
        "\"C\" would be blocked by \"A\", which is blocked by \"B\", which is blocked by \"C\""
    );
    assert_eq!(refused.metadata()["cycle"], [id(&c), id(&a), id(&b), id(&c)].join(","));
    assert_eq!(refused.metadata()["field"], "task.blocked_by");
    let itself = service.block(&a, &[&b, &a]).await.expect_err("itself");
    assert_eq!(itself.message(), "\"A\" would be blocked by \"A\"");
    assert!(service.read(&c).await.blocked_by.is_empty(), "what was refused left nothing");
    // Once an edge is gone, what went around goes straight; and a change that takes one out and puts one in is one change.
    service.block(&b, &[]).await.expect("b waits for nothing");
    service.block(&c, &[&a]).await.expect("c waits for a");
    assert_eq!(service.block(&b, &[&c]).await.expect_err("around").metadata()["cycle_length"], "3");
    service.block(&a, &[]).await.expect("a waits for nothing");
    service.block(&b, &[&c]).await.expect("b waits for c");
}

#[tokio::test]
async fn parts_of_parts_end_at_the_fifth_level_and_go_nowhere_around() {
    let service = Service::new().await;
    let mut line = vec![service.titled("T1").await];
    for level in 2..=5 {
        let parent_task = line[level - 2].name.clone();
        let task = Task { title: format!("T{level}"), parent_task, ..good() };
        line.push(service.create(task, "").await.expect("within five"));
    }
    let sixth = Task { parent_task: line[4].name.clone(), ..good() };
    assert_eq!(service.create(sixth, "").await.expect_err("the sixth").reason(), "TASK_TOO_DEEP");
    let over = service.titled("Over").await;
    let refused = service.put_under(&line[0], &over).await.expect_err("its parts would be on the sixth");
    assert_eq!((refused.reason(), refused.metadata()["limit"].as_str()), ("TASK_TOO_DEEP", "5"));

    let around = service.put_under(&line[0], &line[2]).await.expect_err("around");
    assert_eq!(around.reason(), "TASK_CYCLE");
    assert_eq!(
        around.message(),
        "\"T1\" would be a part of \"T3\", which is a part of \"T2\", which is a part of \"T1\""
    );
    assert_eq!(around.metadata()["field"], "task.parent_task");
    let itself = service.put_under(&over, &over).await.expect_err("itself");
    assert_eq!(itself.message(), "\"Over\" would be a part of \"Over\"");
    let out =
        service.change_task(&Task { name: line[4].name.clone(), ..Task::default() }, &["parent_task"]).await;
    assert_eq!(out.expect("out").parent_task, "");
    service.put_under(&line[0], &over).await.expect("now it fits");
}

#[tokio::test]
async fn task_has_200_parts_at_most() {
    let service = Service::new().await;
    let parent = service.titled("Parent").await;
    let own = service.titled("Own").await;
    let parts_of = TaskId::new(id(&parent).parse().expect("an id"));
    service.tables.fill_with_parts(WorkspaceId::new(HOME), parts_of, 199).await;
    service.put_under(&own, &parent).await.expect("the last");
    assert_eq!(service.read(&parent).await.subtask_count, 200);
    let more =
        service.create(Task { parent_task: parent.name.clone(), ..good() }, "").await.expect_err("one more");
    assert_eq!((more.reason(), more.metadata()["limit"].as_str()), ("TASK_LIMIT_REACHED", "200"));
    service.put_under(&own, &parent).await.expect("it is there already");
}

#[tokio::test]
async fn two_changes_at_once_make_no_way_around() {
    let service = Service::new().await;
    for round in 0..12 {
        let tasks = [service.titled("A").await, service.titled("B").await, service.titled("C").await];
        // Each change by itself is sound, and all three together go around.
        let next = |n: usize| &tasks[(n + 1) % 3];
        let done = if round % 2 == 0 {
            let change = async |n: usize| service.block(&tasks[n], &[next(n)]).await;
            futures::join!(change(0), change(1), change(2))
        } else {
            let change = async |n: usize| service.put_under(&tasks[n], next(n)).await;
            futures::join!(change(0), change(1), change(2))
        };
        let refused = [done.0, done.1, done.2];
        let refused: Vec<_> = refused.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "one of three is refused: {refused:?}");
        assert_eq!(
            (refused[0].reason(), refused[0].metadata()["cycle_length"].as_str()),
            ("TASK_CYCLE", "3")
        );
    }
}
