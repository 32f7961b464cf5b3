//! `enter_park.sql`, `close_park.sql`, `elect_probe.sql`, `open_park.sql` and what `store::park` says besides: a provider that
//! takes no calls, of each workspace one.

use mc_tasks::domain::id::{RunId, WorkspaceId};
use mc_tasks::store::park::PROBE;
use time::OffsetDateTime;

use super::{Bug, Tables};
use crate::exec::{Micros, SECOND};

/// A row of `park`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Park {
    pub(crate) until: Micros,
    /// When that was said.
    pub(crate) told_at: Micros,
    pub(crate) refusals: u32,
    /// Who goes first, and until when without a sign of life.
    pub(crate) probe: Option<(RunId, Micros)>,
    pub(crate) batch: usize,
}

/// What a run is told that wants to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Open,
    First,
    Parked(Micros),
}

fn probe_lease() -> Micros {
    PROBE.as_micros() as Micros
}

impl Park {
    /// The server's clock was set back: what was to be waited is waited from now on.
    fn shift(&mut self, now: Micros) {
        if self.told_at > now + SECOND {
            self.until = (now + self.until).saturating_sub(self.told_at);
            self.told_at = now;
            self.probe = self.probe.map(|(run, _)| (run, now + probe_lease()));
        }
    }
}

impl Tables {
    fn workspace(&self, run: RunId) -> WorkspaceId {
        self.runs[&run].workspace
    }

    /// Whether a claim passes over it.
    pub(crate) fn is_passed_over(&self, run: RunId) -> bool {
        self.calls.contains(&run) && self.parks.contains_key(&self.workspace(run))
    }

    pub(crate) fn enter(&mut self, run: RunId) -> Entry {
        let (now, workspace, two) = (self.now, self.workspace(run), self.has(Bug::TwoGoFirst));
        let Some(park) = self.parks.get_mut(&workspace).filter(|park| park.batch == 0) else {
            return Entry::Open;
        };
        let is_free = park.probe.is_none_or(|(first, until)| first == run || until <= now);
        if park.until <= now && (is_free || two) {
            (park.probe, park.told_at) = (Some((run, now + probe_lease())), now);
            return Entry::First;
        }
        let until = park.until.max(park.probe.map_or(0, |(_, until)| until)).max(now + SECOND);
        Entry::Parked(until - now)
    }

    /// Answers how long to wait.
    pub(crate) fn close_park(&mut self, run: RunId, asked: Micros) -> Micros {
        let (now, workspace) = (self.now, self.workspace(run));
        let until = now + asked;
        let park = self.parks.entry(workspace).or_insert(Park {
            until,
            told_at: now,
            refusals: 1,
            probe: None,
            batch: 0,
        });
        park.shift(now);
        let again = park.batch > 0 || park.probe.is_some_and(|(first, _)| first == run);
        park.until = park.until.max(until);
        if again {
            let own = ((5 * SECOND) << park.refusals.min(16)).min(15 * 60 * SECOND);
            park.until = park.until.max(now + own);
            park.refusals += 1;
        }
        park.probe = park.probe.filter(|(first, _)| *first != run);
        (park.batch, park.told_at) = (0, now);
        park.until - now
    }

    /// The park of a run that goes first.
    fn led_by(&mut self, run: RunId) -> Option<&mut Park> {
        let (workspace, now) = (self.workspace(run), self.now);
        let park = self.parks.get_mut(&workspace)?;
        park.shift(now);
        Some(park).filter(|park| park.probe.is_some_and(|(first, _)| first == run))
    }

    pub(crate) fn renew(&mut self, run: RunId) -> bool {
        let now = self.now;
        self.led_by(run)
            .map(|park| (park.probe, park.told_at) = (Some((run, now + probe_lease())), now))
            .is_some()
    }

    pub(crate) fn open_park(&mut self, run: RunId) -> bool {
        self.led_by(run).map(|park| (park.probe, park.batch) = (None, 2)).is_some()
    }

    pub(crate) fn pass_on(&mut self, run: RunId, wait: Micros) -> bool {
        let now = self.now;
        self.led_by(run)
            .map(|park| {
                (park.probe, park.until, park.told_at) = (None, park.until.max(now + wait), now);
            })
            .is_some()
    }

    /// What a scheduler does about parks that are due: here every look finds all of them so. Answers who was chosen.
    pub(crate) fn tend(&mut self, time: OffsetDateTime) -> Vec<RunId> {
        let mut chosen = Vec::new();
        for workspace in self.parks.keys().copied().collect::<Vec<_>>() {
            chosen.extend(self.tend_one(workspace, time));
        }
        chosen
    }

    fn tend_one(&mut self, workspace: WorkspaceId, time: OffsetDateTime) -> Option<RunId> {
        let now = self.now;
        let park = self.parks.get_mut(&workspace)?;
        park.shift(now);
        let park = *park;
        let of = |run: &&RunId| self.runs[*run].workspace == workspace;
        let in_line: Vec<RunId> = self.calls.iter().filter(of).copied().collect();
        let mut asleep: Vec<RunId> = self.asleep.iter().filter(of).copied().collect();
        asleep.sort_by_key(|run| self.delayed.get(run).copied());
        if park.batch > 0 {
            for run in in_line.iter().take(park.batch) {
                self.calls.remove(run);
            }
            let late = asleep.iter().filter(|run| self.delayed.get(run).is_some_and(|at| *at > time));
            let woken: Vec<RunId> = late.take(park.batch).copied().collect();
            self.rouse(&woken, time);
            let left = in_line.len() > park.batch || !asleep.is_empty();
            self.go_on_or_end(workspace, left, (park.batch * 2).min(64));
            return None;
        }
        let lives = park.probe.is_some_and(|(_, until)| until > now);
        if park.until > now || lives {
            let park = self.parks.get_mut(&workspace)?;
            park.probe = park.probe.filter(|_| lives);
            return None;
        }
        if self.has(Bug::NobodyGoesFirst) {
            return None;
        }
        if let Some(run) = in_line.first().copied() {
            self.calls.remove(&run);
            let park = self.parks.get_mut(&workspace)?;
            (park.probe, park.told_at) = (Some((run, now + probe_lease())), now);
            return Some(run);
        }
        self.rouse(&asleep[..asleep.len().min(1)], time);
        self.go_on_or_end(workspace, !asleep.is_empty(), 0);
        None
    }

    /// Wakes those that sleep, with the next look at what is delayed.
    fn rouse(&mut self, runs: &[RunId], time: OffsetDateTime) {
        for run in runs {
            if let Some(wake_at) = self.delayed.get_mut(run) {
                *wake_at = (*wake_at).min(time);
            }
        }
    }

    fn go_on_or_end(&mut self, workspace: WorkspaceId, waits: bool, batch: usize) {
        if !waits {
            self.parks.remove(&workspace);
        } else if let Some(park) = self.parks.get_mut(&workspace) {
            (park.batch, park.probe) = (batch, None);
        }
    }
}
