//! Random statements.

use mc_tasks::domain::fold::WaitReason;
use mc_tasks::domain::order::CommandKind;
use mc_tasks::store::lease::{Release, Rest};
use proptest::prelude::*;

use super::ops::AT;
use super::parks::About;

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
    /// Hands so many pieces of work to others.
    Delegates(u32),
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
    /// What a run does about its provider's limit.
    Park {
        run: usize,
        what: About,
    },
    /// The time of every park comes, and whoever goes first is silent.
    EndParks,
    Tend,
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
        3 => Just(What::Fails),
        4 => (1..3_u32).prop_map(What::Delegates),
    ];
    let rest = prop_oneof![
        2 => prop::sample::select(vec![WaitReason::Approval, WaitReason::Outcome, WaitReason::Child])
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
