//! One world from its seed to its verdict: a storm, then calm in which everything must come to an end.

use std::cell::Cell;
use std::rc::Rc;

use mc_tasks::domain::fold::{RunState, WaitReason};
use mc_tasks::domain::history::{self, Letter, Outside, Promise, Receipt, Row, RunHistory, Violation};
use mc_tasks::domain::id::RunId;
use mc_tasks::domain::order::LetterContent;
use mc_tasks::store::run::status;

use crate::exec::{Process, SECOND};
use crate::tables::{Bug, Posted, Run, Tables};
use crate::weather::{self, Weather};
use crate::worker;
use crate::world::{Site, Tally};
use crate::{people, script};

/// How long things go wrong.
const STORM: u64 = 45 * SECOND;
/// How long everything may take to come to its end once nothing goes wrong.
const CALM: u64 = 600 * SECOND;

/// What became of one world.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) tally: Tally,
    pub(crate) violations: Vec<Violation>,
    pub(crate) journals: String,
}

/// Runs the world of a seed to its end.
pub(crate) fn judge(seed: u64, weather: Weather, bug: Option<Bug>) -> Verdict {
    let site = Site::new(seed, weather, bug);
    people::start_runs(&site, 4);
    for _ in 0..3 {
        worker::start(&site);
    }
    let unkind = Rc::new(Cell::new(true));
    for _ in 0..2 {
        site.sim.spawn(Process::NETWORK, people::live(site.clone(), 4 * SECOND, unkind.clone()));
    }
    weather::begin(&site);
    site.sim.run_until(STORM);
    weather::clear_up(&site);
    unkind.set(false);
    // Faults that are under way clear up by themselves meanwhile.
    let mut until = STORM;
    while until < STORM + CALM && !all_ended(&site) {
        until += 20 * SECOND;
        site.sim.run_until(until);
    }
    conclude(&site)
}

fn all_ended(site: &Site) -> bool {
    site.with(|world| world.tables.runs.values().all(|row| status::is_terminal(row.status)))
}

fn conclude(site: &Site) -> Verdict {
    site.with(|world| {
        let tables = &world.tables;
        let histories: Vec<RunHistory> = tables
            .runs
            .iter()
            .map(|(run, row)| RunHistory {
                run: *run,
                row: row_of(row),
                journal: row.journal.clone(),
                letters: row.letters.iter().map(letter_of).collect(),
                acknowledged: world.acknowledged.get(run).cloned().unwrap_or_default(),
            })
            .collect();
        let outside = Outside {
            effects: world.effects.counts.clone(),
            counted_tools: ["http_request".to_owned()].into(),
            charges: world.llm.charges.clone(),
            alive: world.members.keys().copied().collect(),
        };
        let mut violations = world.found.clone();
        violations.extend(history::check(&histories, &outside));
        violations.extend(scheduled(tables));
        let mut tally = world.tally;
        tally.runs_ended = tables.runs.values().filter(|row| status::is_terminal(row.status)).count() as u64;
        let journals = histories.iter().map(story).collect::<Vec<_>>().join("\n");
        Verdict { tally, violations, journals }
    })
}

/// Every run is where its state says, and none is left behind.
fn scheduled(tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    for (run, row) in &tables.runs {
        let mut say = |what: String| {
            found.push(Violation { promise: Promise::GoesOn, run: Some(*run), what });
        };
        let places = [tables.ready.contains(run), tables.delayed.contains_key(run)];
        let expected = usize::from(row.status == status::QUEUED);
        if places.iter().filter(|place| **place).count() != expected {
            say(format!("status {}, ready {}, delayed {}", row.status, places[0], places[1]));
        }
        if !status::is_terminal(row.status) {
            say(format!(
                "it has not ended: status {}, {} letters unread",
                row.status,
                row.mailbox_seq - row.mailbox_read
            ));
        }
    }
    found
}

fn row_of(row: &Run) -> Row {
    let spent = |of: fn(&script::Spent) -> i64| {
        row.journal.iter().map(|entry| of(&script::spent(&entry.event))).sum()
    };
    Row {
        state: match row.status {
            status::QUEUED => RunState::Queued,
            status::RUNNING => RunState::Running,
            status::SUCCEEDED => RunState::Succeeded,
            status::FAILED => RunState::Failed,
            status::CANCELLED => RunState::Cancelled,
            status::PAUSED => RunState::Paused,
            _ => RunState::Waiting(match row.wait_reason {
                1 => WaitReason::Approval,
                2 => WaitReason::Input,
                3 => WaitReason::Outcome,
                4 => WaitReason::Timer,
                5 => WaitReason::Quota,
                _ => WaitReason::Child,
            }),
        },
        head_seq: row.head_seq,
        lease_epoch: row.epoch,
        worker: row.worker,
        mailbox_seq: row.mailbox_seq,
        mailbox_read: row.mailbox_read,
        open_items: row.open_items.into(),
        tokens: spent(|spent| spent.tokens),
        cost_nano_usd: spent(|spent| spent.cost_nano_usd),
    }
}

fn letter_of(posted: &Posted) -> Letter {
    Letter {
        number: posted.letter.number,
        id: posted.id(),
        decides: matches!(posted.letter.content, LetterContent::Decision { .. }),
        tells: matches!(posted.letter.content, LetterContent::ChildEnded(_)),
        receipt: match posted.state {
            1 => Receipt::Requested,
            2 => Receipt::Delivered,
            3 => Receipt::Effective,
            _ => Receipt::Superseded,
        },
    }
}

/// A journal in one line per event, for a seed that fails.
fn story(history: &RunHistory) -> String {
    let lines = history.journal.iter().map(|entry| {
        let at = entry.at.time();
        format!("  {:>3} lease {} {at} {}", entry.seq, entry.epoch, short(&format!("{:?}", entry.event)))
    });
    let run: RunId = history.run;
    format!("{run} {:?}\n{}", history.row, lines.collect::<Vec<_>>().join("\n"))
}

fn short(text: &str) -> String {
    text.chars().take(160).collect()
}
