//! How a statement is given to PostgreSQL, by the store that the engine uses, and to the model.

use std::time::Duration;

use mc_tasks::domain::event::{
    EngineNote, Event, Failed, ModelCallStarted, NoteReason, Queued, RunError, TakenOver,
};
use mc_tasks::domain::family::Lineage;
use mc_tasks::domain::id::{CommandId, InboxItemId, RunId, UserId, WorkspaceId};
use mc_tasks::domain::order::{CommandKind, Decision, Details, LetterContent};
use mc_tasks::store::append::{Append, Besides, Refusal, append_one, append_with, needs_transaction};
use mc_tasks::store::inbox;
use mc_tasks::store::lease::{self, Caps, Claim};
use mc_tasks::store::mailbox::{self, Locked, Settlement};
use mc_tasks::store::park;
use mc_tasks::store::run::{self, status};
use mc_tasks::store::{beat, retry};
use sqlx::PgPool;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::events::{asked, consequence, handed_over, new_child, new_item, told};
use super::op::{Op, What};
use super::{AGO, Both, NOW, TTL, look};
use crate::script;
use crate::tables::Refused;
use crate::tables::mail::Answer;

pub(super) const AT: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);
const PERSON: UserId = UserId::new(Uuid::from_u128(9));

impl Both {
    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128((0x0193_a5f0 << 96) + u128::from(self.next))
    }

    fn worker(&self, at: usize) -> Option<Uuid> {
        let workers: Vec<Uuid> = self.model.workers.keys().copied().collect();
        workers.get(at % workers.len().max(1)).copied()
    }

    fn run(&self, at: usize) -> Option<RunId> {
        let runs = look::runs(&self.model);
        runs.get(at % runs.len().max(1)).copied()
    }

    /// A run with the epoch of its lease, or an older one.
    fn lease(&self, at: usize, stale: bool) -> Option<(RunId, i64)> {
        let run = self.run(at)?;
        Some((run, self.model.runs[&run].epoch - i64::from(stale)))
    }

    /// The same, three times of four of a run that a worker has: all else is refused alike.
    fn held(&self, at: usize, stale: bool) -> Option<(RunId, i64)> {
        let leased = |run: &RunId| self.model.runs[run].status == status::RUNNING;
        let held: Vec<RunId> = look::runs(&self.model).into_iter().filter(leased).collect();
        if at.is_multiple_of(4) || held.is_empty() {
            return self.lease(at, stale);
        }
        let run = held[at % held.len()];
        Some((run, self.model.runs[&run].epoch - i64::from(stale)))
    }

    /// What the model answers, and what PostgreSQL does. Both are the same where there is nobody to be asked.
    pub(super) async fn carry_out(&mut self, op: &Op) -> (String, String) {
        let answers = self.asked(op).await;
        answers.unwrap_or_else(|| ("nobody".into(), "nobody".into()))
    }

    async fn asked(&mut self, op: &Op) -> Option<(String, String)> {
        let ttl = Duration::from_micros(TTL);
        let engine = self.engine.clone();
        let pool = engine.pool();
        Some(match op {
            Op::Insert => {
                self.insert().await;
                (String::new(), String::new())
            }
            Op::Register => {
                let worker = self.id();
                beat::register(pool, worker).await.expect("register");
                self.model.beat(worker);
                (String::new(), String::new())
            }
            Op::Beat(at) => {
                let worker = self.worker(*at)?;
                let mut mail = beat::beat(pool, worker).await.expect("beat");
                mail.sort_unstable();
                both(self.model.beat(worker), mail)
            }
            Op::Silence(at) => {
                let worker = self.worker(*at)?;
                self.beat_at(worker, "now() - interval '1 hour'").await;
                self.model.workers.insert(worker, NOW - AGO);
                (String::new(), String::new())
            }
            Op::Hasten(at) => {
                let worker = self.worker(*at)?;
                self.beat_at(worker, "now() + interval '1 hour'").await;
                self.model.workers.insert(worker, NOW + AGO);
                (String::new(), String::new())
            }
            Op::Deregister(at) => {
                let worker = self.worker(*at)?;
                beat::deregister(pool, worker).await.expect("deregister");
                self.model.deregister(worker);
                (String::new(), String::new())
            }
            Op::ForgetDead => {
                both(self.model.forget_dead(TTL), beat::forget_dead(pool, ttl).await.expect("forget"))
            }
            Op::Claim { worker, limit } => self.claim(self.worker(*worker)?, *limit).await,
            Op::Append { run, stale, what } => {
                let (run, epoch) = self.held(*run, *stale)?;
                self.append(run, epoch, what).await
            }
            Op::Suspend { run, stale, rest } => {
                let (run, epoch) = self.lease(*run, *stale)?;
                let sql = lease::suspend(&engine, run, epoch, *rest).await.expect("suspend");
                both(self.model.suspend(run, epoch, *rest), sql)
            }
            Op::Release { run, stale, why } => {
                let (run, epoch) = self.lease(*run, *stale)?;
                let sql = lease::release(&engine, run, epoch, *why).await.expect("release");
                both(self.model.release(run, epoch, *why), sql)
            }
            Op::Delay { run, stale, why } => {
                let (run, epoch) = self.lease(*run, *stale)?;
                let sql = lease::delay(&engine, run, epoch, AT, *why).await.expect("delay");
                both(self.model.delay(run, epoch, AT, *why), sql)
            }
            Op::GiveBack { worker, keep } => {
                let worker = self.worker(*worker)?;
                let runs = look::runs(&self.model).into_iter().enumerate();
                let kept = runs.filter(|(at, _)| keep >> (at % 8) & 1 == 1);
                let in_hand: Vec<RunId> = kept.map(|(_, run)| run).collect();
                let ids: Vec<Uuid> = in_hand.iter().map(|run| run.uuid()).collect();
                let sql = lease::give_back(&engine, worker, &ids).await.expect("give back");
                both(self.model.give_back(worker, &in_hand), sql)
            }
            Op::Post { run, kind } => {
                let run = self.run(*run)?;
                let command = CommandId::new(self.id());
                let text = if *kind == CommandKind::Steer { "Hear this.".to_owned() } else { String::new() };
                let details = Details { text, interrupt: false };
                let letter = LetterContent::Command { command, kind: *kind, reason: String::new(), details };
                self.post(run, &letter).await
            }
            Op::Retry { run } => self.retry(self.run(*run)?).await,
            Op::Decide { run, item } => {
                let run = self.run(*run)?;
                let items: Vec<Uuid> = self.model.runs[&run].items.keys().copied().collect();
                let item = InboxItemId::new(*items.get(item % items.len().max(1))?);
                self.decide(run, item).await
            }
            Op::Promote(minutes) => {
                let now = AT + time::Duration::minutes(*minutes);
                both(self.model.promote(now), promote(pool, now).await)
            }
            Op::Reap => {
                let sql = lease::reap(&engine, ttl).await.expect("reap");
                both(self.model.reap(TTL).len() as u64, sql)
            }
            Op::Park { run, what } => self.park(self.run(*run)?, *what).await,
            Op::EndParks => {
                self.end_parks().await;
                (String::new(), String::new())
            }
            Op::Tend => {
                sqlx::query("UPDATE tasks.park SET due_at = now()")
                    .execute(&self.kit.admin())
                    .await
                    .expect("due");
                park::tend(&engine).await.expect("tend");
                // All that is delayed here was so long ago.
                self.model.tend(AT + time::Duration::days(30));
                (String::new(), String::new())
            }
        })
    }

    async fn beat_at(&self, worker: Uuid, when: &str) {
        let statement = format!("UPDATE tasks.worker SET beat_time = {when} WHERE worker_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(worker)
            .execute(&self.kit.admin())
            .await
            .expect("a beat");
    }

    async fn insert(&mut self) {
        let (run, number) = (RunId::new(self.id()), self.next);
        let workspace = WorkspaceId::new(Uuid::from_u128(u128::from(number % 2) + 1));
        let queued = Queued { brief: script::brief(workspace, run, number).into(), start_at: None };
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        run::insert(&mut tx, &queued, AT).await.expect("insert");
        tx.commit().await.expect("commit");
        self.model.insert_run(run, workspace, Event::Queued(queued), AT);
    }

    /// Whose turn it is, is a matter of fairness, which has tests of its own: what PostgreSQL chose must be what the model
    /// would have let go, as many as were asked for, and none where there is one.
    async fn claim(&mut self, worker: Uuid, limit: i64) -> (String, String) {
        let claim = Claim {
            worker,
            limit,
            after: WorkspaceId::new(Uuid::nil()),
            caps: Caps::NONE,
            fold_version: run::FOLD_VERSION_COLUMN,
            capabilities: &[String::new()],
        };
        let mut leases = lease::claim(&self.engine, &claim).await.expect("claim");
        leases.sort_unstable_by_key(|lease| lease.run);
        assert!(leases.len() as i64 <= limit);
        let waits = self.model.ready.iter().all(|run| self.model.is_passed_over(*run));
        assert!(!leases.is_empty() || waits, "there was a run to claim");
        let chosen: Vec<RunId> = leases.iter().map(|lease| lease.run).collect();
        let model = self.model.claim(worker, &chosen);
        let model: Vec<_> = model.iter().map(|it| (it.run, it.epoch, it.claims, it.mail)).collect();
        let sql: Vec<_> = leases.iter().map(|it| (it.run, it.epoch, it.claims, it.mail)).collect();
        both(model, sql)
    }

    async fn append(&mut self, run: RunId, epoch: i64, what: &What) -> (String, String) {
        let (events, besides) = self.events(run, epoch, what);
        if events.is_empty() {
            return (String::new(), String::new());
        }
        let append = Append { run, epoch, at: AT, events };
        let workspace = self.model.runs[&run].workspace;
        let sql = if besides.is_empty() && !needs_transaction(&append) {
            let mut connection = self.engine.pool().acquire().await.expect("acquire");
            append_one(&mut connection, &append).await
        } else {
            append_with(&self.engine, workspace, &append, &besides).await
        };
        let sql = match sql {
            Ok(done) => Ok((done.head_seq, done.mail)),
            Err(Refusal::Fenced) => Err(Refused::Fenced),
            Err(Refusal::Duplicate) => Err(Refused::Duplicate),
            Err(Refusal::TreeFull) => Err(Refused::TreeFull),
            Err(other) => panic!("append {append:?}: {other:?}"),
        };
        both(self.model.append(&append, &besides), sql)
    }

    fn events(&mut self, run: RunId, epoch: i64, what: &What) -> (Vec<Event>, Besides) {
        let mut besides = Besides::default();
        let events = match what {
            What::Intent(step) => vec![Event::ModelCallStarted(ModelCallStarted {
                step: *step,
                attempt: 1,
                model: "simulator/demo".into(),
                message_count: 1,
                compacts_through: None,
            })],
            What::Note(step) => vec![Event::EngineNote(EngineNote {
                step: *step,
                reason: NoteReason::EmptyAnswer,
                text: "Hm.".into(),
            })],
            What::TakenOver => vec![Event::TakenOver(TakenOver { lease_epoch: epoch })],
            What::Fails => vec![Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "No.") })],
            What::Delegates(count) => {
                let (parent, lineage) = (&self.model.runs[&run], self.model.runs[&run].lineage);
                let (root, depth) = lineage.map_or((run, 1), |own| (own.root, own.depth + 1));
                let (workspace, step) = (parent.workspace, self.next as u32);
                besides.children = (0..*count)
                    .map(|_| new_child(workspace, self.id(), self.next, Lineage { parent: run, root, depth }))
                    .collect();
                vec![handed_over(step, &besides.children)]
            }
            What::Asks(count) => {
                let ids: Vec<InboxItemId> = (0..*count).map(|_| InboxItemId::new(self.id())).collect();
                besides.items = ids.iter().map(|item| new_item(*item)).collect();
                ids.into_iter().map(asked).collect()
            }
            What::Reads(how) => {
                let unread = self.model.unread(run);
                besides.read_up_to = unread.last().map_or(0, |letter| letter.number);
                let orders = self.model.runs[&run].letters.iter().filter(|it| it.state < 3);
                let orders = orders.filter(|it| matches!(it.letter.content, LetterContent::Command { .. }));
                let mut events: Vec<Event> = unread.iter().map(told).collect();
                for (place, order) in orders.enumerate() {
                    let command = CommandId::new(order.id());
                    match how.rotate_left(place as u32 * 2) & 3 {
                        0 => besides.settled.push((command, Settlement::Effective)),
                        1 => besides.settled.push((command, Settlement::Superseded)),
                        2 => events.extend(consequence(order, command)),
                        _ => {}
                    }
                }
                // A run that ends says so last, and once.
                if let Some(end) = events.iter().position(|event| matches!(event, Event::Cancelled(_))) {
                    events.truncate(end + 1);
                }
                events
            }
        };
        (events, besides)
    }

    async fn post(&mut self, run: RunId, content: &LetterContent) -> (String, String) {
        let workspace = self.model.runs[&run].workspace;
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        let sql = match mailbox::lock(&mut tx, run).await.expect("lock") {
            Locked::Live(to) => {
                let posted = mailbox::post(&mut tx, to, PERSON, content, AT).await.expect("post");
                tx.commit().await.expect("commit");
                Answer::Taken { woken: posted.woken }
            }
            _ => Answer::Refused,
        };
        both(self.model.post(run, PERSON, content, AT), sql)
    }

    async fn retry(&mut self, run: RunId) -> (String, String) {
        let (workspace, command) = (self.model.runs[&run].workspace, CommandId::new(self.id()));
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        let back = retry::reopen(&mut tx, run, command, PERSON, "", AT).await.expect("retry");
        tx.commit().await.expect("commit");
        let sql = back.map_or(Answer::Refused, |posted| Answer::Taken { woken: posted.woken });
        both(self.model.retry(run, PERSON, command, AT), sql)
    }

    async fn decide(&mut self, run: RunId, item: InboxItemId) -> (String, String) {
        let (workspace, decision) = (self.model.runs[&run].workspace, Decision::Answer { text: "A".into() });
        let mut tx = self.api.begin(workspace.uuid()).await.expect("begin");
        let sql = match mailbox::lock(&mut tx, run).await.expect("lock") {
            Locked::Live(to)
                if inbox::decide(&mut tx, to, item, inbox::Verdict::of(PERSON, &decision, AT))
                    .await
                    .expect("decide") =>
            {
                let letter = LetterContent::Decision { item, decision: decision.clone() };
                let posted = mailbox::post(&mut tx, to, PERSON, &letter, AT).await.expect("post");
                tx.commit().await.expect("commit");
                Answer::Taken { woken: posted.woken }
            }
            _ => Answer::Refused,
        };
        both(self.model.decide(run, PERSON, item, &decision, AT), sql)
    }
}

/// The statement that schedulers use, at a time of its own instead of the server's.
async fn promote(pool: &PgPool, now: OffsetDateTime) -> u64 {
    let statement = include_str!("../../../queries/promote.sql").replace("now()", "$1");
    let woken = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(now).execute(pool).await;
    woken.expect("promote").rows_affected()
}

pub(super) fn both<T: std::fmt::Debug>(model: T, sql: T) -> (String, String) {
    (format!("{model:?}"), format!("{sql:?}"))
}
