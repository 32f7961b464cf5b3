//! What waits for what: a way around is found if and only if there is one, and is one.

use std::collections::BTreeSet;

use mc_tasks::domain::board::graph::cycle;
use mc_tasks::domain::board::label;
use mc_tasks::domain::id::TaskId;
use proptest::prelude::*;
use uuid::Uuid;

fn id(number: u8) -> TaskId {
    TaskId::new(Uuid::from_u128(u128::from(number)))
}

/// Everything that can be reached, by trying again until nothing is new.
fn reachable(from: &[u8], edges: &[(u8, u8)]) -> BTreeSet<u8> {
    let mut reached: BTreeSet<u8> = from.iter().copied().collect();
    loop {
        let more: Vec<u8> = edges
            .iter()
            .filter(|(a, b)| reached.contains(a) && !reached.contains(b))
            .map(|it| it.1)
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(more);
    }
}

proptest! {
    #[test]
    fn way_around_is_found_if_and_only_if_there_is_one(
        start in 0..8_u8,
        next in proptest::collection::vec(0..8_u8, 0..4),
        edges in proptest::collection::vec((0..8_u8, 0..8_u8), 0..24),
    ) {
        // What the task led to before is replaced by `next`.
        let others: Vec<_> = edges.iter().copied().filter(|edge| edge.0 != start).collect();
        let there_is = reachable(&next, &others).contains(&start);
        let known: Vec<_> = edges.iter().map(|&(a, b)| (id(a), id(b))).collect();
        let targets: Vec<_> = next.iter().copied().map(id).collect();
        let found = cycle(id(start), &targets, &known);
        prop_assert_eq!(found.is_some(), there_is);
        if let Some(way) = found {
            prop_assert!(way.len() >= 2 && way[0] == id(start) && way[way.len() - 1] == id(start));
            prop_assert!(targets.contains(&way[1]));
            for step in way.windows(2).skip(1) {
                prop_assert!(known.contains(&(step[0], step[1])), "{:?}", way);
            }
            let inner: BTreeSet<_> = way[1..].iter().collect();
            prop_assert_eq!(inner.len(), way.len() - 1, "no task twice: {:?}", way);
        }
    }

    /// Whatever order edges are added in, a graph that only takes what makes no way around never has one.
    #[test]
    fn graph_that_refuses_ways_around_has_none(edges in proptest::collection::vec((0..8_u8, 0..8_u8), 0..40)) {
        let mut kept: Vec<(u8, u8)> = Vec::new();
        for (task, blocker) in edges {
            let known: Vec<_> = kept.iter().map(|&(a, b)| (id(a), id(b))).collect();
            let mut next: Vec<u8> = kept.iter().filter(|it| it.0 == task).map(|it| it.1).collect();
            next.push(blocker);
            let targets: Vec<_> = next.iter().copied().map(id).collect();
            if cycle(id(task), &targets, &known).is_none() {
                kept.push((task, blocker));
            }
        }
        for task in 0..8 {
            let next: Vec<u8> = kept.iter().filter(|it| it.0 == task).map(|it| it.1).collect();
            prop_assert!(!reachable(&next, &kept).contains(&task), "{:?}", kept);
        }
    }

    #[test]
    fn spelling_of_a_label_is_the_spelling_of_itself(text in "\\PC{0,60}") {
        if let Some(label) = label::normalise(&text) {
            prop_assert_eq!(label::normalise(&label), Some(label.clone()));
            prop_assert_eq!(label.trim(), label.as_str());
        }
    }
}
