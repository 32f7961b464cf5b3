//! What the open fires of a schedule do next, beside the run that it started last.

use crate::domain::id::RunId;

use super::{OverlapPolicy, SkipReason};

/// A fire that is neither started nor skipped nor failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFire<F> {
    /// Which.
    pub fire: F,
    /// Whether a person asked for it.
    pub asked: bool,
    /// The run that it waits for, and ordered to be cancelled if that is the policy.
    pub waits_for: Option<RunId>,
}

/// What is to be done first. After anything but [`Next::Rest`] and [`Next::Wait`] it is to be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<F> {
    /// Nothing is open.
    Rest,
    /// These start nothing, for this reason, because of this run.
    Skip(Vec<F>, SkipReason, Option<RunId>),
    /// This one is to be started.
    Start(F),
    /// This one begins to wait for a run, which is to be cancelled first if that is said.
    Block(F, RunId, Cancel),
    /// The first waits, and there is nothing to do until the run has ended.
    Wait,
}

/// Whether a run that stands in the way is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// Decides, of the open fires in the order in which they were due. `live` is the schedule's run that has not ended.
pub fn next<F: Copy>(
    policy: OverlapPolicy,
    paused: bool,
    live: Option<RunId>,
    open: &[OpenFire<F>],
) -> Next<F> {
    let fires = |which: &[OpenFire<F>]| which.iter().map(|open| open.fire).collect::<Vec<_>>();
    let stopped: Vec<F> = open.iter().filter(|open| paused && !open.asked).map(|open| open.fire).collect();
    if !stopped.is_empty() {
        return Next::Skip(stopped, SkipReason::Paused, None);
    }
    let Some(first) = open.first() else { return Next::Rest };
    if policy == OverlapPolicy::Replace && open.len() > 1 {
        return Next::Skip(fires(&open[..open.len() - 1]), SkipReason::Replaced, None);
    }
    let Some(live) = live else { return Next::Start(first.fire) };
    match policy {
        OverlapPolicy::Skip => Next::Skip(fires(open), SkipReason::Overlap, Some(live)),
        _ if first.waits_for == Some(live) => Next::Wait,
        OverlapPolicy::Queue => Next::Block(first.fire, live, Cancel::No),
        OverlapPolicy::Replace => Next::Block(first.fire, live, Cancel::Yes),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LIVE: RunId = RunId::new(Uuid::from_u128(1));
    const BEFORE: RunId = RunId::new(Uuid::from_u128(2));

    fn tick(fire: u8) -> OpenFire<u8> {
        OpenFire { fire, asked: false, waits_for: None }
    }

    #[test]
    fn without_a_live_run_the_oldest_starts_or_the_newest_where_it_replaces() {
        let open = [tick(1), tick(2), tick(3)];
        assert_eq!(next(OverlapPolicy::Skip, false, None, &open), Next::Start(1));
        assert_eq!(next(OverlapPolicy::Queue, false, None, &open), Next::Start(1));
        let replace = next(OverlapPolicy::Replace, false, None, &open);
        assert_eq!(replace, Next::Skip(vec![1, 2], SkipReason::Replaced, None));
        assert_eq!(next(OverlapPolicy::Replace, false, None, &open[2..]), Next::Start(3));
        assert_eq!(next::<u8>(OverlapPolicy::Replace, false, Some(LIVE), &[]), Next::Rest);
    }

    #[test]
    fn beside_a_live_run_fires_are_skipped_wait_or_replace_it() {
        let open = [tick(1), tick(2)];
        let of = |policy, open: &[OpenFire<u8>]| next(policy, false, Some(LIVE), open);
        assert_eq!(of(OverlapPolicy::Skip, &open), Next::Skip(vec![1, 2], SkipReason::Overlap, Some(LIVE)));
        assert_eq!(of(OverlapPolicy::Queue, &open), Next::Block(1, LIVE, Cancel::No));
        assert_eq!(of(OverlapPolicy::Replace, &open[1..]), Next::Block(2, LIVE, Cancel::Yes));
        let waiting = [OpenFire { waits_for: Some(LIVE), ..tick(1) }, tick(2)];
        assert_eq!(of(OverlapPolicy::Queue, &waiting), Next::Wait);
        assert_eq!(of(OverlapPolicy::Replace, &waiting[..1]), Next::Wait);
        let stale = [OpenFire { waits_for: Some(BEFORE), ..tick(1) }];
        assert_eq!(of(OverlapPolicy::Queue, &stale), Next::Block(1, LIVE, Cancel::No));
    }

    #[test]
    fn pause_stops_the_clock_and_not_who_asks() {
        let asked = OpenFire { asked: true, ..tick(2) };
        for policy in [OverlapPolicy::Skip, OverlapPolicy::Queue, OverlapPolicy::Replace] {
            let stopped = next(policy, true, None, &[tick(1), asked, tick(3)]);
            assert_eq!(stopped, Next::Skip(vec![1, 3], SkipReason::Paused, None));
            assert_eq!(next(policy, true, None, &[asked]), Next::Start(2));
        }
    }
}
