//! Quiet hours and gathering: when a channel is told of what can wait.

use time::{Duration, OffsetDateTime};

use crate::domain::schedule::Timetable;
use crate::domain::schedule::cron::Cron;
use crate::domain::schedule::ticks::Zone;

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;
/// Every day of the week: 1 Monday to 7 Sunday.
pub const EVERY_DAY: [u8; 7] = [1, 2, 3, 4, 5, 6, 7];

/// From one time of the day to another, on some days of the week, on the clock of a zone; to the next day where the end is not
/// the later of both.
#[derive(Debug, Clone)]
pub struct QuietHours {
    start: Timetable,
    end: Timetable,
    over_midnight: bool,
}

/// `22:30` in minutes of the day.
pub fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Minutes of the day as people write them.
pub fn time_of_day(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

impl QuietHours {
    /// Both times in minutes of the day; `days` are those on which quiet hours begin. None where they would never end, or
    /// where anything is no time or no day.
    pub fn new(zone: &Zone, start_min: u16, end_min: u16, days: &[u8]) -> Option<Self> {
        let is_day = |day: &u8| EVERY_DAY.contains(day);
        if start_min.max(end_min) >= DAY_MIN || days.is_empty() || !days.iter().all(is_day) {
            return None;
        }
        if start_min == end_min && EVERY_DAY.iter().all(|day| days.contains(day)) {
            return None;
        }
        let over_midnight = end_min <= start_min;
        let weekly = |minute: u16, later: u8| {
            // Cron's Sunday is 0.
            let days: Vec<_> = days.iter().map(|day| ((day + later) % 7).to_string()).collect();
            let text = format!("{} {} * * {}", minute % 60, minute / 60, days.join(","));
            Some(Timetable { cron: Cron::parse(&text).ok()?, zone: zone.clone() })
        };
        let (start, end) = (weekly(start_min, 0)?, weekly(end_min, u8::from(over_midnight))?);
        Some(Self { start, end, over_midnight })
    }

    /// Until when it is quiet; none if it is not.
    pub fn until(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let mut until = self.end_of_these(now)?;
        // One day's may end where those of the next begin. Some day has none, or some time of each.
        for _ in EVERY_DAY {
            match self.end_of_these(until) {
                Some(later) => until = later,
                None => break,
            }
        }
        Some(until)
    }

    /// Beginnings and ends take turns: it is quiet if an end comes next. Both come at once where those of one day end as
    /// those of the next begin; or where the clock is put forward over both, and then by day nothing of them is left.
    fn end_of_these(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let (start, end) = (self.start.after(now)?.at, self.end.after(now)?.at);
        (end < start || end == start && self.over_midnight).then_some(end)
    }
}

/// How long a channel lets wait what can.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    /// When it is quiet.
    pub quiet: Option<QuietHours>,
    /// How long what happens is gathered; zero for not at all.
    pub window: Duration,
}

impl Patience {
    /// Until when that waits which is new; none for not at all. `gathered` is when what has been gathered before goes out.
    pub fn of_new(&self, now: OffsetDateTime, gathered: Option<OffsetDateTime>) -> Option<OffsetDateTime> {
        if let Some(until) = self.of_old(now) {
            return Some(until);
        }
        if self.window.is_zero() {
            return None;
        }
        let full = now + self.window;
        // What waited for longer than that waited for something else.
        let out = gathered.filter(|gathered| *gathered <= full).unwrap_or(full).max(now);
        Some(self.of_old(out).unwrap_or(out))
    }

