//! What the journal and the ledger prove: each step once, each model call charged once, each side effect once.

use std::collections::BTreeMap;

use mc_proto::llm::v1::UsageTotal;
use mc_proto::tasks::v1::{RunEvent, run_event::Kind};

use super::checks::{Check, equal, holds};
use super::director::Director;

/// How often the journal has each record of each step.
#[derive(Debug, Default)]
struct Tally {
    /// Model calls by step and attempt: intents and ends.
    calls: BTreeMap<(i32, i32), (u32, u32)>,
    /// Tool calls by step, id and attempt: intents.
    intents: BTreeMap<(i32, String, i32), u32>,
    /// Tool calls by step and id: results.
    results: BTreeMap<(i32, String), u32>,
    generations: Vec<String>,
    taken_over: i64,
}

impl Tally {
    fn of(events: &[RunEvent]) -> Self {
        let mut tally = Self::default();
        for event in events {
            match &event.kind {
                Some(Kind::ModelCallStarted(call)) => {
                    tally.calls.entry((call.step, call.attempt)).or_default().0 += 1;
                }
                Some(Kind::ModelCallCompleted(call)) => {
                    tally.calls.entry((call.step, call.attempt)).or_default().1 += 1;
                    tally.generations.push(call.generation.clone());
                }
                Some(Kind::ModelCallFailed(call)) => {
                    tally.calls.entry((call.step, call.attempt)).or_default().1 += 1;
                    if !call.generation.is_empty() {
                        tally.generations.push(call.generation.clone());
                    }
                }
                Some(Kind::ToolCallStarted(call)) => {
                    *tally.intents.entry((call.step, call.call_id.clone(), call.attempt)).or_default() += 1;
                }
                Some(Kind::ToolCallCompleted(call)) => {
                    *tally.results.entry((call.step, call.call_id.clone())).or_default() += 1;
                }
                Some(Kind::TakenOver(_)) => tally.taken_over += 1,
                _ => {}
            }
        }
        tally
    }
}

/// Checks that hold for every run, whatever happened to its workers.
pub(super) fn of_the_journal(events: &[RunEvent], total: &UsageTotal) -> Vec<Check> {
    let tally = Tally::of(events);
    let doubled: Vec<String> = tally
        .calls
        .iter()
        .filter(|(_, counts)| **counts != (1, 1))
        .map(|(call, counts)| format!("model call {call:?}: {counts:?}"))
        .chain(
            tally.intents.iter().filter(|(_, n)| **n != 1).map(|(call, n)| format!("intent {call:?}: {n}")),
        )
        .chain(
            tally.results.iter().filter(|(_, n)| **n != 1).map(|(call, n)| format!("result {call:?}: {n}")),
        )
        .collect();
    let steps = tally.calls.len() + tally.intents.len();
    let mut charged = tally.generations.clone();
    charged.sort_unstable();
    charged.dedup();
    vec![
        holds(
            format!("each of the {steps} steps has one intent and one result in the journal"),
            doubled.is_empty() && !tally.calls.is_empty(),
            doubled.join("; "),
        ),
        equal(
            "the ledger has one charge per model call",
            &(total.generations, charged.len()),
            &(tally.calls.len() as i64, tally.calls.len()),
        ),
    ]
}

/// Checks of a run whose workers were killed.
pub(super) fn of_the_accidents(events: &[RunEvent], director: &Director<'_>) -> Vec<Check> {
    let Some(accidents) = director.accidents() else { return Vec::new() };
    let tally = Tally::of(events);
    let attempts = tally.calls.keys().map(|(_, attempt)| *attempt).max().unwrap_or_default();
    let letters = accidents.letterbox.letters();
    vec![
        holds(
            format!(
                "{} workers were killed in the middle of a model call, {} between a tool's intent and its result",
                accidents.killed_in_call, accidents.killed_in_tool
            ),
            accidents.killed_in_call > 0 && accidents.killed_in_tool > 0,
            "not all that was planned happened",
        ),
        holds(
            "other workers took the run over, twice",
            tally.taken_over >= 2,
            format!("{} times", tally.taken_over),
        ),
        equal("the killed model call was joined and not made again: its first attempt ended", &attempts, &1),
        equal("the run asked for one approval, which was given", &director.approved, &1),
        equal("it asked what became of the letter instead of sending it again", &director.settled, &1),
        holds(
            "the letterbox has exactly one letter",
            letters.len() == 1 && letters.iter().all(|letter| !letter.key.is_empty()),
            format!("{letters:?}"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mc_proto::tasks::v1::{ModelCallCompleted, ModelCallStarted, ToolCallStarted};

    fn events(kinds: Vec<Kind>) -> Vec<RunEvent> {
        let event = |(seq, kind)| RunEvent { seq, kind: Some(kind), ..RunEvent::default() };
        (1..).zip(kinds).map(event).collect()
    }

    fn started(step: i32) -> Kind {
        Kind::ModelCallStarted(ModelCallStarted { step, attempt: 1, ..Default::default() })
    }

    fn completed(step: i32, generation: &str) -> Kind {
        let generation = generation.to_owned();
        Kind::ModelCallCompleted(ModelCallCompleted { step, attempt: 1, generation, ..Default::default() })
    }

    fn problems(kinds: Vec<Kind>, generations: i64) -> usize {
        let total = UsageTotal { generations, ..UsageTotal::default() };
        of_the_journal(&events(kinds), &total).iter().filter(|check| check.problem.is_some()).count()
    }

    #[test]
    fn one_record_and_one_charge_of_each_pass() {
        assert_eq!(problems(vec![started(1), completed(1, "a"), started(2), completed(2, "b")], 2), 0);
    }

    #[test]
    fn what_is_doubled_or_missing_is_found() {
        assert_eq!(problems(vec![started(1), completed(1, "a"), completed(1, "a")], 1), 1, "an answer twice");
        assert_eq!(problems(vec![started(1), completed(1, "a")], 2), 1, "a charge twice");
        assert_eq!(problems(vec![started(1), completed(1, "a"), started(2)], 1), 2, "an intent left open");
        let intent = || {
            let call_id = "c".to_owned();
            Kind::ToolCallStarted(ToolCallStarted { step: 1, call_id, attempt: 1, ..Default::default() })
        };
        assert_eq!(problems(vec![started(1), completed(1, "a"), intent(), intent()], 1), 1, "a tool twice");
    }
}
