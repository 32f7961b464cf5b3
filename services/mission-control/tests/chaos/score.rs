//! What was done to the system and how it recovered: the table in the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// One row.
#[derive(Debug, Default)]
struct Row {
    times: usize,
    /// From the fault until the last run that it hit had gone on, or ended, elsewhere.
    recoveries: Vec<Duration>,
}

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Score {
    rows: Mutex<BTreeMap<String, Row>>,
}

impl Score {
    /// It happened.
    pub(crate) fn hit(&self, what: &str) {
        self.rows.lock().expect("lock").entry(what.to_owned()).or_default().times += 1;
    }

    /// Runs that it had hit go on.
    pub(crate) fn recovered(&self, what: &str, after: Duration) {
        self.rows.lock().expect("lock").entry(what.to_owned()).or_default().recoveries.push(after);
    }

    /// How often it happened.
    pub(crate) fn times(&self, what: &str) -> usize {
        self.rows.lock().expect("lock").get(what).map_or(0, |row| row.times)
    }

    /// The nearest-rank percentile of all recoveries.
    pub(crate) fn overall(&self, percent: usize) -> Option<Duration> {
        let rows = self.rows.lock().expect("lock");
        percentile(rows.values().flat_map(|row| row.recoveries.iter().copied()).collect(), percent)
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let rows = self.rows.lock().expect("lock");
        let mut table =
            format!("{:<26} {:>6} {:>10} {:>9} {:>9}\n", "point", "times", "recoveries", "p50", "p99");
        for (what, row) in rows.iter() {
            let of = |percent| percentile(row.recoveries.clone(), percent).map_or("-".to_owned(), seconds);
            let (times, count) = (row.times, row.recoveries.len());
            let _ = writeln!(table, "{what:<26} {times:>6} {count:>10} {:>9} {:>9}", of(50), of(99));
        }
        table
    }
}

pub(crate) fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

fn percentile(mut spans: Vec<Duration>, percent: usize) -> Option<Duration> {
    spans.sort_unstable();
    let rank = (percent * spans.len()).div_ceil(100).max(1);
    spans.get(rank - 1).copied()
}
