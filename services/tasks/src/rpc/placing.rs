//! A task is put where people say that it belongs: what it names has to be there, and nothing may go around in a circle.

use mc_chassis::Failure;
use mc_chassis::db::Tx;
use mc_chassis::error::Violations;

use crate::domain::board::{MAX_LEVELS, MAX_SUBTASKS, graph};
use crate::domain::id::{TaskId, WorkspaceId};
use crate::error::{Error, NamedTask, Tie};
use crate::rpc::view;
use crate::store::board::{self, Board};
use crate::store::task::Task;

/// Levels as the store counts them: one more than may be is enough to know.
const COUNTED: i32 = MAX_LEVELS as i32 + 1;

/// Puts a task that the transaction has locked or made, and that stood as `before`, where `board` says.
pub(super) async fn place(
    tx: &mut Tx,
    workspace: WorkspaceId,
    before: &Task,
    board: &Board,
) -> Result<(), Error> {
    let id = TaskId::new(before.task_id);
    let new_parent = board.parent.filter(|parent| before.parent_task != Some(parent.uuid()));
    let new_blockers: Vec<TaskId> =
        board.blocked_by.iter().filter(|it| !before.blocked_by.contains(&it.uuid())).copied().collect();
    // Who takes edges out makes no circle, and needs to wait for nobody.
    if new_parent.is_some() || !new_blockers.is_empty() {
        board::lock_graph(tx, workspace).await?;
        refuse_unknown(tx, board).await?;
    }
    if !new_blockers.is_empty() {
        let known = board::blockers_from(tx, &new_blockers).await?;
        if let Some(way) = graph::cycle(id, &board.blocked_by, &known) {
            return Err(Error::Cycle { tie: Tie::BlockedBy, tasks: named(tx, &way).await? });
        }
    }
    if let Some(parent) = new_parent {
        check_parent(tx, workspace, id, parent).await?;
    }
    board::place(tx, workspace, id, board).await?;
    Ok(())
}

async fn refuse_unknown(tx: &mut Tx, board: &Board) -> Result<(), Error> {
    let asked: Vec<TaskId> = board.parent.iter().chain(&board.blocked_by).copied().collect();
    let found = board::titles(tx, &asked).await?;
    let is_there = |task: &TaskId| found.iter().any(|(id, _)| *id == task.uuid());
    let mut wrong = Violations::default();
    if !board.parent.iter().all(is_there) {
        wrong.add("task.parent_task", "is no task of the workspace");
    }
    for (at, _) in board.blocked_by.iter().enumerate().filter(|(_, blocker)| !is_there(blocker)) {
        wrong.add(format!("task.blocked_by[{at}]"), "is no task of the workspace");
    }
    Ok(wrong.into_result().map_err(Failure::invalid_fields)?)
}

async fn check_parent(tx: &mut Tx, workspace: WorkspaceId, id: TaskId, parent: TaskId) -> Result<(), Error> {
    let line = board::line_up(tx, parent, COUNTED).await?;
    if let Some(end) = line.iter().position(|task| *task == id) {
        let way: Vec<TaskId> = std::iter::once(id).chain(line[..=end].iter().copied()).collect();
        return Err(Error::Cycle { tie: Tie::PartOf, tasks: named(tx, &way).await? });
    }
    let below = board::levels_down(tx, workspace, id, COUNTED).await?;
    if line.len() + usize::try_from(below).unwrap_or(MAX_LEVELS) > MAX_LEVELS {
        return Err(Error::TooDeep(view::task_name(workspace.uuid(), id.uuid())));
    }
    if board::count_parts(tx, workspace, parent).await? >= MAX_SUBTASKS {
        let name = view::task_name(workspace.uuid(), parent.uuid());
        return Err(Error::TaskLimit { name, what: "subtasks", limit: MAX_SUBTASKS });
    }
    Ok(())
}

/// Tasks with their titles, in the order given.
pub(super) async fn named(tx: &mut Tx, tasks: &[TaskId]) -> Result<Vec<NamedTask>, Error> {
    let titles = board::titles(tx, tasks).await?;
    let title = |task: &TaskId| {
        titles.iter().find(|(id, _)| *id == task.uuid()).map(|(_, title)| title.clone()).unwrap_or_default()
    };
    Ok(tasks.iter().map(|task| NamedTask { task: *task, title: title(task) }).collect())
}
