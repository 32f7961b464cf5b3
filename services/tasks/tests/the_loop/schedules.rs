//! Random expressions in zones that change their clocks, held against a walk over every minute; and catching up, whatever the
//! scheduler's clock does.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use mc_tasks::domain::schedule::cron::Cron;
use mc_tasks::domain::schedule::plan::{Progress, plan};
use mc_tasks::domain::schedule::ticks::{ClockChange, Tick, Zone};
use mc_tasks::domain::schedule::{CATCH_UP, MissedPolicy, Timetable};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use time::OffsetDateTime;

/// A zone, and the start of three days around a change of its clock (or of its date).
const PLACES: [(&str, i64); 12] = [
    ("Europe/Berlin", 1_774_656_000),       // 28 March 2026: forward
    ("Europe/Berlin", 1_792_800_000),       // 24 October 2026: back
    ("America/New_York", 1_772_841_600),    // 7 March 2026: forward
    ("America/New_York", 1_793_404_800),    // 31 October 2026: back
    ("Australia/Lord_Howe", 1_790_985_600), // 3 October 2026: forward by half an hour
    ("Australia/Lord_Howe", 1_775_260_800), // 4 April 2026: back by half an hour
    ("Africa/Cairo", 1_776_902_400),        // 23 April 2026: forward at midnight
    ("America/Sao_Paulo", 1_541_203_200),   // 3 November 2018: forward at midnight, for the last time but one
    ("Pacific/Apia", 1_325_116_800),        // 29 December 2011: a day left out
    ("Europe/Istanbul", 1_477_699_200), // 29 October 2016: no change, against the rule of the years before
    ("Asia/Kolkata", 1_709_078_400),    // 28 February 2024: a leap day
    ("Pacific/Kiritimati", 1_798_588_800), // 30 December 2026: the end of a year
];
const MINUTES: i64 = 3 * 24 * 60;

fn field(last: u8) -> impl Strategy<Value = String> {
    let value = 0..=last;
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (1..=last).prop_map(|step| format!("*/{step}")),
        3 => value.clone().prop_map(|value| value.to_string()),
        3 => vec(value.clone(), 1..5).prop_map(|values| {
            values.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
        }),
        2 => (value.clone(), value, 1..10_u8).prop_map(|(one, other, step)| {
            format!("{}-{}/{step}", one.min(other), one.max(other))
        }),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    // The hours in which clocks change come up often.
    let hour =
        prop_oneof![field(23), select(vec!["0", "1", "2", "3", "1-3", "0-23"]).prop_map(str::to_owned)];
    let days = select(vec!["* * *", "28-31 * *", "* * sun", "1,29-31 * sat", "29 2 *", "*/2 * sun-tue"]);
    (field(59), hour, days).prop_map(|(minute, hour, days)| format!("{minute} {hour} {days}"))
}

/// Ticks of the three days by a walk over every minute, of time and of the local clock.
fn walked(cron: &Cron, zone: &TimeZone, start: Timestamp) -> BTreeSet<Timestamp> {
    let mut ticks = BTreeSet::new();
    for minute in 1..=MINUTES {
        let at = start + minute.minutes();
        let local = zone.to_datetime(at);
        let is_first = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { before, .. } => zone.to_offset(at) == before,
            _ => true,
        };
        if cron.matches(local) && (cron.every_hour() || is_first) {
            ticks.insert(at);
        }
    }
    if cron.every_hour() {
        return ticks;
    }
    let end = start + MINUTES.minutes();
    for change in zone.following(start).take_while(|change| change.timestamp() <= end) {
        let before = zone.to_offset(change.timestamp() - 1.second());
        let (mut left_out, to) =
            (before.to_datetime(change.timestamp()), change.offset().to_datetime(change.timestamp()));
        while left_out < to {
            if cron.matches(left_out) {
                ticks.insert(change.timestamp());
            }
            left_out += 1.minute();
        }
    }
    ticks
}

fn time(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).expect("in range")
}

fn timetable(cron: &str, zone: &str) -> Timetable {
    Timetable { cron: Cron::parse(cron).expect(cron), zone: Zone::named(zone).expect(zone) }
}

