//! When a delivery is tried again, and how long a channel is left in peace.

use time::Duration;

/// Attempts at a delivery before it is given up.
pub const ATTEMPTS: i16 = 10;

/// Waits behind the first, the second and so on of the attempts: the schedule that Standard Webhooks suggests, about three
/// days in all.
const WAITS_S: [i64; (ATTEMPTS - 1) as usize] =
    [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];

/// Part of a wait by which it may be longer, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// The longest wait that a receiver can ask for.
pub const LONGEST_ASKED: Duration = Duration::hours(24);

/// How long to wait behind this many attempts; none when it is given up. `unit` is a random number in [0, 1). What the
/// receiver asks for makes it longer, never shorter.
pub fn wait(attempts: i16, unit: f64, asked: Option<Duration>) -> Option<Duration> {
    let wait = usize::try_from(attempts).ok()?.checked_sub(1).and_then(|place| WAITS_S.get(place))?;
    let wait = Duration::seconds(*wait);
    Some((wait + wait * (JITTER * unit)).max(asked.unwrap_or_default().min(LONGEST_ASKED)))
}

/// How long nothing is sent over a channel after so many failures in a row: 5 s, doubled each time, 5 minutes at most. What
/// waits meanwhile is not tried, and loses no attempt.
pub fn pause(failures: i32) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(10);
    (Duration::seconds(5) * 2_i32.pow(doublings)).min(Duration::minutes(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_spread_over_three_days_and_the_eleventh_is_none() {
        let waits: Vec<_> =
            (1..ATTEMPTS).map(|attempts| wait(attempts, 0.0, None).expect("a wait")).collect();
        assert_eq!(waits[..3], [Duration::seconds(5), Duration::minutes(5), Duration::minutes(30)]);
        assert!(waits.is_sorted());
        let all: Duration = waits.iter().sum();
        assert!((Duration::days(3)..Duration::days(4)).contains(&all), "{all}");
        assert_eq!((wait(ATTEMPTS, 0.0, None), wait(0, 0.0, None), wait(-1, 0.0, None)), (None, None, None));
    }

    #[test]
    fn jitter_makes_a_wait_up_to_a_fifth_longer() {
        assert_eq!(wait(2, 0.5, None), Some(Duration::seconds(330)));
        assert!(wait(2, 0.999, None).expect("a wait") < Duration::seconds(360));
    }

    #[test]
    fn receiver_makes_a_wait_longer_up_to_a_day_and_never_shorter() {
        let asked = |asked| wait(1, 0.0, Some(asked)).expect("a wait");
        assert_eq!(asked(Duration::seconds(1)), Duration::seconds(5));
        assert_eq!(asked(Duration::hours(1)), Duration::hours(1));
        assert_eq!(asked(Duration::days(9)), LONGEST_ASKED);
        assert_eq!(wait(ATTEMPTS, 0.0, Some(Duration::hours(1))), None, "given up all the same");
    }

    #[test]
    fn pause_doubles_up_to_five_minutes() {
        let seconds = |failures| pause(failures).whole_seconds();
        assert_eq!([0, 1, 2, 6, 7, 1_000, i32::MAX].map(seconds), [5, 5, 10, 160, 300, 300, 300]);
    }
}
