//! Letters, receipts and inbox items: what is stored, what wakes whom, and what the end of a run does to them.

use time::Duration as Span;
use uuid::Uuid;

use super::{NOW, PERSON, Tables, answer, intent, live, workspace};
use crate::domain::event::{Cancelled, CommandDelivered, Event, Failed, Paused, RunError, Succeeded};
use crate::domain::fold::WaitReason;
use crate::domain::id::{CommandId, RunId, WorkspaceId};
use crate::domain::order::{CommandKind, Decision, Details, Letter, LetterContent};
use crate::store::append::{Append, Besides, append_one, append_with};
use crate::store::lease::{Lease, Release, Rest, Suspended, suspend};
use crate::store::mailbox::{self, Locked, Settlement};
use crate::store::run::status;
use crate::store::{beat, inbox, lease};

const HOME: WorkspaceId = workspace(1);

async fn leased(tables: &Tables) -> Lease {
    tables.run(HOME).await;
    let worker = tables.worker().await;
    tables.claim(worker, 1).await.remove(0)
}

async fn rest(tables: &Tables, lease: &Lease, rest: Rest) -> Suspended {
    suspend(&tables.engine, lease.run, lease.epoch, rest).await.expect("suspend")
}

async fn unread(tables: &Tables, run: RunId) -> Vec<Letter> {
    let mut tx = tables.engine.read(HOME.uuid()).await.expect("read");
    mailbox::unread(&mut tx, run).await.expect("unread")
}

fn id_of(letter: &LetterContent) -> CommandId {
    match letter {
        LetterContent::Command { command, .. } => *command,
        LetterContent::Decision { .. } | LetterContent::ChildEnded(_) => panic!("no order"),
    }
}

/// `(state, delivered, settled)` of the orders to a run, oldest first.
async fn receipts(tables: &Tables, run: RunId) -> Vec<(i16, bool, bool)> {
    let mut tx = tables.api.read(HOME.uuid()).await.expect("read");
    let mut orders = mailbox::orders(&mut tx, run, None, 10).await.expect("orders");
    orders.reverse();
    orders.iter().map(|it| (it.state, it.deliver_time.is_some(), it.settle_time.is_some())).collect()
}

#[tokio::test]
async fn letters_are_numbered_and_read_in_order_until_the_journal_takes_note() {
    let tables = Tables::new().await;
    let lease = leased(&tables).await;
    let item = tables.ask(&lease, 1, &[]).await;
    let pause = LetterContent::Command {
        command: CommandId::new(tables.id()),
        kind: CommandKind::Pause,
        reason: "Lunch".into(),
        details: Details { text: "Said beside it.".into(), interrupt: true },
    };
    let letters = [pause.clone(), answer(item, "The first"), tables.order(CommandKind::Cancel)];
    for (letter, number) in letters.iter().zip(1..) {
        let posted = tables.post(HOME, lease.run, letter).await;
        assert_eq!((posted.number, posted.woken), (number, false), "its worker is told, not woken");
    }
    let read = unread(&tables, lease.run).await;
    assert_eq!(read.iter().map(|it| it.content.clone()).collect::<Vec<_>>(), letters);
    assert!(read.iter().all(|it| it.sender == PERSON && it.sent_at == NOW));

    let mut connection = tables.engine.pool().acquire().await.expect("acquire");
    assert!(append_one(&mut connection, &intent(&lease, 2)).await.expect("append").mail);
    let delivered = Event::CommandDelivered(CommandDelivered {
        command: id_of(&pause),
        kind: CommandKind::Pause,
        requester: PERSON,
        requested_at: NOW,
        reason: "Lunch".into(),
        details: Details::default(),
    });
    let append = Append { events: vec![delivered], ..intent(&lease, 3) };
    let besides = Besides { read_up_to: 2, ..Besides::default() };
    let appended = append_with(&tables.engine, HOME, &append, &besides).await.expect("append");
    assert!(appended.mail, "the cancel is still there");
    assert_eq!(unread(&tables, lease.run).await[0].number, 3);
    assert_eq!(receipts(&tables, lease.run).await, [(2, true, false), (1, false, false)]);
    assert_eq!(tables.seen(HOME, lease.run).await.pending_command, 3, "the newest order");

    // An append without events takes note of a letter too, and a number beyond the last does no harm.
    let append = Append { events: Vec::new(), ..intent(&lease, 3) };
    let besides = Besides { read_up_to: 9, ..Besides::default() };
    let appended = append_with(&tables.engine, HOME, &append, &besides).await.expect("append");
    assert_eq!((appended.mail, appended.head_seq), (false, 4));
    assert!(!append_one(&mut connection, &intent(&lease, 4)).await.expect("append").mail);
}

