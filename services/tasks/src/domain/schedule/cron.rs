//! Cron expressions: five fields or a nickname, parsed into sets, and the local times that they name.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan};

/// Years that are searched for the next local time. The longest wait is that for 29 February on one day of the week: 40
/// years around 2100, which is no leap year.
const HORIZON_YEARS: i16 = 45;

/// An expression, as the sets that its fields name. Bit `n` stands for the value `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u32,
    days: u32,
    months: u16,
    weekdays: u8,
    /// Neither day field begins with `*`: a day that fits one of them is enough.
    either_day: bool,
    every_hour: bool,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

/// One of the five fields.
struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    /// Names of the values, from `first` on.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
const WEEKDAY: Field = Field { name: "day of the week", first: 0, last: 7, names: &WEEKDAYS };

impl Cron {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim_matches([' ', '\t']);
        if text.starts_with('@') {
            return nickname(text);
        }
        let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(ParseError(format!(
                "has {} fields where 5 are needed: minute, hour, day of the month, month, day of the week",
                fields.len()
            )));
        };
        let hours = HOUR.parse(hour)? as u32;
        let weekdays = WEEKDAY.parse(weekday)?;
        Ok(Self {
            minutes: MINUTE.parse(minute)?,
            hours,
            days: DAY.parse(day)? as u32,
            months: MONTH.parse(month)? as u16,
            // 7 is Sunday, as 0 is.
            weekdays: ((weekdays | (weekdays >> 7)) & 0x7f) as u8,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            every_hour: hour.starts_with('*') || hours == (1 << 24) - 1,
        })
    }

    /// Whether its hour is every hour or every n-th, so that it follows the time that passes and no time of the day.
    pub const fn every_hour(&self) -> bool {
        self.every_hour
    }

    /// Whether it names this local minute.
    pub fn matches(&self, at: DateTime) -> bool {
        at.second() == 0
            && at.subsec_nanosecond() == 0
            && has(self.minutes, at.minute())
            && has(self.hours.into(), at.hour())
            && self.names_day(at.date())
    }

    /// The first local time that it names, not before `from`; none within 45 years.
    pub fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let from = if from.second() == 0 && from.subsec_nanosecond() == 0 {
            from
        } else {
            floor(from).checked_add(1.minute()).ok()?
        };
        let last_year = from.year().saturating_add(HORIZON_YEARS);
        let (mut date, mut time) = (from.date(), from.time());
        while date.year() <= last_year {
            if !has(self.months.into(), date.month()) {
                date = date.first_of_month().checked_add(1.month()).ok()?;
                time = Time::midnight();
                continue;
            }
            if self.names_day(date)
                && let Some(time) = self.time_at_or_after(time)
            {
                return Some(date.to_datetime(time));
            }
            date = date.tomorrow().ok()?;
            time = Time::midnight();
        }
        None
    }

    fn names_day(&self, date: Date) -> bool {
        let day = has(self.days.into(), date.day());
        let weekday = has(self.weekdays.into(), date.weekday().to_sunday_zero_offset());
        has(self.months.into(), date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    fn time_at_or_after(&self, from: Time) -> Option<Time> {
        let mut minute = from.minute();
        for hour in from.hour()..24 {
            if has(self.hours.into(), hour)
                && let Some(minute) = (minute..60).find(|minute| has(self.minutes, *minute))
            {
                return Some(Time::constant(hour, minute, 0, 0));
            }
            minute = 0;
        }
        None
    }
}

/// A local time without its seconds.
pub(super) fn floor(at: DateTime) -> DateTime {
    let seconds = i64::from(at.second());
    at.saturating_sub(SignedDuration::new(seconds, at.subsec_nanosecond()))
}

fn has(set: u64, value: i8) -> bool {
    set & (1 << value) != 0
}

fn nickname(text: &str) -> Result<Cron, ParseError> {
    let fields = match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            return Err(ParseError(format!(
                "{text:?} is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
            )));
        }
    };
    Cron::parse(fields)
}

impl Field {
    /// The set of values of a field, such as `1,5-10/2`.
    fn parse(&self, text: &str) -> Result<u64, ParseError> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, text: &str) -> Result<u64, ParseError> {
        let (values, step) = match text.split_once('/') {
            None => (text, None),
            Some((values, step)) => (values, Some(self.step(step)?)),
        };
        let (first, last) = match values.split_once('-') {
            // All of it ends before the second Sunday: `*/2` must not make odd days of the week even.
            None if values == "*" => (self.first, if self.last == 7 { 6 } else { self.last }),
            None if step.is_some() => {
                return Err(self.wrong(format!("{text:?} steps through no range; say */n or a-b/n")));
            }
            None => {
                let value = self.value(values)?;
                (value, value)
            }
            Some((first, last)) => (self.value(first)?, self.value(last)?),
        };
        if first > last {
            return Err(self.wrong(format!("{values:?} ends before it begins")));
        }
        Ok((first..=last).step_by(step.unwrap_or(1)).fold(0, |set, value| set | (1 << value)))
    }

    fn step(&self, text: &str) -> Result<usize, ParseError> {
        number(text)
            .filter(|step| (1..=self.last).contains(step))
            .map(usize::from)
            .ok_or_else(|| self.wrong(format!("{text:?} is no step from 1 to {}", self.last)))
    }

    fn value(&self, text: &str) -> Result<u8, ParseError> {
        if let Some(at) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(self.first + at as u8);
        }
        number(text).filter(|value| (self.first..=self.last).contains(value)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            self.wrong(format!("{text:?} is no value from {} to {}{names}", self.first, self.last))
        })
    }

    fn wrong(&self, what: String) -> ParseError {
        ParseError(format!("{}: {what}", self.name))
    }
}

