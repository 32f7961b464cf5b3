//! What a scheduler makes of the time since a schedule was last seen to: fires, and times that were missed.

use time::{Duration, OffsetDateTime};

use super::{CATCH_UP, MissedPolicy, Timetable};

/// How late a tick may be seen to without having been missed.
pub const GRACE: Duration = Duration::minutes(1);
/// Ticks that one round looks at. What is left is for the next round, so that a year of minutes holds up nobody for long.
const ROUND: usize = 10_000;

/// How far a schedule was seen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Ticks up to this time are seen to, and never looked at again, whatever the clock does.
    pub settled_until: OffsetDateTime,
    /// Ticks up to then that were missed and are not accounted for yet.
    pub behind: u64,
}

/// One fire that is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The tick.
    pub due: OffsetDateTime,
    /// Ticks before it that it stands for or, if it starts nothing, reports together with its own.
    pub missed: u64,
    /// Whether it is to start a run. Otherwise it says that it was missed.
    pub starts: bool,
}

/// What is to be done, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub fires: Vec<Planned>,
    /// How far the schedule is seen to then.
    pub progress: Progress,
    /// The first tick behind that; none if no more come.
    pub next: Option<OffsetDateTime>,
    /// Ticks that get no fire of their own.
    pub missed: u64,
}

/// Looks at the ticks since `progress` that are due `now`.
pub fn plan(timetable: &Timetable, policy: MissedPolicy, progress: Progress, now: OffsetDateTime) -> Plan {
    let mut ticks = Vec::new();
    let mut next = timetable.after(progress.settled_until).map(|tick| tick.at);
    while let Some(at) = next.filter(|at| *at <= now && ticks.len() < ROUND) {
        ticks.push(at);
        next = timetable.after(at).map(|tick| tick.at);
    }
    let is_missed = |at: &OffsetDateTime| *at < now - GRACE;
    if next.is_some_and(|at| is_missed(&at)) {
        return set_aside(&ticks, progress);
    }

    let on_time = ticks.split_off(ticks.partition_point(is_missed));
    let mut fires = Vec::new();
    let (mut behind, mut missed) = (progress.behind, 0);
    if let Some(newest) = ticks.last().copied() {
        let own = match policy {
            // A tick that is on time stands for them too.
            MissedPolicy::Once if !on_time.is_empty() => 0,
            MissedPolicy::Once => 1,
            MissedPolicy::All => ticks.len().min(CATCH_UP),
            MissedPolicy::Skip => 0,
        };
        missed = behind + (ticks.len() - own) as u64;
        behind = 0;
        if policy == MissedPolicy::Skip {
            fires.push(Planned { due: newest, missed, starts: false });
        }
        fires.extend(ticks[ticks.len() - own..].iter().map(|at| fire(*at)));
    }
    fires.extend(on_time.iter().map(|at| fire(*at)));
    // The oldest of those that start stands for what came before it.
    if policy != MissedPolicy::Skip
        && let Some(first) = fires.first_mut()
    {
        first.missed = missed;
    }
    let settled_until = fires.last().map_or(progress.settled_until, |fire| fire.due);
    Plan { fires, progress: Progress { settled_until, behind }, next, missed }
}

fn fire(due: OffsetDateTime) -> Planned {
    Planned { due, missed: 0, starts: true }
}

