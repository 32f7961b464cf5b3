//! Work that a run hands to others: made once, waited for without a worker, heard of, cancelled with it, and bounded.

use std::sync::atomic::Ordering;

use mc_proto::tasks::v1::{ListRunsRequest, Run as Shown, WaitReason};

use super::*;
use crate::domain::brief::{AgentSnapshot, Teammate};
use crate::domain::event::{ChildCancelCause, ChildEnd};
use crate::domain::family::MAX_LIVE_IN_TREE;
use crate::domain::id::AgentId;
use crate::store::append::{Append, Besides, Refusal, append_with};
use crate::store::children;
use crate::store::run::status;
use crate::store::tests::{NOW, writer};
use CommandKind::{Cancel, Retry};
use CommandState::{Effective, Requested};

fn team() -> ToolGrant {
    let bob =
        Teammate { name: "bob".into(), agent: AgentId::new(Uuid::from_u128(0xb0b)), purpose: String::new() };
    ToolGrant { teammates: vec![bob], ..ToolGrant::of("delegate") }
}

fn hands(count: usize, how: &str) -> (&'static str, String) {
    let pieces = vec![r#"{"teammate":"bob","title":"Look","brief":"Find it."}"#; count].join(",");
    ("delegate", format!(r#"{{"children":[{pieces}]{how}}}"#))
}

fn question() -> Reply {
    Reply::Answer("Hm.", vec![("ask_human", r#"{"question":"Which one?"}"#.to_owned())])
}

impl World {
    /// Runs that this one handed work to, the oldest first.
    async fn children(&self, run: RunId) -> Vec<Shown> {
        let request = ListRunsRequest {
            parent: format!("workspaces/{HOME}"),
            parent_run: name(run),
            ..Default::default()
        };
        let mut runs = RunServiceClient::new(self.upstream.unary());
        let mut runs = runs.list_runs(self.ask(request)).await.expect("list").into_inner().runs;
        runs.reverse();
        runs
    }

    /// A run that waits for so many others.
    async fn delegated(&self, count: usize, how: &str) -> (RunId, Vec<RunId>) {
        let run = self.queued(vec![team()], vec![hands(count, how)]).await;
        self.attempt().await;
        let children = self.children(run).await.iter().map(|child| id(&child.name)).collect();
        (run, children)
    }

    async fn live(&self, root: RunId) -> i64 {
        let mut tx = self.fleet.tables.engine.read(HOME.uuid()).await.expect("read");
        children::live_in_tree(&mut tx, root).await.expect("count")
    }
}

fn id(name: &str) -> RunId {
    RunId::new(name.rsplit('/').next().expect("a name").parse().expect("an id"))
}

#[tokio::test]
async fn parent_waits_without_a_worker_and_hears_what_all_did_and_cost() {
    let world = World::new().await;
    let (run, made) = world.delegated(2, "").await;
    let shown = world.shown(run).await;
    assert_eq!((shown.state(), shown.wait_reason()), (RunState::Waiting, WaitReason::Child));
    assert_eq!(world.run(run).await.lease_holder(&world).await, None);
    assert_eq!(made.len(), 2);
    for child in world.children(run).await {
        assert_eq!((child.state(), child.title.as_str()), (RunState::Queued, "Look"));
        assert_eq!(child.parent_run, name(run));
        assert!(child.agent_version.ends_with("/versions/5"), "{}", child.agent_version);
        assert_eq!(child.starter, shown.starter, "on behalf of who started it all");
    }
    assert_eq!(world.kinds(run).await.last(), Some(&"children_started"));

    world.attempt().await;
    assert_eq!(world.run(run).await.status, status::QUEUED, "woken by the end of the first");
    assert!(world.fleet.is_ready(run).await);
    // It stands in line since before its children were made: it hears of the first, then the second works.
    world.attempt().await;
    assert_eq!(world.shown(run).await.wait_reason(), WaitReason::Child);
    world.attempt().await;
    world.attempt().await;
    let ended = world.shown(run).await;
    assert_eq!(ended.state(), RunState::Succeeded, "{:?}", world.events(run).await);
    let heard: Vec<ChildEnd> = world
        .events(run)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::ChildEnded(ended) => Some(ended.end),
            _ => None,
        })
        .collect();
    assert_eq!(heard, [ChildEnd::Succeeded, ChildEnd::Succeeded]);
    let (said, failed) = world.fleet.script.results().remove(0);
    assert!(said.starts_with("2 of 2 succeeded.") && !failed, "{said}");
    let children = world.children(run).await;
    let cost: i64 = children.iter().map(|child| child.cost_nano_usd).sum();
    assert!(cost > 0 && ended.cost_nano_usd > cost, "{} of {cost}", ended.cost_nano_usd);
    assert_eq!(world.live(run).await, 0);
    assert!(world.receipts(run).await.is_empty(), "the end of a child is no order");
}

#[tokio::test]
async fn record_and_runs_are_committed_together_once_and_under_the_lease() {
    let world = World::new().await;
    let (run, _) = world.delegated(2, "").await;
    let events = world.events(run).await;
    let started = events.last().expect("it was handed over").clone();
    // The same again, as after an answer that got lost, and by a worker whose lease is gone.
    let epoch: i64 = sqlx::query_scalar("UPDATE tasks.run SET status = 2, wait_reason = 0, worker_id = gen_random_uuid() WHERE run_id = $1 RETURNING lease_epoch")
        .bind(run.uuid())
        .fetch_one(&world.fleet.tables.kit.admin())
        .await
        .expect("take it");
    let new = new_children(&world, run, 1).await;
    for (epoch, refused) in [(epoch, "duplicate"), (epoch - 1, "fenced")] {
        let append = Append { run, epoch, at: NOW, events: vec![started.clone()] };
        let besides = Besides { children: new.clone(), ..Besides::default() };
        let answer = append_with(&world.fleet.tables.engine, HOME, &append, &besides).await;
        match refused {
            "duplicate" => assert!(matches!(answer, Err(Refusal::Duplicate)), "{answer:?}"),
            _ => assert!(matches!(answer, Err(Refusal::Fenced)), "{answer:?}"),
        }
    }
    assert_eq!(world.children(run).await.len(), 2, "nothing was made beside a record");
}

/// Children of a run that are not made yet.
async fn new_children(world: &World, run: RunId, count: usize) -> Vec<children::NewChild> {
    use crate::domain::brief::RunBrief;
    use crate::domain::event::Queued;
    use crate::domain::family::Lineage;
    let events = world.events(run).await;
    let Event::Queued(queued) = &events[0] else { panic!("{events:?}") };
    let own = &queued.brief;
    let lineage = own.lineage.map_or(Lineage { parent: run, root: run, depth: 1 }, |above| Lineage {
        parent: run,
        root: above.root,
        depth: above.depth + 1,
    });
    let child = |_| {
        let ids = &world.fleet.means.ambient.ids;
        let task = crate::domain::brief::TaskSnapshot {
            task: crate::domain::id::TaskId::new(ids.uuid()),
            ..own.task.clone()
        };
        let content = crate::store::task::Content {
            title: task.title.clone(),
            brief: String::new(),
            assignee: None,
            acceptance_checks: Vec::new(),
        };
        let brief = RunBrief::pin(HOME, RunId::new(ids.uuid()), own.starter, task, writer()).below(lineage);
        children::NewChild { queued: Queued { brief: brief.into(), start_at: None }, task: content }
    };
    (0..count).map(child).collect()
}

#[tokio::test]
async fn thirty_two_may_live_in_a_tree_and_no_more_whoever_hands_on_last() {
    let world = World::new().await;
    let run = world.queued(vec![team()], vec![hands(1, "")]).await;
    let (worker, lease) = world.fleet.claim().await;
    let mut filled = 0;
    for (step, count) in [(90, 31), (91, 2), (92, 1), (93, 1)] {
        let new = new_children(&world, run, count).await;
        let event = Event::EngineNote(crate::domain::event::EngineNote {
            step,
            reason: crate::domain::event::NoteReason::EmptyAnswer,
            text: String::new(),
        });
        let append = Append { run, epoch: lease.epoch, at: NOW, events: vec![event] };
        let besides = Besides { children: new, ..Besides::default() };
        let answer = append_with(&world.fleet.tables.engine, HOME, &append, &besides).await;
        let more = i64::try_from(count).expect("few");
        if filled + more <= MAX_LIVE_IN_TREE {
            answer.expect("there is room");
            filled += more;
        } else {
            assert!(matches!(answer, Err(Refusal::TreeFull)), "{answer:?}");
        }
        assert_eq!(world.live(run).await, filled);
    }
    assert_eq!(filled, 32);
    // The loop is told so, and its agent.
    sqlx::query("DELETE FROM tasks.journal WHERE run_id = $1 AND kind = 'engine_note'")
        .bind(run.uuid())
        .execute(&world.fleet.tables.kit.admin())
        .await
        .expect("forget");
    sqlx::query("UPDATE tasks.run SET head_seq = 1 WHERE run_id = $1")
        .bind(run.uuid())
        .execute(&world.fleet.tables.kit.admin())
        .await
        .expect("forget");
    crate::worker::attempt::attempt(worker, lease).await;
    let (said, failed) = world.fleet.script.results().remove(0);
    assert!(failed && said.contains("32 runs live below"), "{said}");
}

#[tokio::test]
async fn cancel_flows_down_to_what_is_queued_and_to_what_waits_with_receipts() {
    let world = World::new().await;
    let (run, made) = world.delegated(2, "").await;
    world.fleet.script.then(question());
    world.attempt().await;
    let waiting = world.children(run).await.into_iter().find(|it| it.state() == RunState::Waiting);
    let waiting = id(&waiting.expect("one asks a person").name);
    // Its question is an item of its own, and says whose work it is.
    let item = world.open(waiting).await.remove(0);
    assert_eq!(item.parent_run, name(run));
    assert_eq!(item.parent_title, world.shown(run).await.title);

    world.cancel(run).await;
    world.attempt_of(run).await;
    assert_eq!(world.shown(run).await.state(), RunState::Cancelled);
    let events = world.events(run).await;
    let Event::ChildrenCancelled(cancelled) = &events[events.len() - 2] else { panic!("{events:?}") };
    assert_eq!((cancelled.children.len(), cancelled.cause), (2, ChildCancelCause::ParentCancelled));
    for child in &made {
        assert_eq!(world.receipts(*child).await, [(Cancel, Requested)]);
    }
    world.attempt().await;
    world.attempt().await;
    for child in &made {
        assert_eq!(world.shown(*child).await.state(), RunState::Cancelled);
        assert_eq!(world.receipts(*child).await, [(Cancel, Effective)]);
    }
    assert!(world.open(waiting).await.is_empty(), "nobody is asked any longer");
    assert_eq!(world.live(run).await, 0);
}

impl World {
    /// Carries this run on before all others.
    async fn attempt_of(&self, run: RunId) {
        sqlx::query("UPDATE tasks.ready SET turn = turn - interval '1 day' WHERE run_id = $1")
            .bind(run.uuid())
            .execute(&self.fleet.tables.kit.admin())
            .await
            .expect("first");
        self.attempt().await;
    }
}

#[tokio::test]
async fn any_takes_the_first_that_succeeds_and_cancels_the_others() {
    let world = World::new().await;
    let (run, made) = world.delegated(2, r#","wait":"any""#).await;
    world.attempt_of(made[1]).await;
    world.attempt_of(run).await;
    assert_eq!(world.shown(run).await.state(), RunState::Succeeded, "{:?}", world.kinds(run).await);
    assert_eq!(world.receipts(made[0]).await, [(Cancel, Requested)]);
    world.attempt().await;
    assert_eq!(world.shown(made[0]).await.state(), RunState::Cancelled);
    assert!(!world.fleet.is_ready(run).await, "who has ended is told nothing");

    let left = World::new().await;
    let (run, made) = left.delegated(2, r#","wait":"any","others":"leave""#).await;
    left.attempt_of(made[1]).await;
    left.attempt_of(run).await;
    assert_eq!(left.shown(run).await.state(), RunState::Succeeded);
    assert!(left.receipts(made[0]).await.is_empty());
    left.attempt().await;
    assert_eq!(left.shown(made[0]).await.state(), RunState::Succeeded, "it went on by itself");
}

#[tokio::test]
async fn failed_parent_takes_its_children_along_and_hears_of_them_when_it_is_retried() {
    let world = World::new().await;
    let agent = AgentSnapshot { tools: vec![team()], ..writer() };
    let script = &world.fleet.script;
    script.then(Reply::Answer("Let me see.", vec![hands(1, r#","wait":"any","others":"leave""#)]));
    let run = world.fleet.queued_by(HOME, agent).await;
    world.attempt().await;
    let child = id(&world.children(run).await.remove(0).name);
    // It breaks whatever carries it, five times.
    sqlx::query("UPDATE tasks.run SET status = 1, wait_reason = 0, claims = 5 WHERE run_id = $1")
        .bind(run.uuid())
        .execute(&world.fleet.tables.kit.admin())
        .await
        .expect("wake it");
    sqlx::query(
        "INSERT INTO tasks.ready (run_id, workspace_id, ready_at, fold_version, agent_id, provider, turn)
         SELECT run_id, workspace_id, now(), fold_version, agent_id, provider, turn FROM tasks.run WHERE run_id = $1",
    )
    .bind(run.uuid())
    .execute(&world.fleet.tables.kit.admin())
    .await
    .expect("make it ready");
    world.attempt_of(run).await;
    assert_eq!(world.run(run).await.error_reason.as_deref(), Some("POISON_RUN"));
    world.attempt().await;
    assert_eq!(world.shown(child).await.state(), RunState::Cancelled);
    assert_eq!(world.run(run).await.status, status::FAILED, "to hear is not to wake");

    world.retry(run).await;
    world.attempt().await;
    assert_eq!(world.shown(run).await.state(), RunState::Succeeded, "{:?}", world.kinds(run).await);
    let (said, failed) = world.fleet.script.results().remove(0);
    assert!(failed && said.starts_with("None of 1 succeeded."), "{said}");
    assert_eq!(world.receipts(run).await, [(Retry, Effective)]);
}

#[tokio::test]
async fn whom_the_registry_does_not_know_gets_nothing_and_while_it_is_away_nothing_is_journalled() {
    let world = World::new().await;
    world.fleet.registry.gone.store(true, Ordering::Relaxed);
    let run = world.queued(vec![team()], vec![hands(1, "")]).await;
    world.attempt().await;
    let (said, failed) = world.fleet.script.results().remove(0);
    assert!(failed);
    assert_eq!(said, "Not carried out: `bob` is not on the team any more.");
    assert!(world.children(run).await.is_empty());

    world.fleet.registry.gone.store(false, Ordering::Relaxed);
    world.fleet.registry.away.store(true, Ordering::Relaxed);
    let run = world.queued(vec![team()], vec![hands(1, "")]).await;
    let registry = world.fleet.registry.clone();
    world
        .killed(async {
            while registry.asked() < 3 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    assert_eq!(world.kinds(run).await.last(), Some(&"model_call_completed"));
    world.fleet.registry.away.store(false, Ordering::Relaxed);
    world.attempt().await;
    assert_eq!(world.children(run).await.len(), 1, "once it answers, and once");
}

impl Run {
    async fn lease_holder(&self, world: &World) -> Option<Uuid> {
        sqlx::query_scalar("SELECT worker_id FROM tasks.run WHERE run_id = $1")
            .bind(self.run_id)
            .fetch_one(&world.fleet.tables.kit.admin())
            .await
            .expect("look")
    }
}
