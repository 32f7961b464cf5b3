//! Ticks: the instants at which a timetable is due, also where the zone's clock is put forward or back.
//!
//! A local time that does not exist ticks at the first moment after the gap. One that exists twice ticks the first time
//! alone. Expressions for every hour follow the time that passes: they tick at each minute of the zone's clock that they
//! name, so in neither case is there anything to make up for.

use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use time::OffsetDateTime;

use super::Timetable;
use super::cron::floor;

/// The zones of this release. They come with the program, so that all schedulers of a release agree, whatever the machines
/// they run on have.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// Characters of a zone's name at most; the longest there is has 32.
const NAME_CHARS: usize = 64;

/// A time zone of the IANA database.
#[derive(Clone)]
pub struct Zone(Arc<TimeZone>);

impl fmt::Debug for Zone {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

impl Zone {
    /// The zone of this name, exactly as the database has it.
    pub fn named(name: &str) -> Option<Self> {
        if name.len() > NAME_CHARS {
            return None;
        }
        let zone = ZONES.get(name).ok()?;
        (zone.iana_name() == Some(name)).then(|| Self(Arc::new(zone)))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or_default()
    }

    /// A time on its clock, as RFC 3339 with the offset.
    pub fn local(&self, at: OffsetDateTime) -> String {
        let Some(at) = timestamp(at) else { return String::new() };
        let offset = self.0.to_offset(at);
        at.display_with_offset(offset).to_string()
    }
}

/// What a change of the clock does to a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// Nothing.
    None,
    /// Its local time does not exist; this is the first moment after the gap.
    Moved,
    /// Its local time comes again later, and does not tick then.
    FirstOfTwo,
    /// Its local time has come before, and ticked then too.
    Repeated,
}

/// One time that a timetable is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: OffsetDateTime,
    /// The local time that the expression names.
    pub scheduled: DateTime,
    /// What a change of the clock does to it.
    pub change: ClockChange,
}

impl Timetable {
    /// The first tick behind a time; none within 45 years.
    pub fn after(&self, time: OffsetDateTime) -> Option<Tick> {
        let after = timestamp(time)?;
        let (at, scheduled, change) =
            if self.cron.every_hour() { self.by_elapsed_time(after)? } else { self.by_time_of_day(after)? };
        let at = OffsetDateTime::from_unix_timestamp(at.as_second()).ok()?;
        Some(Tick { at, scheduled, change })
    }

    /// Every local time becomes one instant, and a later local time never an earlier instant.
    fn by_time_of_day(&self, after: Timestamp) -> Option<(Timestamp, DateTime, ClockChange)> {
        let zone = &*self.zone.0;
        let mut scheduled = self.cron.at_or_after(floor(zone.to_datetime(after)))?;
        loop {
            let (at, change) = match zone.to_ambiguous_timestamp(scheduled).offset() {
                AmbiguousOffset::Unambiguous { offset } => (instant(offset, scheduled)?, ClockChange::None),
                AmbiguousOffset::Fold { before, .. } => {
                    (instant(before, scheduled)?, ClockChange::FirstOfTwo)
                }
                AmbiguousOffset::Gap { after, .. } => {
                    // By the offset behind the gap, a local time in the gap is before it.
                    (zone.following(instant(after, scheduled)?).next()?.timestamp(), ClockChange::Moved)
                }
            };
            if at > after {
                return Some((at, scheduled, change));
            }
            scheduled = self.cron.at_or_after(scheduled.checked_add(1.minute()).ok()?)?;
        }
    }