/// One or two digits, and nothing that Rust would read besides.
fn number(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn cron(text: &str) -> Cron {
        Cron::parse(text).expect(text)
    }

    #[test]
    fn fields_are_sets_of_values_names_ranges_steps_and_lists() {
        for (left, right) in [
            ("0 0 * * 0", "0 0 * * 7"),
            ("0 0 * * SUN", "0 0 * * sun"),
            ("0 0 * * 5-7", "0 0 * * 0,5,6"),
            ("0 0 * * */2", "0 0 * * 0,2,4,6"),
            ("0 0 * jan-MAR *", "0 0 * 1,2,3 *"),
            ("1-10/3 0 * * *", "1,4,7,10 0 * * *"),
            ("*/59 0 * * *", "0,59 0 * * *"),
            ("  0\t0  * * * ", "0 0 * * *"),
            ("@Daily", "00 00 * * *"),
            ("@midnight", "@daily"),
            ("@annually", "@yearly"),
        ] {
            let (left, right) = (cron(left), cron(right));
            let sets = |cron: Cron| (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays);
            assert_eq!(sets(left), sets(right));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (text, told) in [
            ("", "has 0 fields"),
            ("* * * *", "has 4 fields"),
            ("0 * * * * *", "has 6 fields"),
            ("60 * * * *", "minute: \"60\" is no value from 0 to 59"),
            ("* 24 * * *", "hour: \"24\""),
            ("* * 0 * *", "day of the month: \"0\""),
            ("* * 32 * *", "day of the month: \"32\""),
            ("* * * 13 *", "month: \"13\" is no value from 1 to 12 or jan to dec"),
            ("* * * * 8", "day of the week: \"8\""),
            ("* * * * fri-mon", "day of the week: \"fri-mon\" ends before it begins"),
            ("5/10 * * * *", "minute: \"5/10\" steps through no range"),
            ("*/0 * * * *", "minute: \"0\" is no step"),
            ("*/60 * * * *", "minute: \"60\" is no step"),
            ("+1 * * * *", "minute: \"+1\""),
            ("1, * * * *", "minute: \"\""),
            ("* * L * *", "day of the month: \"L\""),
            ("* * ? * *", "day of the month: \"?\""),
            ("* * * * mon#2", "day of the week: \"mon#2\""),
            ("1-2-3 * * * *", "minute: \"2-3\""),
            ("@reboot", "\"@reboot\" is none of"),
        ] {
            let error = Cron::parse(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn days_fit_either_field_unless_one_begins_with_a_star() {
        let monday_13 = date(2026, 7, 13).at(0, 0, 0, 0);
        let (friday_13, friday_20) = (date(2026, 11, 13).at(0, 0, 0, 0), date(2026, 11, 20).at(0, 0, 0, 0));
        let either = cron("0 0 13 * fri");
        assert!([monday_13, friday_13, friday_20].into_iter().all(|at| either.matches(at)));
        let both = cron("0 0 */13 * fri");
        let first = date(2026, 5, 1).at(0, 0, 0, 0);
        assert!(both.matches(first) && !both.matches(monday_13) && !both.matches(friday_20));
    }

    #[test]
    fn rare_days_are_found_and_days_that_never_come_are_not() {
        let from = date(2026, 11, 23).at(8, 0, 0, 0);
        assert_eq!(cron("0 0 29 2 *").at_or_after(from), Some(date(2028, 2, 29).at(0, 0, 0, 0)));
        let sunday = cron("0 0 29 2 */7").at_or_after(date(2088, 3, 1).at(0, 0, 0, 0));
        assert_eq!(sunday, Some(date(2128, 2, 29).at(0, 0, 0, 0)), "2100 is no leap year");
        for never in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
            assert_eq!(cron(never).at_or_after(from), None, "{never}");
        }
        let odd = DateTime::constant(2026, 11, 23, 8, 0, 0, 1);
        assert_eq!(cron("* * * * *").at_or_after(odd), Some(date(2026, 11, 23).at(8, 1, 0, 0)));
        assert_eq!(cron("* * * * *").at_or_after(from), Some(from));
        assert_eq!(
            cron("59 23 31 12 *").at_or_after(DateTime::constant(2026, 12, 31, 23, 59, 1, 0)),
            Some(date(2027, 12, 31).at(23, 59, 0, 0))
        );
    }
}