    /// Until when that waits which has waited before, or was tried; none for not at all.
    pub fn of_old(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.quiet.as_ref()?.until(now)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn hours(zone: &str, start: &str, end: &str, days: &[u8]) -> Option<QuietHours> {
        let minute = |text| minute_of_day(text).expect("a time");
        QuietHours::new(&Zone::named(zone).expect("a zone"), minute(start), minute(end), days)
    }

    fn quiet(zone: &str, start: &str, end: &str) -> QuietHours {
        hours(zone, start, end, &EVERY_DAY).expect("quiet hours")
    }

    #[test]
    fn night_is_quiet_over_midnight_from_its_first_to_before_its_last_moment() {
        let night = quiet("Europe/Berlin", "22:00", "07:00");
        let morning = datetime!(2026-11-24 6:00 UTC);
        for (now, until) in [
            (datetime!(2026-11-23 20:59:59 UTC), None),
            (datetime!(2026-11-23 21:00 UTC), Some(morning)),
            (datetime!(2026-11-23 23:30 UTC), Some(morning)),
            (datetime!(2026-11-24 5:59:59 UTC), Some(morning)),
            (morning, None),
        ] {
            assert_eq!(night.until(now), until, "{now}");
        }
        let noon = quiet("UTC", "12:00", "13:00");
        assert_eq!(noon.until(datetime!(2026-11-23 12:30 UTC)), Some(datetime!(2026-11-23 13:00 UTC)));
        assert_eq!(noon.until(datetime!(2026-11-23 13:00 UTC)), None);
    }

    #[test]
    fn days_are_those_on_which_it_begins() {
        // 23 November 2026 is a Monday.
        let nights = hours("UTC", "22:00", "07:00", &[1, 2, 3, 4, 5]).expect("weekdays");
        assert_eq!(
            nights.until(datetime!(2026-11-28 3:00 UTC)),
            Some(datetime!(2026-11-28 7:00 UTC)),
            "Friday's"
        );
        for loud in
            [datetime!(2026-11-28 23:00 UTC), datetime!(2026-11-29 12:00 UTC), datetime!(2026-11-30 3:00 UTC)]
        {
            assert_eq!(nights.until(loud), None, "{loud}");
        }
        let weekend = hours("UTC", "00:00", "00:00", &[6, 7]).expect("whole days");
        let monday = datetime!(2026-11-30 0:00 UTC);
        for at in
            [datetime!(2026-11-28 0:00 UTC), datetime!(2026-11-28 12:00 UTC), datetime!(2026-11-29 23:59 UTC)]
        {
            assert_eq!(weekend.until(at), Some(monday), "{at}: both days as one");
        }
        assert_eq!((weekend.until(monday), weekend.until(datetime!(2026-11-27 23:59 UTC))), (None, None));
    }

    #[test]
    fn clock_that_changes_at_night_moves_the_end() {
        let night = quiet("Europe/Berlin", "22:00", "02:30");
        // 2:00 to 3:00 does not exist on 29 March 2026, and comes twice on 25 October.
        assert_eq!(night.until(datetime!(2026-03-29 0:30 UTC)), Some(datetime!(2026-03-29 1:00 UTC)));
        assert_eq!(night.until(datetime!(2026-10-25 0:00 UTC)), Some(datetime!(2026-10-25 0:30 UTC)));
        assert_eq!(night.until(datetime!(2026-10-25 1:00 UTC)), None, "the second 2:00 is not quiet");
        // A night over either change is as long as its clock says.
        let long = quiet("Europe/Berlin", "22:00", "07:00");
        assert_eq!(long.until(datetime!(2026-03-28 21:00 UTC)), Some(datetime!(2026-03-29 5:00 UTC)));
        assert_eq!(long.until(datetime!(2026-10-24 20:00 UTC)), Some(datetime!(2026-10-25 6:00 UTC)));
    }

    #[test]
    fn what_lies_in_the_hour_that_does_not_come_is_not_quiet_and_the_rest_of_its_day_is() {
        let within = quiet("Europe/Berlin", "02:10", "02:50");
        for at in [
            datetime!(2026-03-28 12:00 UTC),
            datetime!(2026-03-29 0:59 UTC),
            datetime!(2026-03-29 1:00 UTC),
            datetime!(2026-03-29 1:10 UTC),
        ] {
            assert_eq!(within.until(at), None, "{at}");
        }
        assert!(within.until(datetime!(2026-03-28 1:20 UTC)).is_some(), "the day before it is");
        let but_for = quiet("Europe/Berlin", "02:50", "02:10");
        let next = Some(datetime!(2026-03-30 0:10 UTC));
        assert_eq!(but_for.until(datetime!(2026-03-28 12:00 UTC)), next, "nothing interrupts it");
        assert_eq!(but_for.until(datetime!(2026-03-29 1:00 UTC)), next);
        assert_eq!(but_for.until(datetime!(2026-03-30 0:20 UTC)), None);
    }

    #[test]
    fn time_of_a_day_is_two_digits_twice_and_some_time_is_not_quiet() {
        assert_eq!((minute_of_day("00:00"), minute_of_day("23:59")), (Some(0), Some(1_439)));
        for wrong in ["24:00", "23:60", "7:00", "07:0", "+7:00", "07-00", "0700", "", "07:00:00", "٠٧:٠٠"]
        {
            assert_eq!(minute_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(time_of_day(455), "07:35");
        let zone = Zone::named("UTC").expect("a zone");
        for (start, end, days) in [
            (60, 60, &EVERY_DAY[..]),
            (0, 1_440, &EVERY_DAY[..]),
            (60, 120, &[]),
            (60, 120, &[0]),
            (60, 120, &[8]),
        ] {
            assert!(QuietHours::new(&zone, start, end, days).is_none(), "{start} {end} {days:?}");
        }
        assert!(QuietHours::new(&zone, 60, 60, &[1, 2, 3, 4, 5, 6]).is_some());
    }

    #[test]
    fn new_things_join_what_is_gathered_and_wait_on_where_it_is_quiet() {
        let now = datetime!(2026-11-23 12:00 UTC);
        let minutes = Duration::minutes;
        let at_once = Patience::default();
        assert_eq!((at_once.of_new(now, None), at_once.of_old(now)), (None, None));
        let gathers = Patience { quiet: None, window: minutes(15) };
        assert_eq!(gathers.of_new(now, None), Some(now + minutes(15)));
        assert_eq!(gathers.of_new(now, Some(now + minutes(4))), Some(now + minutes(4)), "it joins");
        assert_eq!(
            gathers.of_new(now, Some(now - minutes(4))),
            Some(now),
            "what is going out takes it along"
        );
        assert_eq!(gathers.of_new(now, Some(now + minutes(16))), Some(now + minutes(15)));
        assert_eq!(gathers.of_old(now), None, "nothing is gathered twice");
        let both = Patience { quiet: Some(quiet("UTC", "12:10", "13:00")), window: minutes(15) };
        assert_eq!(both.of_new(now, None), Some(datetime!(2026-11-23 13:00 UTC)));
        assert_eq!(both.of_old(now + minutes(10)), Some(datetime!(2026-11-23 13:00 UTC)));
        assert_eq!(both.of_new(now - minutes(10), None), Some(now + minutes(5)));
    }
}