fn ticks_until(timetable: &Timetable, start: OffsetDateTime, end: OffsetDateTime) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = Vec::new();
    let mut at = start;
    while let Some(tick) = timetable.after(at).filter(|tick| tick.at <= end) {
        at = tick.at;
        ticks.push(tick);
    }
    ticks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn ticks_are_those_of_a_walk_over_every_minute(
        cron in expression(), place in select(PLACES.to_vec()), offset in 0..3_600_i64,
    ) {
        let (name, start) = place;
        let zone = TimeZoneDatabase::bundled().get(name).expect("a zone");
        let start = Timestamp::from_second(start).expect("in range");
        let timetable = timetable(&cron, name);
        let end = start + MINUTES.minutes();
        let found = ticks_until(&timetable, time(start), time(end));
        for pair in found.windows(2) {
            prop_assert!(pair[0].at < pair[1].at, "{cron} in {name}: ticks rise");
        }
        let expected: Vec<_> = walked(&timetable.cron, &zone, start).into_iter().map(time).collect();
        let instants: Vec<_> = found.iter().map(|tick| tick.at).collect();
        prop_assert_eq!(instants, expected, "{} in {}", cron, name);

        for tick in &found {
            let local = zone.to_datetime(Timestamp::from_second(tick.at.unix_timestamp()).expect("in range"));
            prop_assert!(timetable.cron.matches(tick.scheduled), "{cron} names {}", tick.scheduled);
            prop_assert_eq!(tick.change == ClockChange::Moved, local != tick.scheduled, "{} in {}", cron, name);
        }
        // From anywhere, the next tick is the first that is later.
        let from = time(start) + time::Duration::seconds(offset * 60 + offset % 60);
        let next = found.iter().find(|tick| tick.at > from);
        if let Some(next) = next {
            prop_assert_eq!(timetable.after(from), Some(*next), "{} in {} from {}", cron, name, from);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// The clock of the scheduler stands at any times, in any order: each tick is fired or counted, and once.
    #[test]
    fn every_tick_is_accounted_for_once(
        policy in select(vec![MissedPolicy::Skip, MissedPolicy::Once, MissedPolicy::All]),
        looks in vec(-500..3_000_i64, 1..12),
    ) {
        let timetable = timetable("*/2 * * * *", "Europe/Berlin");
        let start = time(Timestamp::from_second(1_792_800_000).expect("in range"));
        let mut progress = Progress { settled_until: start, behind: 0 };
        let (mut fired, mut missed) = (BTreeSet::new(), 0);
        for minutes in &looks {
            let now = start + time::Duration::minutes(*minutes);
            let plan = plan(&timetable, policy, progress, now);
            prop_assert!(plan.progress.settled_until >= progress.settled_until);
            prop_assert!(plan.fires.iter().filter(|fire| fire.starts).count() <= CATCH_UP + 1);
            for fire in &plan.fires {
                prop_assert!(fire.due > progress.settled_until && fire.due <= now);
                prop_assert!(fired.insert(fire.due), "{} fired before", fire.due);
                missed -= i64::from(!fire.starts);
            }
            missed += plan.missed as i64;
            progress = plan.progress;
            let next = timetable.after(progress.settled_until).map(|tick| tick.at);
            prop_assert_eq!(plan.next, next);
        }
        let ticks = ticks_until(&timetable, start, progress.settled_until).len() as i64;
        prop_assert_eq!(fired.len() as i64 + missed + progress.behind as i64, ticks);
    }
}

#[test]
fn places_hold_what_their_comments_say() {
    let changes: Vec<(&str, i32)> = PLACES
        .iter()
        .map(|(name, start)| {
            let zone = TimeZoneDatabase::bundled().get(name).expect("a zone");
            let start = Timestamp::from_second(*start).expect("in range");
            let offset = |at: Timestamp| zone.to_offset(at).seconds();
            (*name, (offset(start + MINUTES.minutes()) - offset(start)) / 60)
        })
        .collect();
    let expected = [60, -60, 60, -60, 30, -30, 60, 60, 24 * 60, 0, 0, 0];
    assert_eq!(changes.iter().map(|(_, minutes)| *minutes).collect::<Vec<_>>(), expected, "{changes:?}");
    let leap: DateTime = "2024-02-29T00:00".parse().expect("a date");
    assert!(timetable("0 0 29 2 *", "Asia/Kolkata").cron.matches(leap));
}