#[tokio::test]
async fn each_letter_wakes_whom_it_should_and_nobody_else() {
    use CommandKind::{Cancel, Pause, Resume};
    let tables = Tables::new().await;
    let far = NOW + Span::days(1);
    let cases = [
        (Rest::Waiting(WaitReason::Input), [(Some(Pause), true), (Some(Cancel), true), (None, true)]),
        (
            Rest::WaitingUntil(WaitReason::Input, far),
            [(Some(Pause), true), (Some(Cancel), true), (None, true)],
        ),
        (Rest::Paused, [(Some(Resume), true), (Some(Cancel), true), (None, false)]),
        (Rest::Until(far), [(Some(Pause), true), (Some(Cancel), true), (None, false)]),
    ];
    for (rested, letters) in cases {
        for (kind, wakes) in letters {
            let lease = leased(&tables).await;
            let item = tables.ask(&lease, 1, &[]).await;
            assert_eq!(rest(&tables, &lease, rested).await, Suspended::Done);
            let letter = kind.map_or_else(|| answer(item, "Yes"), |kind| tables.order(kind));
            let posted = tables.post(HOME, lease.run, &letter).await;
            assert_eq!(posted.woken, wakes, "{rested:?}, {kind:?}");
            assert!(!tables.post(HOME, lease.run, &tables.order(Cancel)).await.woken || !wakes, "once");

            let again = tables.claim(tables.worker().await, 1).await.remove(0);
            assert_eq!((again.run, again.mail), (lease.run, true), "by the second letter at the latest");
            let end = Append {
                events: vec![Event::Failed(Failed { error: RunError::new("X", "x") })],
                ..intent(&again, 1)
            };
            append_with(&tables.engine, HOME, &end, &Besides::default()).await.expect("end");
        }
    }
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM tasks.delayed) + (SELECT count(*) FROM tasks.ready)",
    )
    .fetch_one(&tables.kit.admin())
    .await
    .expect("count");
    assert_eq!(left, 0, "nobody is woken twice");
}

#[tokio::test]
async fn rest_shows_what_is_waited_for_and_is_refused_to_those_who_lost_the_lease() {
    let tables = Tables::new().await;
    let reasons = [(WaitReason::Approval, 1), (WaitReason::Input, 2), (WaitReason::Outcome, 3)];
    for (reason, number) in reasons {
        let lease = leased(&tables).await;
        let stale = suspend(&tables.engine, lease.run, lease.epoch - 1, Rest::Paused).await.expect("stale");
        assert_eq!(stale, Suspended::Lost);
        assert_eq!(rest(&tables, &lease, Rest::Waiting(reason)).await, Suspended::Done);
        let seen = tables.seen(HOME, lease.run).await;
        assert_eq!((seen.status, seen.wait_reason), (status::WAITING, number));
        assert_eq!(rest(&tables, &lease, Rest::Paused).await, Suspended::Lost, "the lease is given back");
        tables.post(HOME, lease.run, &tables.order(CommandKind::Pause)).await;
        let seen = tables.seen(HOME, lease.run).await;
        assert_eq!((seen.status, seen.wait_reason, seen.pending_command), (status::QUEUED, 0, 1));
        tables.claim(tables.worker().await, 1).await;
    }
}

