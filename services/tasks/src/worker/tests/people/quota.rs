//! A provider that refuses one run: what the others do, and what people see and say.

use mc_proto::tasks::v1::{ProviderLimit, WaitReason};
use tonic::Code;

use super::*;
use crate::store::park;
use crate::store::tests::NOW;

impl World {
    fn refuses(&self) {
        self.fleet.script.then(Reply::Fail(Code::ResourceExhausted, "PROVIDER_RATE_LIMITED"));
    }

    /// A run whose call was refused, and this many others that are in line behind it.
    async fn parked(&self, others: usize) -> (RunId, Vec<RunId>) {
        self.refuses();
        let refused = self.fleet.queued(HOME).await;
        let mut behind = Vec::new();
        for _ in 0..others {
            behind.push(self.fleet.queued(HOME).await);
        }
        self.attempt().await;
        (refused, behind)
    }

    async fn limit(&self, run: RunId) -> Option<ProviderLimit> {
        self.shown(run).await.provider_limit
    }

    async fn is_passed_over(&self) -> bool {
        let tables = &self.fleet.tables;
        tables.claim(tables.worker().await, 1).await.is_empty()
    }

    async fn tend(&self) -> u64 {
        sqlx::query("UPDATE tasks.park SET due_at = now() - interval '1 ms'")
            .execute(&self.fleet.tables.kit.admin())
            .await
            .expect("due");
        park::tend(&self.fleet.tables.engine).await.expect("tend")
    }
}

#[tokio::test]
async fn refused_call_holds_up_all_runs_of_its_provider_until_one_of_them_is_answered() {
    let world = World::new().await;
    let (refused, behind) = world.parked(2).await;
    assert!(world.is_passed_over().await);
    for (run, state) in [(refused, RunState::Waiting), (behind[0], RunState::Queued)] {
        let shown = world.shown(run).await;
        assert_eq!(shown.state(), state);
        let limit = shown.provider_limit.expect("it says why");
        assert_eq!((limit.provider.as_str(), limit.waiting_runs, limit.refusals), ("simulator", 3, 1));
        assert_eq!((limit.message.as_str(), limit.probe_run.as_str()), ("as the script says", ""));
        assert!(limit.until_time.expect("until").seconds >= limit.since_time.expect("since").seconds + 5);
    }
    assert_eq!(world.tend().await, 0, "its time has not come");

    // The first in line goes first, and nobody with it.
    world.fleet.tables.end_parks().await;
    assert_eq!(world.tend().await, 1);
    assert_eq!(world.limit(behind[1]).await.expect("parked").probe_run, name(behind[0]));
    world.attempt().await;
    assert_eq!(world.shown(behind[0]).await.state(), RunState::Succeeded);
    assert!(world.limit(behind[1]).await.expect("parked").opening);
    assert!(world.is_passed_over().await, "nobody is let go yet");

    world.fleet.tables.promote_at(NOW + time::Duration::days(1)).await;
    assert_eq!(world.tend().await, 2);
    world.attempt().await;
    world.fleet.advance(time::Duration::minutes(1));
    world.attempt().await;
    for run in [refused, behind[1]] {
        assert_eq!(world.shown(run).await.state(), RunState::Succeeded);
        assert_eq!(world.limit(run).await, None);
    }
    assert_eq!(world.fleet.script.keys().len(), 4, "one call was refused, and no other");
}

#[tokio::test]
async fn run_that_a_worker_has_waits_without_a_call_and_its_journal_says_until_when() {
    let world = World::new().await;
    world.refuses();
    let refused = world.fleet.queued(HOME).await;
    let (first, lease) = world.fleet.claim().await;
    let other = world.fleet.queued(HOME).await;
    let (second, taken) = world.fleet.claim().await;
    assert_eq!((lease.run, taken.run), (refused, other));
    super::super::attempt::attempt(first, lease).await;
    super::super::attempt::attempt(second, taken).await;

    let shown = world.shown(other).await;
    assert_eq!((shown.state(), shown.wait_reason(), shown.steps), (RunState::Waiting, WaitReason::Quota, 0));
    assert_eq!(world.kinds(other).await, ["queued", "started", "quota_awaited"]);
    let until = match world.events(other).await.pop() {
        Some(Event::QuotaAwaited(awaited)) => awaited.until,
        event => panic!("{event:?}"),
    };
    assert_eq!(shown.wake_time, Some(crate::rpc::view::timestamp(until)));
    assert_eq!(world.fleet.script.keys(), [format!("{refused}/1/1")]);

    // Woken while the park still stands: passed over, and nothing is written.
    world.fleet.tables.promote_at(until + time::Duration::days(1)).await;
    assert!(world.is_passed_over().await);
    // A letter is read all the same.
    world.steer(other, "Mind the gap.", false).await;
    world.cancel(other).await;
    world.attempt().await;
    assert_eq!(world.shown(other).await.state(), RunState::Cancelled);
    assert_eq!(world.fleet.script.keys().len(), 1);
}

