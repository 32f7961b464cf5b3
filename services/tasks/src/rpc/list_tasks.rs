//! ListTasks: the board, in the order asked for, and of it what the filters let through.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::Violations;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListTasksRequest, ListTasksResponse, TaskState};
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use crate::domain::board::order::{By, Order};
use crate::domain::id::WorkspaceId;
use crate::error::Error;
use crate::rpc::task_board::{labels, priority_of};
use crate::rpc::{Api, moment, names, view};
use crate::store::task_list::{self, Filter, Parent, Place};

/// Characters of a query at most.
const QUERY_CHARS: usize = 500;

/// What a page token holds: the order that it is for, and the last task's microseconds since 1970, priority and id.
type Key = (String, Option<i64>, i16, Uuid);

pub(super) async fn list_tasks(
    api: &Api,
    request: Request<ListTasksRequest>,
) -> Result<ListTasksResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let order = order(&request.order_by)?;
    let page = Page::<Key>::parse(request.page_size, &request.page_token)?;
    let after = page.after.as_ref().map(|key| place(order, key)).transpose()?;
    let filter = filter(workspace, &request)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    if let Some(words) = &filter.words
        && !task_list::has_words(&mut tx, words).await?
    {
        let why = "has no word to look for; words as frequent as `the` are not kept";
        return Err(Failure::invalid("query", why).into());
    }
    let mut tasks = task_list::list(&mut tx, workspace, &filter, order, after, page.fetch()).await?;
    let next_page_token = page.cut(&mut tasks, |task| key(order, Place::of(task, order.by)));
    Ok(ListTasksResponse { tasks: tasks.iter().map(view::task).collect(), next_page_token })
}

fn order(text: &str) -> Result<Order, Failure> {
    Order::parse(text).ok_or_else(|| {
        Failure::invalid(
            "order_by",
            "must be create_time, update_time, due_time or priority, with ` desc` behind it or not",
        )
    })
}

fn key(order: Order, place: Place) -> Key {
    // The database keeps microseconds, so nothing is lost.
    let micros = place.time.and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1_000).ok());
    (order.written(), micros, place.priority, place.task)
}

fn place(order: Order, (of, micros, priority, task): &Key) -> Result<Place, Failure> {
    let wrong = || Failure::invalid("page_token", "must be a next_page_token of this list, unchanged");
    if *of != order.written() {
        return Err(Failure::invalid(
            "page_token",
            format!("is for the order `{}`; ask in the same order", cut(of)),
        ));
    }
    let time = micros
        .map(|micros| OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000))
        .transpose()
        .map_err(|_| wrong())?;
    if order.by == By::UpdateTime && time.is_none() {
        return Err(wrong());
    }
    Ok(Place { time, priority: *priority, task: *task })
}

fn cut(text: &str) -> String {
    text.chars().take(30).collect()
}

fn filter(workspace: WorkspaceId, request: &ListTasksRequest) -> Result<Filter, Failure> {
    let mut wrong = Violations::default();
    let mut note =
        |failure: &Failure| failure.violations().iter().for_each(|it| wrong.add(&it.field, &it.description));
    let filter = Filter {
        state: state(request.state).inspect_err(&mut note).unwrap_or_default(),
        assignee: names::optional_agent(workspace, "assignee", &request.assignee)
            .inspect_err(&mut note)
            .unwrap_or_default(),
        labels: labels("labels", &request.labels).inspect_err(&mut note).unwrap_or_default(),
        parent: parent(workspace, &request.parent_task).inspect_err(&mut note).unwrap_or_default(),
        priority: priority_of("priority", request.priority).inspect_err(&mut note).unwrap_or_default(),
        due_after: moment::parse("due_after", request.due_after).inspect_err(&mut note).unwrap_or_default(),
        due_before: moment::parse("due_before", request.due_before)
            .inspect_err(&mut note)
            .unwrap_or_default(),
        blocked: request.blocked,
        words: words(&request.query).inspect_err(&mut note).unwrap_or_default(),
    };
    wrong.into_result().map_err(Failure::invalid_fields)?;
    Ok(filter)
}

fn state(number: i32) -> Result<Option<i16>, Failure> {
    match TaskState::try_from(number) {
        Ok(TaskState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state as i16)),
        Err(_) => Err(Failure::invalid("state", "must be a TaskState")),
    }
}

fn parent(workspace: WorkspaceId, name: &str) -> Result<Option<Parent>, Failure> {
    if name == "-" {
        return Ok(Some(Parent::None));
    }
    names::optional_task(workspace, "parent_task", name).map(|task| task.map(Parent::Task))
}

fn words(query: &str) -> Result<Option<String>, Failure> {
    if query.chars().count() > QUERY_CHARS {
        return Err(Failure::invalid("query", format!("must have at most {QUERY_CHARS} characters")));
    }
    if query.contains('\0') {
        return Err(Failure::invalid("query", "must not contain U+0000"));
    }
    Ok(Some(query.to_owned()).filter(|query| !query.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_token_holds_for_its_order_alone() {
        let order = order("due_time desc").expect("an order");
        let time = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time");
        for time in [None, Some(time)] {
            let there = Place { time, priority: 0, task: Uuid::from_u128(1) };
            assert_eq!(place(order, &key(order, there)).expect("the same order"), there);
            for other in ["due_time", "", "priority desc"] {
                let other = super::order(other).expect("an order");
                assert_eq!(
                    place(other, &key(order, there)).expect_err("other").violations()[0].field,
                    "page_token"
                );
            }
        }
        let by_update = super::order("update_time").expect("an order");
        for micros in [None, Some(i64::MAX), Some(i64::MIN)] {
            let made_up = (by_update.written(), micros, 0, Uuid::nil());
            assert_eq!(place(by_update, &made_up).expect_err("made up").violations()[0].field, "page_token");
        }
    }

    #[test]
    fn query_has_at_most_500_characters() {
        assert_eq!(words("").expect("none"), None);
        assert!(words(&"é".repeat(QUERY_CHARS)).expect("the longest").is_some());
        for wrong in [&"é".repeat(QUERY_CHARS + 1), "a\0"] {
            assert_eq!(words(wrong).expect_err("wrong").violations()[0].field, "query");
        }
    }
}