#[tokio::test]
async fn claims_count_from_the_start_after_a_rest_and_stay_when_one_is_refused() {
    let tables = Tables::new().await;
    let mut lease = leased(&tables).await;
    for _ in 0..2 {
        lease::release(&tables.engine, lease.run, lease.epoch, Release::Broken).await.expect("release");
        lease = tables.claim(tables.worker().await, 1).await.remove(0);
    }
    assert_eq!(lease.claims, 3);
    tables.post(HOME, lease.run, &tables.order(CommandKind::Pause)).await;
    for refused in [Rest::Paused, Rest::Waiting(WaitReason::Input), Rest::Until(NOW)] {
        assert_eq!(rest(&tables, &lease, refused).await, Suspended::MailArrived);
    }
    let seen = tables.seen(HOME, lease.run).await;
    assert_eq!((seen.status, seen.wait_reason), (status::RUNNING, 0), "the lease is kept");
    let append = Append { events: Vec::new(), ..intent(&lease, 1) };
    let besides = Besides { read_up_to: 1, ..Besides::default() };
    append_with(&tables.engine, HOME, &append, &besides).await.expect("read");
    assert_eq!(rest(&tables, &lease, Rest::Until(NOW)).await, Suspended::Done);
    assert_eq!(tables.promote_at(NOW).await, 1);
    lease = tables.claim(tables.worker().await, 1).await.remove(0);
    assert_eq!(lease.claims, 3, "the claim that waited for a time is forgiven");
    assert_eq!(rest(&tables, &lease, Rest::Paused).await, Suspended::Done);
    tables.post(HOME, lease.run, &tables.order(CommandKind::Resume)).await;
    assert_eq!(tables.claim(tables.worker().await, 1).await.remove(0).claims, 1, "a person intervened");
}

#[tokio::test]
async fn heartbeat_names_the_runs_of_its_worker_that_have_mail() {
    let tables = Tables::new().await;
    for _ in 0..3 {
        tables.run(HOME).await;
    }
    let (mine, other) = (tables.worker().await, tables.worker().await);
    let leases = tables.claim(mine, 2).await;
    let foreign = tables.claim(other, 1).await.remove(0);
    for run in [leases[1].run, foreign.run] {
        tables.post(HOME, run, &tables.order(CommandKind::Cancel)).await;
    }
    assert_eq!(beat::beat(tables.engine.pool(), mine).await.expect("beat"), [leases[1].run]);
    beat::deregister(tables.engine.pool(), mine).await.expect("deregister");
    beat::beat(tables.engine.pool(), mine).await.expect("beat");
    assert_eq!(
        lease::reap(&tables.engine, std::time::Duration::from_secs(6)).await.expect("reap"),
        0,
        "it is back"
    );
}

#[tokio::test]
async fn effective_order_is_settled_with_the_event_that_says_so() {
    let tables = Tables::new().await;
    let lease = leased(&tables).await;
    let orders = [CommandKind::Pause, CommandKind::Resume, CommandKind::Pause].map(|kind| tables.order(kind));
    for order in &orders {
        tables.post(HOME, lease.run, order).await;
    }
    let paused = Event::Paused(Paused { command: id_of(&orders[2]) });
    let append = Append { events: vec![paused], ..intent(&lease, 1) };
    let besides = Besides {
        read_up_to: 3,
        settled: vec![
            (id_of(&orders[0]), Settlement::Superseded),
            (id_of(&orders[1]), Settlement::Effective),
        ],
        ..Besides::default()
    };
    assert!(!append_with(&tables.engine, HOME, &append, &besides).await.expect("append").mail);
    assert_eq!(receipts(&tables, lease.run).await, [(4, true, true), (3, true, true), (3, true, true)]);
    assert_eq!(tables.seen(HOME, lease.run).await.pending_command, 0);
    assert_eq!(rest(&tables, &lease, Rest::Paused).await, Suspended::Done);
}