/// Too many to look at in one round: all but the newest that may yet fire are kept in mind as missed.
fn set_aside(ticks: &[OffsetDateTime], progress: Progress) -> Plan {
    let aside = ticks.len() - CATCH_UP;
    let progress = Progress { settled_until: ticks[aside - 1], behind: progress.behind + aside as u64 };
    Plan { fires: Vec::new(), progress, next: Some(ticks[aside]), missed: 0 }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::schedule::cron::Cron;
    use crate::domain::schedule::ticks::Zone;

    const START: OffsetDateTime = datetime!(2026-11-23 8:00 UTC);

    fn every_minute() -> Timetable {
        Timetable { cron: Cron::parse("* * * * *").expect("cron"), zone: Zone::named("UTC").expect("zone") }
    }

    fn from(settled_until: OffsetDateTime) -> Progress {
        Progress { settled_until, behind: 0 }
    }

    fn minutes(count: i64) -> OffsetDateTime {
        START + Duration::minutes(count)
    }

    fn made(plan: &Plan) -> Vec<(i64, u64, bool)> {
        plan.fires.iter().map(|fire| ((fire.due - START).whole_minutes(), fire.missed, fire.starts)).collect()
    }

    #[test]
    fn tick_on_time_fires_under_every_policy() {
        for policy in [MissedPolicy::Skip, MissedPolicy::Once, MissedPolicy::All] {
            let before = plan(&every_minute(), policy, from(START), minutes(1) - Duration::MILLISECOND);
            assert_eq!((made(&before), before.next), (vec![], Some(minutes(1))));
            let late = plan(&every_minute(), policy, from(START), minutes(1) + GRACE - Duration::MILLISECOND);
            assert_eq!((made(&late), late.next), (vec![(1, 0, true)], Some(minutes(2))));
        }
    }

    #[test]
    fn missed_ticks_become_what_the_policy_says() {
        // The tick of the tenth minute is on time, those of the nine before were missed.
        let now = minutes(10) + GRACE / 2;
        let of = |policy| plan(&every_minute(), policy, from(START), now);
        let skip = of(MissedPolicy::Skip);
        assert_eq!((made(&skip), skip.missed), (vec![(9, 9, false), (10, 0, true)], 9));
        let once = of(MissedPolicy::Once);
        assert_eq!((made(&once), once.missed), (vec![(10, 9, true)], 9));
        let all = of(MissedPolicy::All);
        assert_eq!((all.fires.len(), all.missed), (10, 0));
        for plan in [skip, once, all] {
            assert_eq!((plan.progress, plan.next), (from(minutes(10)), Some(minutes(11))));
        }
    }

    #[test]
    fn without_a_tick_on_time_the_newest_missed_one_stands_for_all() {
        let daily = Timetable { cron: Cron::parse("@daily").expect("cron"), ..every_minute() };
        let now = START + Duration::days(3);
        let once = plan(&daily, MissedPolicy::Once, from(START), now);
        assert_eq!(once.fires, [Planned { due: datetime!(2026-11-26 0:00 UTC), missed: 2, starts: true }]);
        let skip = plan(&daily, MissedPolicy::Skip, from(START), now);
        assert_eq!(skip.fires, [Planned { due: datetime!(2026-11-26 0:00 UTC), missed: 3, starts: false }]);
    }

    #[test]
    fn hundred_missed_ticks_fire_and_the_rest_is_counted() {
        let now = |missed: i64| minutes(missed) + GRACE + Duration::SECOND;
        let edge = plan(&every_minute(), MissedPolicy::All, from(START), now(100));
        assert_eq!((edge.fires.len(), edge.missed, made(&edge)[0]), (101, 0, (1, 0, true)));
        let over = plan(&every_minute(), MissedPolicy::All, from(START), now(101));
        assert_eq!((over.fires.len(), over.missed, made(&over)[0]), (101, 1, (2, 1, true)));
    }

    #[test]
    fn year_of_minutes_is_settled_in_rounds_and_counted_to_the_last() {
        for (policy, fires) in [(MissedPolicy::Skip, 2), (MissedPolicy::Once, 1), (MissedPolicy::All, 101)] {
            let ticks = 365 * 24 * 60;
            let now = minutes(ticks) + Duration::SECOND;
            let mut progress = from(START);
            let (mut rounds, mut last) = (0, None);
            while last.as_ref().is_none_or(|plan: &Plan| plan.fires.is_empty()) {
                let plan = plan(&every_minute(), policy, progress, now);
                progress = plan.progress;
                (rounds, last) = (rounds + 1, Some(plan));
            }
            let last = last.expect("a plan");
            let started = last.fires.iter().filter(|fire| fire.starts).count() as u64;
            assert_eq!((rounds, last.fires.len()), (54, fires), "{policy:?}");
            assert_eq!(last.missed + started, ticks as u64, "{policy:?}");
            assert_eq!(progress, from(minutes(ticks)));
        }
    }

    #[test]
    fn clock_that_goes_back_fires_nothing_again() {
        let first = plan(&every_minute(), MissedPolicy::All, from(START), minutes(5));
        let back = plan(&every_minute(), MissedPolicy::All, first.progress, minutes(2));
        assert_eq!((made(&back), back.progress, back.next), (vec![], first.progress, Some(minutes(6))));
    }
}