    /// The local times of each stretch between two changes of the clock, one stretch after the other.
    fn by_elapsed_time(&self, after: Timestamp) -> Option<(Timestamp, DateTime, ClockChange)> {
        let zone = &*self.zone.0;
        let mut offset = zone.to_offset(after);
        let mut from = floor(offset.to_datetime(after)).checked_add(1.minute()).ok()?;
        let mut changes = zone.following(after);
        loop {
            let scheduled = self.cron.at_or_after(from)?;
            let at = instant(offset, scheduled)?;
            match changes.next() {
                Some(next) if next.timestamp() <= at => {
                    offset = next.offset();
                    from = offset.to_datetime(next.timestamp());
                }
                _ => {
                    let change = match zone.to_ambiguous_timestamp(scheduled).offset() {
                        AmbiguousOffset::Fold { after, .. } if after == offset => ClockChange::Repeated,
                        _ => ClockChange::None,
                    };
                    return Some((at, scheduled, change));
                }
            }
        }
    }
}

fn instant(offset: Offset, local: DateTime) -> Option<Timestamp> {
    offset.to_timestamp(local).ok()
}

fn timestamp(time: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::schedule::cron::Cron;

    fn timetable(cron: &str, zone: &str) -> Timetable {
        Timetable { cron: Cron::parse(cron).expect(cron), zone: Zone::named(zone).expect(zone) }
    }

    /// Local times and notes of the ticks that follow.
    fn seen(cron: &str, zone: &str, after: OffsetDateTime, count: usize) -> Vec<(String, ClockChange)> {
        let timetable = timetable(cron, zone);
        let mut at = after;
        (0..count)
            .map(|_| {
                let tick = timetable.after(at).expect("ticks");
                at = tick.at;
                (timetable.zone.local(at), tick.change)
            })
            .collect()
    }

    fn locals(cron: &str, zone: &str, after: OffsetDateTime, count: usize) -> Vec<String> {
        seen(cron, zone, after, count).into_iter().map(|(local, _)| local).collect()
    }

    #[test]
    fn time_in_a_gap_ticks_at_the_first_moment_after_it() {
        // Berlin goes from 02:00 to 03:00 on 29 March 2026.
        let eve = datetime!(2026-03-28 12:00 UTC);
        let ticks = seen("30 2 * * *", "Europe/Berlin", eve, 2);
        assert_eq!(ticks[0], ("2026-03-29T03:00:00+02:00".into(), ClockChange::Moved));
        assert_eq!(ticks[1], ("2026-03-30T02:30:00+02:00".into(), ClockChange::None));
        // Several of them become one, also with the one that is due there anyway.
        assert_eq!(
            locals("0,20,40 2,3 * * *", "Europe/Berlin", eve, 4),
            [
                "2026-03-29T03:00:00+02:00",
                "2026-03-29T03:20:00+02:00",
                "2026-03-29T03:40:00+02:00",
                "2026-03-30T02:00:00+02:00"
            ]
        );
        assert_eq!(
            locals("30 2 * * *", "America/New_York", datetime!(2026-03-08 0:00 UTC), 1),
            ["2026-03-08T03:00:00-04:00"]
        );
        // Lord Howe moves by half an hour: from 02:00 to 02:30.
        assert_eq!(
            locals("15 2 * * *", "Australia/Lord_Howe", datetime!(2026-10-03 0:00 UTC), 2),
            ["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"]
        );
    }

    #[test]
    fn time_that_comes_twice_ticks_the_first_time_alone() {
        let eve = datetime!(2026-10-24 12:00 UTC);
        let ticks = seen("30 2 * * *", "Europe/Berlin", eve, 2);
        assert_eq!(ticks[0], ("2026-10-25T02:30:00+02:00".into(), ClockChange::FirstOfTwo));
        assert_eq!(ticks[1], ("2026-10-26T02:30:00+01:00".into(), ClockChange::None));
        // Also for who asks in the hour that comes again.
        let again = datetime!(2026-10-25 01:10 UTC);
        assert_eq!(locals("30 2 * * *", "Europe/Berlin", again, 1), ["2026-10-26T02:30:00+01:00"]);
        assert_eq!(
            locals("*/30 1 * * *", "America/New_York", datetime!(2026-11-01 4:00 UTC), 3),
            ["2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:00:00-05:00"]
        );
        // Lord Howe: 01:30 to 02:00 comes twice.
        assert_eq!(
            locals("45 1 * * *", "Australia/Lord_Howe", datetime!(2026-04-04 0:00 UTC), 2),
            ["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"]
        );
    }

    #[test]
    fn every_hour_follows_the_time_that_passes() {
        let ticks = seen("0 * * * *", "Europe/Berlin", datetime!(2026-10-24 23:30 UTC), 4);
        let expected = [
            ("2026-10-25T02:00:00+02:00", ClockChange::None),
            ("2026-10-25T02:00:00+01:00", ClockChange::Repeated),
            ("2026-10-25T03:00:00+01:00", ClockChange::None),
            ("2026-10-25T04:00:00+01:00", ClockChange::None),
        ];
        assert_eq!(ticks, expected.map(|(local, change)| (local.to_owned(), change)));
        assert_eq!(
            locals("0 0-23 * * *", "Europe/Berlin", datetime!(2026-03-29 0:30 UTC), 2),
            ["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"]
        );
        // Half an hour is left out, and the minutes are those of the new clock.
        assert_eq!(
            locals("*/20 * * * *", "Australia/Lord_Howe", datetime!(2026-10-03 15:15 UTC), 3),
            ["2026-10-04T02:40:00+11:00", "2026-10-04T03:00:00+11:00", "2026-10-04T03:20:00+11:00"]
        );
        assert_eq!(
            locals("0 */2 * * *", "Europe/Berlin", datetime!(2026-03-28 23:30 UTC), 2),
            ["2026-03-29T04:00:00+02:00", "2026-03-29T06:00:00+02:00"],
            "02:00 does not come, and nothing stands for it"
        );
    }

    #[test]
    fn zones_change_their_rules() {
        // Samoa left out 30 December 2011 altogether.
        let ticks = seen("0 9 * * *", "Pacific/Apia", datetime!(2011-12-29 20:00 UTC), 2);
        assert_eq!(ticks[0], ("2011-12-31T00:00:00+14:00".into(), ClockChange::Moved));
        assert_eq!(ticks[1].0, "2011-12-31T09:00:00+14:00");
        // Turkey put its clocks back later in 2015, and in 2016 no more.
        assert_eq!(
            locals("30 3 30 10 *", "Europe/Istanbul", datetime!(2014-01-01 0:00 UTC), 3),
            ["2014-10-30T03:30:00+02:00", "2015-10-30T03:30:00+03:00", "2016-10-30T03:30:00+03:00"]
        );
        // Rules of today hold for years that no table has.
        assert_eq!(
            locals("30 2 * 3 0", "Europe/Berlin", datetime!(2090-03-20 0:00 UTC), 1),
            ["2090-03-26T03:00:00+02:00"]
        );
    }

    #[test]
    fn leap_days_and_ends_of_years() {
        assert_eq!(
            locals("0 12 29 2 *", "America/New_York", datetime!(2026-11-23 0:00 UTC), 2),
            ["2028-02-29T12:00:00-05:00", "2032-02-29T12:00:00-05:00"]
        );
        assert_eq!(
            locals("59 23 31 12 *", "Pacific/Kiritimati", datetime!(2026-12-31 9:58 UTC), 2),
            ["2026-12-31T23:59:00+14:00", "2027-12-31T23:59:00+14:00"]
        );
        assert_eq!(
            locals("* * * * *", "UTC", datetime!(2026-12-31 23:59:30 UTC), 1),
            ["2027-01-01T00:00:00+00:00"]
        );
    }

    #[test]
    fn zones_have_one_spelling() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert_eq!(Zone::named(good).expect(good).name(), good);
        }
        for bad in ["", "utc", "europe/berlin", "Berlin", "../etc/passwd", "CET+1", &"x".repeat(65)] {
            assert!(Zone::named(bad).is_none(), "{bad}");
        }
    }
}
