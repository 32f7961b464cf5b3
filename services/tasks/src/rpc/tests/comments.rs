//! Comments: said, read, taken back by who said them, and told.

use mc_proto::tasks::v1::{
    CreateTaskCommentRequest, DeleteTaskCommentRequest, ListTaskCommentsRequest, TaskComment,
};

use super::*;

const OTHER: Uuid = Uuid::from_u128(0xe);

fn said(task: &Task, text: &str, request_id: &str) -> CreateTaskCommentRequest {
    CreateTaskCommentRequest {
        parent: task.name.clone(),
        task_comment: Some(TaskComment { text: text.into(), ..TaskComment::default() }),
        request_id: request_id.into(),
    }
}

impl Service {
    async fn say(&self, request: Request<CreateTaskCommentRequest>) -> Result<TaskComment, Failure> {
        let reply = self.tasks().create_task_comment(request).await;
        reply
            .map(|it| it.into_inner().task_comment.expect("a comment"))
            .map_err(|status| Failure::from_status(&status))
    }

    async fn take_back(&self, request: Request<DeleteTaskCommentRequest>) -> Result<(), Failure> {
        let reply = self.tasks().delete_task_comment(request).await;
        reply.map(drop).map_err(|status| Failure::from_status(&status))
    }
}

#[tokio::test]
async fn comment_is_kept_as_written_and_taken_back_by_who_said_it() {
    let service = Service::new().await;
    let task = service.titled("Task").await;
    let text = "  **Done?**\n\n```\n\tkept  \n```\n";
    let first = service.say(service.ask(said(&task, text, "c1"))).await.expect("say");
    assert_eq!(service.say(service.ask(said(&task, text, "c1"))).await.expect("again"), first, "said once");
    assert_eq!((first.text.as_str(), first.author.as_str()), (text, format!("users/{USER}").as_str()));
    let other = service.auth.request(OTHER, HOME, Role::Operator, said(&task, "Hm.", ""));
    let other = service.say(other).await.expect("somebody else");
    let seen = service.read(&task).await;
    assert_eq!(
        (seen.comment_count, &seen.etag),
        (2, &task.etag),
        "nobody's edit is refused for what was said"
    );

    let list =
        |page_token: String| ListTaskCommentsRequest { parent: task.name.clone(), page_size: 1, page_token };
    let page = service.tasks().list_task_comments(service.ask(list(String::new()))).await.expect("list");
    let page = page.into_inner();
    assert_eq!(page.task_comments, std::slice::from_ref(&first));
    let rest =
        service.tasks().list_task_comments(service.ask(list(page.next_page_token))).await.expect("list");
    let rest = rest.into_inner();
    assert_eq!((rest.task_comments, rest.next_page_token.as_str()), (vec![other.clone()], ""));

    let take = |name: &str| DeleteTaskCommentRequest { name: name.into() };
    let refused = service.take_back(service.ask(take(&other.name))).await.expect_err("another's");
    assert_eq!((refused.reason(), refused.code()), ("COMMENT_OF_ANOTHER", tonic::Code::PermissionDenied));
    let owner = service.auth.request(USER, HOME, Role::Owner, take(&other.name));
    assert_eq!(service.take_back(owner).await.expect_err("an owner").reason(), "COMMENT_OF_ANOTHER");
    service.take_back(service.ask(take(&first.name))).await.expect("one's own");
    assert_eq!(
        service.take_back(service.ask(take(&first.name))).await.expect_err("gone").reason(),
        "NOT_FOUND"
    );
    assert_eq!(service.read(&task).await.comment_count, 1);
    let elsewhere = service.titled("Another").await;
    let misplaced = other.name.replace(&task.name, &elsewhere.name);
    assert_eq!(
        service.take_back(service.ask(take(&misplaced))).await.expect_err("misplaced").reason(),
        "NOT_FOUND"
    );
}

#[tokio::test]
async fn comments_are_bounded_told_and_of_their_workspace() {
    let service = Service::new().await;
    let task = service.titled("Task").await;
    let told = async || service.tables.told_of_tasks().await;
    let before = told().await;
    for (text, field) in [("", "text"), (" \n", "text"), ("\0", "text")] {
        let refused = service.say(service.ask(said(&task, text, ""))).await.expect_err("no text");
        assert_eq!(refused.violations()[0].field, format!("task_comment.{field}"));
    }
    let none = CreateTaskCommentRequest { task_comment: None, ..said(&task, "", "") };
    assert_eq!(service.say(service.ask(none)).await.expect_err("none").violations()[0].field, "task_comment");
    assert_eq!(told().await, before);
    let comment = service.say(service.ask(said(&task, "x", ""))).await.expect("say");
    assert_eq!(told().await, before + 1);

    service.tables.count_comments_as(1_000).await;
    let full = service.say(service.ask(said(&task, "x", ""))).await.expect_err("full");
    assert_eq!((full.reason(), full.metadata()["limit"].as_str()), ("TASK_LIMIT_REACHED", "1000"));
    let take = DeleteTaskCommentRequest { name: comment.name };
    let viewer = service.auth.request(USER, HOME, Role::Viewer, take.clone());
    assert_eq!(service.take_back(viewer).await.expect_err("a viewer").code(), tonic::Code::PermissionDenied);
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, take.clone());
    assert_eq!(service.take_back(stranger).await.expect_err("a stranger").reason(), "NOT_FOUND");
    service.take_back(service.ask(take)).await.expect("take back");
    assert_eq!(told().await, before + 2);
    service.say(service.ask(said(&task, "x", ""))).await.expect("room for one");

    let gone = Task { name: format!("workspaces/{HOME}/tasks/{USER}"), ..task };
    assert_eq!(service.say(service.ask(said(&gone, "x", ""))).await.expect_err("gone").reason(), "NOT_FOUND");
    let list = ListTaskCommentsRequest { parent: gone.name, ..Default::default() };
    let gone = service.tasks().list_task_comments(service.ask(list)).await.expect_err("gone");
    assert_eq!(Failure::from_status(&gone).reason(), "NOT_FOUND");
}
