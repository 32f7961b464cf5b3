//! The table of failures in the README says what `domain/retry.rs` does.

use std::collections::BTreeSet;

use mc_tasks::domain::event::{Event, ModelCallFailed};
use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::retry::{AfterFailure, after};
use time::Duration;

use crate::kit::{Run, Turn, failure};

const README: &str = include_str!("../../README.md");
const SOURCE: &str = include_str!("../../src/domain/retry.rs");

struct Row {
    reasons: Vec<String>,
    what: String,
    /// None for no bound.
    most: Option<u32>,
    besides: String,
}

/// Words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let lines = README.lines().skip_while(|line| !line.starts_with("| reason | what is done |")).skip(2);
    let rows: Vec<Row> = lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            Row {
                reasons: quoted(cells[0]),
                what: cells[1].to_owned(),
                most: cells[2].split(' ').next().and_then(|number| number.parse().ok()),
                besides: cells[3].to_owned(),
            }
        })
        .collect();
    assert_eq!(rows.len(), 8, "the table is there");
    rows
}

/// What follows the first failure of a call.
fn first(reason: &str, asked_again: u32) -> AfterFailure {
    let mut run = Run::usual([]);
    while run.step() {}
    after(&run.fold, &failure(reason), asked_again, run.now).expect("a call is open")
}

/// Calls that are made before the run fails for this reason.
fn attempts(reason: &'static str) -> usize {
    let run = Run::usual(vec![Turn::Fails(reason); 20]).played();
    assert_eq!(run.failure(), Some(reason));
    run.requests.len()
}

#[test]
fn every_reason_is_treated_as_its_row_says() {
    for row in rows() {
        let reasons = if row.reasons.is_empty() { vec!["SOMETHING_NEW".to_owned()] } else { row.reasons };
        for reason in reasons {
            let reason: &'static str = reason.leak();
            match (row.what.as_str(), row.most) {
                ("the same key is asked for again", most) => {
                    let last = most.map_or(1_000_000, |most| most - 1);
                    assert!(matches!(first(reason, last), AfterFailure::AskAgain { .. }), "{reason}");
                    if let Some(most) = most {
                        let given_up = first(reason, most);
                        assert!(
                            matches!(&given_up, AfterFailure::Append(Event::ModelCallFailed(failed)) if failed.retry_at.is_none()),
                            "{reason}: {given_up:?}"
                        );
                    }
                }
                ("another attempt" | "nothing", Some(most)) => {
                    assert_eq!(attempts(reason), most as usize, "{reason}");
                }
                other => panic!("{reason}: {other:?}"),
            }
        }
    }
}

#[test]
fn rows_name_every_reason_of_the_source_once_and_no_other() {
    let named: Vec<String> = rows().into_iter().flat_map(|row| row.reasons).collect();
    let policy = SOURCE.split_once("fn policy(").unwrap().1.split_once("\n}\n").unwrap().0;
    let mut known: BTreeSet<String> = policy.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    // Those that have a name of their own.
    known.extend(["GENERATION_INTERRUPTED", "STEP_TIMED_OUT"].map(str::to_owned));
    assert_eq!(policy.matches("=> Policy::").count(), rows().len(), "one row for each arm");
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(named.len(), known.len(), "each once");
}

#[test]
fn rows_that_say_so_wait_for_a_quota() {
    for row in rows() {
        for reason in row.reasons {
            let AfterFailure::Append(event) = first(&reason, 1_000) else { continue };
            let mut run = Run::usual([]);
            while run.step() {}
            run.append(event);
            let waits = run.fold.state() == RunState::Waiting(WaitReason::Quota);
            assert_eq!(waits, row.besides.contains("WAITING(QUOTA)"), "{reason}");
        }
    }
}

#[test]
fn call_that_took_too_long_is_tried_again_twice_with_a_growing_wait_and_keeps_what_it_cost() {
    let mut run = Run::usual([]);
    while run.step() {}
    for attempt in 1..=3 {
        let stopped = ModelCallFailed {
            step: 1,
            attempt,
            error: mc_tasks::domain::event::RunError::new("STEP_TIMED_OUT", "It took too long."),
            retry_at: None,
            generation: "g".into(),
            maybe_billed: true,
            cost_nano_usd: Some(700),
            cost_estimated: true,
            total_tokens: 40,
        };
        let failed = mc_tasks::domain::retry::timed_out(&run.fold, stopped.clone(), run.now);
        let wait = failed.retry_at.map(|at| at - run.now);
        assert_eq!(ModelCallFailed { retry_at: None, ..failed.clone() }, stopped);
        match attempt {
            1 => assert!(wait.is_some_and(|wait| wait <= Duration::SECOND)),
            2 => assert!(wait.is_some_and(|wait| wait >= Duration::SECOND && wait <= Duration::seconds(2))),
            _ => assert_eq!(wait, None),
        }
        run.append(Event::ModelCallFailed(failed));
        while run.step() {}
    }
    assert_eq!(run.failure(), Some("STEP_TIMED_OUT"));
    assert!(run.fold.error().unwrap().message.contains("max_step_duration"));
    assert_eq!((run.fold.totals().cost_nano_usd, run.fold.totals().tokens), (2_100, 120));
}
