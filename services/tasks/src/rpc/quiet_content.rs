//! What people say of when a channel waits, checked: quiet hours, what cannot wait, how long is gathered.

use mc_chassis::error::Violations;
use mc_proto::tasks::v1::{self as proto, Weekday};

use crate::domain::notice::quiet::{EVERY_DAY, QuietHours, minute_of_day, time_of_day};
use crate::domain::schedule::ticks::Zone;
use crate::store::channel::{Channel, Quiet};

/// Seconds for which is gathered at most.
const WINDOW_S: i64 = 86_400;

/// Quiet hours, as they are stored; every day is written out.
pub(super) fn quiet(said: Option<&proto::QuietHours>, violations: &mut Violations) -> Option<Quiet> {
    let said = said?;
    let field = |name: &str| format!("channel.quiet_hours.{name}");
    let zone = Zone::named(&said.time_zone);
    if zone.is_none() {
        let what = if said.time_zone.is_empty() { "is required" } else { "is not known" };
        violations.add(
            field("time_zone"),
            format!("{what}: a name of the IANA database as it has it, for example `Europe/Berlin`"),
        );
    }
    let mut minute = |name: &str, text: &str| {
        let minute = minute_of_day(text);
        if minute.is_none() {
            violations.add(field(name), "must be a time of the day from `00:00` to `23:59`");
        }
        minute
    };
    let (start, end) = (minute("start", &said.start), minute("end", &said.end));
    let days = days(&said.days, violations);
    let (zone, start, end, days) = (zone?, start?, end?, days?);
    if QuietHours::new(&zone, start, end, &days).is_none() {
        violations
            .add(field("end"), "would never come: leave some day out, or have another time than `start`");
        return None;
    }
    Some(Quiet {
        zone: said.time_zone.clone(),
        // Below 1440.
        start_min: start.cast_signed(),
        end_min: end.cast_signed(),
        days: days.into_iter().map(i16::from).collect(),
    })
}

fn days(said: &[i32], violations: &mut Violations) -> Option<Vec<u8>> {
    if said.is_empty() {
        return Some(EVERY_DAY.to_vec());
    }
    let mut days = Vec::new();
    for (place, number) in said.iter().enumerate() {
        match u8::try_from(*number).ok().filter(|day| EVERY_DAY.contains(day)) {
            Some(day) => days.push(day),
            None => violations.add(format!("channel.quiet_hours.days[{place}]"), "must be a Weekday"),
        }
    }
    // Each that is no day is noted.
    let all = days.len() == said.len();
    days.sort_unstable();
    days.dedup();
    all.then_some(days)
}

/// Seconds for which what happens is gathered.
pub(super) fn digest_s(window: Option<&prost_types::Duration>, violations: &mut Violations) -> i32 {
    let window = window.copied().unwrap_or_default();
    match i32::try_from(window.seconds) {
        Ok(seconds) if window.nanos == 0 && seconds % 60 == 0 && (0..=WINDOW_S).contains(&window.seconds) => {
            seconds
        }
        _ => {
            violations.add("channel.digest_window", format!("must be 0 to {WINDOW_S} s, in whole minutes"));
            0
        }
    }
}

/// Quiet hours, as the contract shows them.
pub(super) fn view(channel: &Channel) -> Option<proto::QuietHours> {
    let time = |minute: i16| u16::try_from(minute).map(time_of_day).unwrap_or_default();
    let day = |day: &i16| Weekday::try_from(i32::from(*day)).unwrap_or_default() as i32;
    Some(proto::QuietHours {
        time_zone: channel.quiet_zone.clone()?,
        start: time(channel.quiet_start_min?),
        end: time(channel.quiet_end_min?),
        days: channel.quiet_days.as_ref()?.iter().map(day).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night() -> proto::QuietHours {
        proto::QuietHours {
            time_zone: "Europe/Berlin".into(),
            start: "22:00".into(),
            end: "07:00".into(),
            days: Vec::new(),
        }
    }

    #[test]
    fn quiet_hours_are_whole_and_every_day_unless_they_say_so() {
        let mut violations = Violations::default();
        assert_eq!(quiet(None, &mut violations), None);
        let every = quiet(Some(&night()), &mut violations).expect("quiet");
        assert_eq!((every.start_min, every.end_min, every.days.len()), (1_320, 420, 7));
        let some = proto::QuietHours { days: vec![5, 1, 5], ..night() };
        assert_eq!(quiet(Some(&some), &mut violations).expect("quiet").days, [1, 5]);
        let weekend = proto::QuietHours { days: vec![6, 7], end: "22:00".into(), ..night() };
        assert!(quiet(Some(&weekend), &mut violations).is_some());
        violations.into_result().expect("all of it is right");
        for (field, wrong) in [
            ("time_zone", proto::QuietHours { time_zone: String::new(), ..night() }),
            ("time_zone", proto::QuietHours { time_zone: "europe/berlin".into(), ..night() }),
            ("start", proto::QuietHours { start: "24:00".into(), ..night() }),
            ("end", proto::QuietHours { end: "7:00".into(), ..night() }),
            ("end", proto::QuietHours { end: "22:00".into(), ..night() }),
            ("days[1]", proto::QuietHours { days: vec![1, 0], ..night() }),
            ("days[0]", proto::QuietHours { days: vec![8, 1], ..night() }),
        ] {
            let mut violations = Violations::default();
            assert_eq!(quiet(Some(&wrong), &mut violations), None);
            let noted = violations.into_result().expect_err(field);
            assert_eq!(noted[0].field, format!("channel.quiet_hours.{field}"));
            assert_eq!(noted.len(), 1, "{noted:?}");
        }
    }

    #[test]
    fn gathering_is_in_whole_minutes_up_to_a_day() {
        let window = |seconds, nanos| {
            let mut violations = Violations::default();
            let seconds = digest_s(Some(&prost_types::Duration { seconds, nanos }), &mut violations);
            violations.into_result().map(|()| seconds).ok()
        };
        assert_eq!((window(0, 0), window(60, 0), window(86_400, 0)), (Some(0), Some(60), Some(86_400)));
        for (seconds, nanos) in [(59, 0), (61, 0), (60, 1), (-60, 0), (86_460, 0), (i64::MAX, 0)] {
            assert_eq!(window(seconds, nanos), None, "{seconds} {nanos}");
        }
        assert_eq!(digest_s(None, &mut Violations::default()), 0);
    }
}