#[tokio::test]
async fn run_that_is_resumed_while_it_waits_for_its_provider_tries_now() {
    let world = World::new().await;
    let (refused, behind) = world.parked(2).await;
    world.resume(behind[1]).await;
    assert_eq!(world.limit(refused).await.expect("parked").probe_run, name(behind[1]));
    // Somebody else is as impatient: one goes first, and the other is heard and waits.
    world.resume(refused).await;
    assert_eq!(world.limit(refused).await.expect("parked").probe_run, name(behind[1]));
    world.attempt().await;
    world.attempt().await;
    assert_eq!(world.shown(behind[1]).await.state(), RunState::Succeeded);
    assert_eq!(world.receipts(behind[1]).await, [(CommandKind::Resume, CommandState::Effective)]);
    assert_eq!(world.receipts(refused).await, [(CommandKind::Resume, CommandState::Effective)]);
    assert!(world.limit(behind[0]).await.expect("parked").opening);

    let paused = RunServiceClient::new(world.upstream.unary())
        .resume_run(world.ask(ResumeRunRequest { name: name(behind[1]), ..Default::default() }))
        .await;
    assert_eq!(Failure::from_status(&paused.expect_err("it has ended")).reason(), "RUN_ENDED");
}

#[tokio::test]
async fn probe_that_is_refused_extends_the_park_for_all() {
    let world = World::new().await;
    let (_, behind) = world.parked(2).await;
    world.refuses();
    world.resume(behind[0]).await;
    world.attempt().await;
    let limit = world.limit(behind[1]).await.expect("parked");
    assert_eq!((limit.refusals, limit.waiting_runs, limit.probe_run.as_str()), (2, 3, ""));
    assert!(world.is_passed_over().await);
    assert_eq!(world.fleet.script.keys().len(), 2);
}

#[tokio::test]
async fn probe_whose_worker_dies_is_joined_by_the_next_one_and_nobody_else_goes_first_meanwhile() {
    let world = World::new().await;
    let (_, behind) = world.parked(1).await;
    // The call that was refused was asked, too.
    world.fleet.script.was_asked.notified().await;
    world.fleet.script.then(Reply::Stall("", Vec::new()));
    world.resume(behind[0]).await;
    world.killed(world.fleet.script.was_asked.notified()).await;
    let limit = world.limit(behind[0]).await.expect("parked");
    assert_eq!((limit.probe_run, limit.opening), (name(behind[0]), false));
    assert_eq!(world.tend().await, 0, "it has not been silent for long");
    world.fleet.script.go_on();
    world.attempt().await;
    let keys = world.fleet.script.keys();
    assert_eq!(keys[1..3], [format!("{}/1/1", behind[0]), format!("{}/1/1", behind[0])], "the same call");
    assert!(world.kinds(behind[0]).await.contains(&"taken_over"));
}

#[tokio::test]
async fn first_word_of_a_long_answer_lets_the_others_go() {
    let world = World::new().await;
    let (_, behind) = world.parked(2).await;
    world.fleet.script.then(Reply::Stall("Let me think", Vec::new()));
    world.resume(behind[0]).await;
    let (worker, lease) = world.fleet.claim().await;
    let opens = async {
        while !world.limit(behind[1]).await.expect("parked").opening {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = opens => {}
        () = super::super::attempt::attempt(worker, lease) => panic!("the answer is not whole"),
    }
}

#[tokio::test]
async fn probe_that_fails_otherwise_leaves_it_to_the_next() {
    let world = World::new().await;
    let (_, behind) = world.parked(2).await;
    world.fleet.script.then(Reply::Fail(Code::FailedPrecondition, "PROVIDER_REFUSED"));
    world.resume(behind[0]).await;
    world.attempt().await;
    assert_eq!(world.shown(behind[0]).await.state(), RunState::Failed);
    let limit = world.limit(behind[1]).await.expect("still parked");
    assert_eq!((limit.refusals, limit.opening, limit.probe_run.as_str()), (1, false, ""));
    assert_eq!(world.tend().await, 1, "at once");
    world.attempt().await;
    assert_eq!(world.shown(behind[1]).await.state(), RunState::Succeeded);
}
