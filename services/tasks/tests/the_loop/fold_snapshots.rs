//! Snapshots of folds: what is read back and goes on is what the whole journal gives, whatever the run and wherever the cut.

use mc_tasks::domain::fold::{RunFold, SNAPSHOT_VERSION};
use mc_tasks::domain::order::CommandKind;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::kit::{Run, Turn, bold_agent, brief, calls, order, says, speaks, task, writes};
use crate::scenario::any_scenario;
use crate::world::World;

fn read_back(fold: &RunFold) -> RunFold {
    RunFold::from_snapshot(&fold.to_snapshot()).expect("a snapshot of this version")
}

proptest! {
    #[test]
    fn a_snapshot_and_what_came_behind_it_are_the_whole_journal(scenario in any_scenario(), cuts in any::<[Index; 4]>()) {
        let mut world = World::new(scenario);
        world.run_to_the_end();
        let journal = &world.run.journal;
        let whole = RunFold::replay(journal).unwrap();
        for cut in cuts {
            let place = cut.index(journal.len());
            let mut fold = read_back(&RunFold::replay(&journal[..=place]).unwrap());
            prop_assert_eq!(&fold, &world.folds[place]);
            for record in &journal[place + 1..] {
                fold.apply(record).unwrap();
            }
            prop_assert_eq!(&fold, &whole);
        }
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(RunFold::from_snapshot(&bytes).is_err());
    }
}

/// A run in which nearly everything has happened that a fold remembers.
fn eventful() -> Run {
    let agent = bold_agent(mc_tasks::domain::brief::RequestEffect::AtMostOnce, &["http_request"]);
    let mut run = Run::new(
        brief(task(), agent),
        [
            writes(),
            says("And then?"),
            Turn::Fails("PROVIDER_OVERLOADED"),
            calls(&[
                (
                    "http_request",
                    r#"{"method": "POST", "url": "https://api.example.com/orders", "body": "1"}"#,
                ),
                ("ask_human", r#"{"question": "Which?", "choices": ["a", "b"]}"#),
            ]),
        ],
    );
    while run.step() {}
    run.reads(vec![order(1, CommandKind::Pause), speaks(2, "Hold on.", false)], true);
    run
}

#[test]
fn the_form_of_a_snapshot_changes_with_its_version_alone() {
    let run = eventful();
    assert_eq!(read_back(&run.fold), run.fold);
    let text: serde_json::Value = serde_json::from_slice(&run.fold.to_snapshot()).unwrap();
    // Another form under the same version would be read by workers that take it for the old one: raise FORM, and accept.
    insta::assert_json_snapshot!(format!("form_{SNAPSHOT_VERSION}"), text);
}