#[tokio::test]
async fn end_voids_what_is_open_supersedes_what_is_not_settled_and_takes_no_more_letters() {
    let tables = Tables::new().await;
    let worker = tables.worker().await;
    for (number, task_state) in [(status::SUCCEEDED, 3), (status::FAILED, 4), (status::CANCELLED, 4)] {
        let task = tables.task(HOME).await;
        let run = tables.run_of(HOME, task).await;
        let lease = tables.claim(worker, 1).await.remove(0);
        let (open, decided) = (tables.ask(&lease, 1, &[]).await, tables.ask(&lease, 2, &[]).await);
        assert_eq!(tables.seen(HOME, run).await.open_items, 2);
        let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
        let to = live(mailbox::lock(&mut tx, run).await.expect("lock"));
        let decision = Decision::Answer { text: "Yes".into() };
        assert!(
            inbox::decide(&mut tx, to, decided, inbox::Verdict::of(PERSON, &decision, NOW))
                .await
                .expect("decide")
        );
        assert!(
            !inbox::decide(&mut tx, to, decided, inbox::Verdict::of(PERSON, &decision, NOW))
                .await
                .expect("once")
        );
        tx.commit().await.expect("commit");
        assert_eq!(tables.seen(HOME, run).await.open_items, 1);
        let (pause, cancel) = (tables.order(CommandKind::Pause), tables.order(CommandKind::Cancel));
        for order in [&pause, &cancel] {
            tables.post(HOME, run, order).await;
        }

        let event = match number {
            status::SUCCEEDED => Event::Succeeded(Succeeded { summary: "Done".into(), evidence: Vec::new() }),
            status::FAILED => {
                Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "Round and round.") })
            }
            _ => Event::Cancelled(Cancelled {
                command: id_of(&cancel),
                requester: PERSON,
                reason: String::new(),
                survivors: Vec::new(),
            }),
        };
        let by_order = number == status::CANCELLED;
        let append = Append { events: vec![event], ..intent(&lease, 3) };
        let besides = Besides { read_up_to: if by_order { 2 } else { 0 }, ..Besides::default() };
        append_with(&tables.engine, HOME, &append, &besides).await.expect("end");

        let seen = tables.seen(HOME, run).await;
        assert_eq!((seen.status, seen.end_time), (number, Some(NOW)));
        assert_eq!(
            (seen.open_items, seen.pending_command, seen.error_reason.is_some()),
            (0, 0, number == status::FAILED)
        );
        let orders = if by_order { [(4, true, true), (3, true, true)] } else { [(4, false, true); 2] };
        assert_eq!(receipts(&tables, run).await, orders);
        let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
        let closed = async |tx: &mut sqlx::PgConnection, item| {
            let item = inbox::get(tx, item).await.expect("get").expect("there");
            (item.state, item.close_time, item.decider)
        };
        assert_eq!(closed(&mut tx, open).await, (inbox::state::VOID, Some(NOW), None));
        assert_eq!(closed(&mut tx, decided).await, (inbox::state::DECIDED, Some(NOW), Some(PERSON.uuid())));
        let moved = crate::store::task::get(&mut tx, task).await.expect("get").expect("there");
        assert_eq!(moved.state, task_state);
        let locked = mailbox::lock(&mut tx, run).await.expect("lock");
        assert!(matches!(locked, Locked::Ended(ended) if ended.status == number));
    }
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let unknown = mailbox::lock(&mut tx, RunId::new(Uuid::nil())).await.expect("lock");
    assert!(matches!(unknown, Locked::Missing));
}

