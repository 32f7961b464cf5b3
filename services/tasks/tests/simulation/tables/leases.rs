//! `claim.sql`, `release.sql`, `delay.sql`, `suspend.sql`, `give_back.sql`, `promote.sql`, `reap.sql`, and the list of workers.

use std::collections::BTreeMap;

use mc_tasks::domain::fold::WaitReason;
use mc_tasks::domain::id::RunId;
use mc_tasks::store::lease::{Release, Rest, Suspended};
use mc_tasks::store::run::{status, wait_number};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Bug, Lease, Run, Tables};
use crate::exec::Micros;

impl Tables {
    /// Takes these, of which the caller says that its turn has come; the others are passed over.
    pub(crate) fn claim(&mut self, worker: Uuid, chosen: &[RunId]) -> Vec<Lease> {
        let mut leases = Vec::new();
        for run in chosen {
            if self.is_passed_over(*run) || !self.ready.remove(run) {
                continue;
            }
            self.calls.remove(run);
            let row = self.runs.get_mut(run).unwrap();
            if row.status != status::QUEUED {
                continue;
            }
            row.status = status::RUNNING;
            row.epoch += 1;
            row.worker = Some(worker);
            row.claims += 1;
            leases.push(Lease { run: *run, epoch: row.epoch, claims: row.claims, mail: row.has_mail() });
        }
        leases
    }

    /// The run, if this lease holds it.
    fn held(&mut self, run: RunId, epoch: i64) -> Option<&mut Run> {
        let row = self.runs.get_mut(&run)?;
        (row.status == status::RUNNING && row.epoch == epoch).then_some(row)
    }

    pub(crate) fn release(&mut self, run: RunId, epoch: i64, why: Release) -> bool {
        let Some(row) = self.held(run, epoch) else { return false };
        row.let_go(why);
        self.ready.insert(run);
        true
    }

    pub(crate) fn delay(&mut self, run: RunId, epoch: i64, wake_at: OffsetDateTime, why: Release) -> bool {
        let Some(row) = self.held(run, epoch) else { return false };
        row.let_go(why);
        self.delayed.insert(run, wake_at);
        self.asleep.remove(&run);
        true
    }

    pub(crate) fn suspend(&mut self, run: RunId, epoch: i64, rest: Rest) -> Suspended {
        let blind = self.has(Bug::SuspendBesideMail);
        let Some(row) = self.held(run, epoch) else { return Suspended::Lost };
        if row.has_mail() && !blind {
            row.wait_reason = 0;
            return Suspended::MailArrived;
        }
        row.worker = None;
        match rest {
            Rest::Until(wake_at) => {
                row.status = status::QUEUED;
                row.claims = (row.claims - 1).max(0);
                self.delayed.insert(run, wake_at);
            }
            Rest::Waiting(reason) => {
                (row.status, row.wait_reason, row.claims) = (status::WAITING, wait_number(reason), 0);
            }
            Rest::WaitingUntil(reason, wake_at) => {
                (row.status, row.wait_reason, row.claims) = (status::WAITING, wait_number(reason), 0);
                self.delayed.insert(run, wake_at);
            }
            Rest::Paused => (row.status, row.claims) = (status::PAUSED, 0),
        }
        self.asleep.remove(&run);
        if let Rest::WaitingUntil(WaitReason::Quota, _) = rest {
            self.asleep.insert(run);
        }
        Suspended::Done
    }

    pub(crate) fn give_back(&mut self, worker: Uuid, in_hand: &[RunId]) -> u64 {
        let on_paper = self.runs.iter_mut().filter(|(run, row)| {
            row.worker == Some(worker) && row.status == status::RUNNING && !in_hand.contains(run)
        });
        let mut released = 0;
        for (run, row) in on_paper {
            row.let_go(Release::HandBack);
            self.ready.insert(*run);
            released += 1;
        }
        released
    }

    pub(crate) fn promote(&mut self, now: OffsetDateTime) -> u64 {
        let due: Vec<RunId> =
            self.delayed.iter().filter(|(_, wake_at)| **wake_at <= now).map(|(run, _)| *run).collect();
        let mut woken = 0;
        for run in due {
            self.delayed.remove(&run);
            self.asleep.remove(&run);
            let row = self.runs.get_mut(&run).unwrap();
            let for_quota = row.wait_reason == wait_number(WaitReason::Quota);
            if !row.has_mail() && (for_quota || row.epoch == 0) {
                self.calls.insert(run);
            }
            if matches!(row.status, status::QUEUED | status::WAITING) {
                (row.status, row.wait_reason) = (status::QUEUED, 0);
                woken += u64::from(self.ready.insert(run));
            }
        }
        woken
    }

    /// Answers whose runs were taken.
    pub(crate) fn reap(&mut self, ttl: Micros) -> BTreeMap<RunId, Uuid> {
        let grace = !self.has(Bug::ReapRightAfterReconnect);
        let mut taken = BTreeMap::new();
        let just_started = |started: Micros| (self.now.saturating_sub(ttl)..=self.now).contains(&started);
        let nobody = grace && self.started_at.is_some_and(just_started);
        for (run, row) in &mut self.runs {
            let Some(worker) = row.worker else { continue };
            if nobody || self.workers.get(&worker).is_some_and(|beat| beat + ttl >= self.now) {
                continue;
            }
            (row.status, row.worker) = (status::QUEUED, None);
            taken.insert(*run, worker);
        }
        if !self.has(Bug::ReapForgetsReady) {
            self.ready.extend(taken.keys());
        }
        // The server's clock was set back.
        if !self.has(Bug::FutureBeatsStand) {
            self.workers.values_mut().for_each(|beat| *beat = (*beat).min(self.now));
        }
        taken
    }

    /// Beats, and answers which of its runs have mail.
    pub(crate) fn beat(&mut self, worker: Uuid) -> Vec<RunId> {
        self.workers.insert(worker, self.now);
        let of = self.runs.iter().filter(|(_, row)| row.worker == Some(worker) && row.has_mail());
        of.map(|(run, _)| *run).collect()
    }

    pub(crate) fn deregister(&mut self, worker: Uuid) {
        self.workers.remove(&worker);
    }

    pub(crate) fn forget_dead(&mut self, ttl: Micros) -> u64 {
        let before = self.workers.len();
        let now = self.now;
        self.workers.retain(|_, beat| *beat + 10 * ttl >= now);
        (before - self.workers.len()) as u64
    }
}

impl Run {
    fn let_go(&mut self, why: Release) {
        (self.status, self.worker) = (status::QUEUED, None);
        if why == Release::HandBack {
            self.claims = (self.claims - 1).max(0);
        }
    }
}
