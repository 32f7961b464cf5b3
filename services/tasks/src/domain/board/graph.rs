//! Who waits for whom: the way around, if there is one.

use std::collections::BTreeMap;

use crate::domain::id::TaskId;

/// The shortest way from `start` by way of one of `next` back to `start`, both ends included; none if there is no way back.
/// `edges` has what is known of the others: each leads from the first to the second. Linear in their number.
pub fn cycle(start: TaskId, next: &[TaskId], edges: &[(TaskId, TaskId)]) -> Option<Vec<TaskId>> {
    let mut onward: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
    // What `start` led to before is no matter: `next` takes its place.
    for (from, to) in edges.iter().filter(|(from, _)| *from != start) {
        onward.entry(*from).or_default().push(*to);
    }
    let mut came_from: BTreeMap<TaskId, TaskId> = BTreeMap::new();
    let mut frontier = vec![(start, next)];
    while !frontier.is_empty() {
        let mut reached = Vec::new();
        for (from, targets) in frontier {
            for &to in targets {
                if to == start {
                    return Some(way_back(start, from, &came_from));
                }
                if let std::collections::btree_map::Entry::Vacant(new) = came_from.entry(to) {
                    new.insert(from);
                    reached.push(to);
                }
            }
        }
        frontier = reached.iter().filter_map(|at| onward.get(at).map(|to| (*at, to.as_slice()))).collect();
    }
    None
}

/// From `start` to `last`, which leads to `start`.
fn way_back(start: TaskId, last: TaskId, came_from: &BTreeMap<TaskId, TaskId>) -> Vec<TaskId> {
    let mut way = vec![start];
    let mut at = last;
    while at != start {
        way.push(at);
        // Whatever was reached was reached from somewhere, and in the end from `start`.
        at = came_from.get(&at).copied().unwrap_or(start);
    }
    way.push(start);
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> TaskId {
        TaskId::new(Uuid::from_u128(number))
    }

    fn edges(pairs: &[(u128, u128)]) -> Vec<(TaskId, TaskId)> {
        pairs.iter().map(|&(from, to)| (id(from), id(to))).collect()
    }

    #[test]
    fn way_around_is_told_in_order_from_the_task_back_to_itself() {
        let known = edges(&[(2, 3), (3, 4), (4, 1), (3, 5)]);
        let found = cycle(id(1), &[id(2)], &known).expect("around");
        assert_eq!(found, [1, 2, 3, 4, 1].map(id));
        assert_eq!(cycle(id(1), &[id(1)], &[]).expect("itself"), [1, 1].map(id));
        assert_eq!(cycle(id(1), &[id(5), id(4)], &known).expect("the shortest"), [1, 4, 1].map(id));
    }

    #[test]
    fn no_way_around_is_none_however_the_others_go() {
        assert_eq!(cycle(id(1), &[], &edges(&[(1, 1)])), None);
        assert_eq!(cycle(id(1), &[id(2), id(3)], &edges(&[(2, 4), (3, 4), (4, 5)])), None);
        assert_eq!(cycle(id(1), &[id(2)], &edges(&[(1, 3), (3, 1), (2, 4)])), None, "what it led to before");
        assert_eq!(cycle(id(1), &[id(2)], &edges(&[(2, 3), (3, 2)])), None, "around, but not through it");
    }
}
