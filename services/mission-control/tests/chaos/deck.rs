//! Which fault comes next: every kind once in each round, in an order that follows from the seed.

use std::sync::Mutex;

use mc_tasks::faults::Point;

/// What happens to one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL at a point.
    Killed(Point),
    /// SIGSTOP at a point for longer than the lease, SIGCONT, and some time later SIGKILL.
    Stopped(Point),
}

impl Fault {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Killed(point) => point.name().to_owned(),
            Self::Stopped(point) => format!("{} (stopped)", point.name()),
        }
    }
}

/// Every fault of a worker.
pub(crate) fn all() -> Vec<Fault> {
    let stops = [Point::AfterIntent, Point::BeforeCommit];
    Point::ALL.into_iter().map(Fault::Killed).chain(stops.map(Fault::Stopped)).collect()
}

/// A deck that is shuffled anew when it is empty.
pub(crate) struct Deck {
    state: Mutex<(Random, Vec<Fault>)>,
}

impl Deck {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: Mutex::new((Random::new(seed), Vec::new())) }
    }

    /// The next fault, and at which passage of its point.
    pub(crate) fn draw(&self) -> (Fault, u64) {
        let mut state = self.state.lock().expect("lock");
        let (random, cards) = &mut *state;
        if cards.is_empty() {
            *cards = all();
            for place in (1..cards.len()).rev() {
                cards.swap(place, random.below(place as u64 + 1) as usize);
            }
        }
        let fault = cards.pop().expect("just filled");
        let passages = match fault {
            // Rare: a worker that lives for seconds passes them once.
            Fault::Killed(
                Point::BeforeRest | Point::AfterRest | Point::BeforeRelease | Point::AfterRelease,
            ) => 1,
            _ => 4,
        };
        (fault, 1 + random.below(passages))
    }

    /// It did not come to that: it is the next one again.
    pub(crate) fn put_back(&self, fault: Fault) {
        self.state.lock().expect("lock").1.push(fault);
    }

    pub(crate) fn below(&self, below: u64) -> u64 {
        self.state.lock().expect("lock").0.below(below)
    }
}

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }
}