#[tokio::test]
async fn inbox_lists_newest_first_by_state_and_run_and_counts_what_is_open() {
    let tables = Tables::new().await;
    let (lease, other) = (leased(&tables).await, leased(&tables).await);
    let mut items = Vec::new();
    for step in 1..=3 {
        items.push(tables.ask(&lease, step, &["red", "blue"]).await);
    }
    items.push(tables.ask(&other, 1, &[]).await);
    let mut tx = tables.api.begin(HOME.uuid()).await.expect("begin");
    let to = live(mailbox::lock(&mut tx, lease.run).await.expect("lock"));
    let decision = Decision::Answer { text: "red".into() };
    assert!(
        !inbox::decide(&mut tx, to, items[3], inbox::Verdict::of(PERSON, &decision, NOW))
            .await
            .expect("of another run")
    );
    assert!(
        inbox::decide(&mut tx, to, items[0], inbox::Verdict::of(PERSON, &decision, NOW))
            .await
            .expect("decide")
    );

    let list = async |tx: &mut sqlx::PgConnection, state, run, after| -> Vec<_> {
        let filter = inbox::Filter { state, run, ..inbox::Filter::default() };
        let items = inbox::list(tx, HOME, filter, after, 10).await.expect("list");
        items.iter().map(|item| item.item_id).collect()
    };
    let ids = |which: &[usize]| which.iter().map(|at| items[*at].uuid()).collect::<Vec<_>>();
    assert_eq!(list(&mut tx, None, None, None).await, ids(&[3, 2, 1, 0]));
    assert_eq!(list(&mut tx, Some(inbox::state::OPEN), None, None).await, ids(&[3, 2, 1]));
    assert_eq!(list(&mut tx, Some(inbox::state::DECIDED), None, None).await, ids(&[0]));
    assert_eq!(list(&mut tx, None, Some(lease.run), Some(items[2].uuid())).await, ids(&[1, 0]));
    assert_eq!(inbox::count_open(&mut tx, HOME).await.expect("count"), 3);

    let item = inbox::get(&mut tx, items[0]).await.expect("get").expect("there");
    assert_eq!((item.title.as_str(), item.agent_display_name.as_str()), ("Write the report", "Writer"));
    assert_eq!(
        (item.choices.as_slice(), item.context.as_str()),
        (&["red".to_owned(), "blue".to_owned()][..], "Hm.")
    );
    assert_eq!(item.decision, Some(decision));
}

#[tokio::test]
async fn lists_and_the_heartbeat_are_served_by_their_indexes() {
    let tables = Tables::new().await;
    let mut admin = tables.kit.admin().acquire().await.expect("acquire");
    // Enough rows that a plan without an index would cost more, most of them none of what is asked for.
    sqlx::raw_sql(
        "INSERT INTO tasks.run (run_id, workspace_id, task_id, agent_id, agent_version, status, worker_id, head_seq, starter, fold_version, create_time)
         SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', gen_random_uuid(), gen_random_uuid(), 1,
             CASE WHEN n % 20 = 0 THEN 2 ELSE 1 END, CASE WHEN n % 20 = 0 THEN md5((n % 2000)::text)::uuid END,
             1, gen_random_uuid(), 1, now() FROM generate_series(1, 20000) n;
         INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, kind, step, call_id, create_time, state, close_time)
         SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', run_id, 1, 1, 'c', now(),
             CASE WHEN worker_id IS NULL THEN 3 ELSE 1 END, CASE WHEN worker_id IS NULL THEN now() END FROM tasks.run;
         ANALYZE tasks.run; ANALYZE tasks.inbox_item",
    )
    .execute(&mut *admin)
    .await
    .expect("fill");
    let plan = async |statement: String| -> String {
        let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {statement}")))
            .fetch_all(
                tables.kit.login("tasks", "api").await.begin(HOME.uuid()).await.expect("begin").as_mut(),
            )
            .await
            .expect("explain");
        lines.join("\n")
    };
    let of = "FROM tasks.inbox_item i JOIN tasks.run r ON r.run_id = i.run_id WHERE i.workspace_id = '00000000-0000-0000-0000-000000000001'";
    for (more, index) in [("", "inbox_item_by_workspace"), (" AND i.state = 1", "inbox_item_open")] {
        let plan = plan(format!("SELECT i.* {of}{more} ORDER BY i.item_id DESC LIMIT 51")).await;
        assert!(plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
    }
    let mut engine = tables.engine.pool().acquire().await.expect("acquire");
    let beat = beat::BEAT.replace("$1", "md5('0')::uuid");
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {beat}")))
        .fetch_all(&mut *engine)
        .await
        .expect("explain");
    let plan = plan.join("\n");
    assert!(plan.contains("run_leased_by_worker") && !plan.contains("Seq Scan"), "{plan}");
}
