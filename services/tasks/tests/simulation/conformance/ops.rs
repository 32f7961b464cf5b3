//! Random statements, and how each is given to PostgreSQL, by the store that the engine uses, and to the model.

use std::time::Duration;

use mc_tasks::domain::event::{
    EngineNote, Event, Failed, ModelCallStarted, NoteReason, Queued, RunError, TakenOver,
};
use mc_tasks::domain::fold::WaitReason;
use mc_tasks::domain::id::{CommandId, InboxItemId, RunId, UserId, WorkspaceId};
use mc_tasks::domain::order::{CommandKind, Decision, Details, LetterContent};
use mc_tasks::store::append::{Append, Besides, Refusal, append_one, append_with, needs_transaction};
use mc_tasks::store::inbox;
use mc_tasks::store::lease::{self, Caps, Claim, Release, Rest};
use mc_tasks::store::mailbox::{self, Locked, Settlement};
use mc_tasks::store::{beat, retry, run};
use proptest::prelude::*;
use sqlx::PgPool;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::events::{asked, consequence, new_item, told};
use super::{AGO, Both, NOW, TTL, look};
use crate::script;
use crate::tables::Refused;
use crate::tables::mail::Answer;

const AT: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);
const PERSON: UserId = UserId::new(Uuid::from_u128(9));

/// What is appended.
#[derive(Debug, Clone)]
pub(super) enum What {
    Intent(u32),
    Note(u32),
    TakenOver,
    /// Asks so many questions.
    Asks(u32),
    /// Takes note of all letters, and says of each order in turn what came of it: nothing, effective, superseded.
    Reads(u8),
    Fails,
}

/// One statement; numbers choose among what is there.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Insert,
    Register,
    Beat(usize),
    Silence(usize),
    /// As if the server's clock had been set back.
    Hasten(usize),
    Deregister(usize),
    ForgetDead,
    Claim {
        worker: usize,
        limit: i64,
    },
    Append {
        run: usize,
        stale: bool,
        what: What,
    },
    Suspend {
        run: usize,
        stale: bool,
        rest: Rest,
    },
    Release {
        run: usize,
        stale: bool,
        why: Release,
    },
    Delay {
        run: usize,
        stale: bool,
        why: Release,
    },
    GiveBack {
        worker: usize,
        keep: u8,
    },
    Post {
        run: usize,
        kind: CommandKind,
    },
    Retry {
        run: usize,
    },
    Decide {
        run: usize,
        item: usize,
    },
    Promote(i64),
    Reap,
}

pub(super) fn any_op() -> impl Strategy<Value = Op> {
    let at = || 0..8_usize;
    let stale = || prop::bool::weighted(0.15);
    let why = || prop::sample::select(vec![Release::HandBack, Release::Broken]);
    let what = prop_oneof![
        3 => (1..4_u32).prop_map(What::Intent),
        1 => (1..4_u32).prop_map(What::Note),
        1 => Just(What::TakenOver),
        2 => (1..3_u32).prop_map(What::Asks),
        4 => any::<u8>().prop_map(What::Reads),
        1 => Just(What::Fails),
    ];
    let rest = prop_oneof![
        2 => prop::sample::select(vec![WaitReason::Approval, WaitReason::Input, WaitReason::Outcome])
            .prop_map(Rest::Waiting),
        2 => (prop::sample::select(vec![WaitReason::Timer, WaitReason::Quota, WaitReason::Input]), -5..5_i64)
            .prop_map(|(reason, minutes)| Rest::WaitingUntil(reason, AT + time::Duration::minutes(minutes))),
        1 => Just(Rest::Paused),
        1 => (-5..5_i64).prop_map(|minutes| Rest::Until(AT + time::Duration::minutes(minutes))),
    ];
    let kind = prop::sample::select(vec![
        CommandKind::Pause,
        CommandKind::Resume,
        CommandKind::Cancel,
        CommandKind::Steer,
    ]);
    prop_oneof![
        3 => Just(Op::Insert),
        2 => Just(Op::Register),
        1 => at().prop_map(Op::Beat),
        2 => at().prop_map(Op::Silence),
        1 => at().prop_map(Op::Hasten),
        1 => at().prop_map(Op::Deregister),
        1 => Just(Op::ForgetDead),
        8 => (at(), 1..4_i64).prop_map(|(worker, limit)| Op::Claim { worker, limit }),
        10 => (at(), stale(), what).prop_map(|(run, stale, what)| Op::Append { run, stale, what }),
        4 => (at(), stale(), rest).prop_map(|(run, stale, rest)| Op::Suspend { run, stale, rest }),
        2 => (at(), stale(), why()).prop_map(|(run, stale, why)| Op::Release { run, stale, why }),
        1 => (at(), stale(), why()).prop_map(|(run, stale, why)| Op::Delay { run, stale, why }),
        1 => (at(), any::<u8>()).prop_map(|(worker, keep)| Op::GiveBack { worker, keep }),
        6 => (at(), kind).prop_map(|(run, kind)| Op::Post { run, kind }),
        2 => at().prop_map(|run| Op::Retry { run }),
        3 => (at(), at()).prop_map(|(run, item)| Op::Decide { run, item }),
        1 => (-5..5_i64).prop_map(Op::Promote),
        3 => Just(Op::Reap),
    ]
}

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
                let (run, epoch) = self.lease(*run, *stale)?;
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
        assert!(!leases.is_empty() || self.model.ready.is_empty(), "there was a run to claim");
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
            })],
            What::Note(step) => vec![Event::EngineNote(EngineNote {
                step: *step,
                reason: NoteReason::EmptyAnswer,
                text: "Hm.".into(),
            })],
            What::TakenOver => vec![Event::TakenOver(TakenOver { lease_epoch: epoch })],
            What::Fails => vec![Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "No.") })],
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

fn both<T: std::fmt::Debug>(model: T, sql: T) -> (String, String) {
    (format!("{model:?}"), format!("{sql:?}"))
}
