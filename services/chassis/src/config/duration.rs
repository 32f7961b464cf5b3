//! Durations as people write them in settings: `250ms`, `30s`, `5m`, `1h`.

use std::time::Duration;

/// Parses a whole number with its unit: `250ms`, `30s`, `5m`, `1h`; `0` needs none.
///
/// # Errors
/// What is wrong, for the person who wrote it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` must start with a whole number, as in 30s"))?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if number == 0 => 1,
        _ => return Err(format!("`{text}` must end with ms, s, m or h")),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(|| format!("`{text}` is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_asked_for() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for wrong in ["30", "s", "", "-1s", "1.5s", "1d", "18446744073709551615h"] {
            parse_duration(wrong).expect_err(wrong);
        }
    }
}
