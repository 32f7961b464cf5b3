//! What can be set, with its defaults.

use std::time::Duration;

use mc_chassis::config::{Invalid, Validate, parse_duration};
use url::Url;

use crate::scheduler::SchedulerSettings;
use crate::store::partition::PARTITION_WIDTHS;
use crate::worker::WorkerSettings;

/// What a process of this service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Role {
    /// Serves the RPCs.
    #[default]
    Api,
    /// Carries runs on, and schedules besides: where there is a worker, there is a scheduler.
    Worker,
    /// Schedules alone: for a fleet whose workers come and go.
    Scheduler,
    /// All of it.
    All,
}

impl Role {
    /// Whether it serves RPCs, as `mc_tasks_api`.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Api | Self::All)
    }

    /// Whether it carries runs on, as `mc_tasks_engine`.
    pub const fn works(self) -> bool {
        matches!(self, Self::Worker | Self::All)
    }

    /// Whether it schedules, as `mc_tasks_engine`.
    pub const fn schedules(self) -> bool {
        !matches!(self, Self::Api)
    }
}

/// How runs are carried on.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Runs that one worker process carries on at once.
    #[arg(long, env = "MC_TASKS_SLOTS", default_value_t = 64)]
    pub slots: usize,
    /// Runs that one workspace may have at work at once, over all workers.
    #[arg(long, env = "MC_TASKS_WORKSPACE_RUNS", default_value_t = 256)]
    pub workspace_runs: u32,
    /// Runs that one agent may have at work at once, over all workers, where its version says nothing.
    #[arg(long, env = "MC_TASKS_AGENT_RUNS", default_value_t = 64)]
    pub agent_runs: u32,
    /// Runs that one provider of a workspace may have at work at once, over all workers.
    #[arg(long, env = "MC_TASKS_PROVIDER_RUNS", default_value_t = 128)]
    pub provider_runs: u32,
    /// Time between heartbeats of a worker; at most a third of the lease.
    #[arg(long, env = "MC_TASKS_HEARTBEAT", default_value = "2s", value_parser = parse_duration)]
    pub heartbeat: Duration,
    /// A worker that is silent for this long is taken for dead; the same for every process.
    #[arg(long, env = "MC_TASKS_LEASE", default_value = "6s", value_parser = parse_duration)]
    pub lease: Duration,
    /// How often a worker looks for runs without a hint.
    #[arg(long, env = "MC_TASKS_POLL", default_value = "1s", value_parser = parse_duration)]
    pub poll: Duration,
    /// Claims without a result after which a run is ended as POISON_RUN.
    #[arg(long, env = "MC_TASKS_MAX_CLAIMS", default_value_t = 5)]
    pub max_claims: u16,
    /// How long the changes of a workspace are kept for watches that come back; `168h` is 7 days.
    #[arg(long, env = "MC_TASKS_ACTIVITY_KEPT", default_value = "168h", value_parser = parse_duration)]
    pub activity_kept: Duration,
    /// How much time one partition of the journal spans: 1 hour to 366 days; `168h` is 7 days.
    #[arg(long, env = "MC_TASKS_JOURNAL_PARTITION", default_value = "168h", value_parser = parse_duration)]
    pub journal_partition: Duration,
    /// Where people find the web app, as the edge is told: `https://mc.example.com`. Links in notifications lead to the first.
    #[arg(long, env = "MC_PUBLIC_URL", value_delimiter = ',')]
    pub public_url: Vec<Url>,
}

impl Settings {
    /// For a worker.
    pub fn worker(&self) -> WorkerSettings {
        WorkerSettings {
            slots: self.slots,
            workspace_runs: i64::from(self.workspace_runs),
            agent_runs: i64::from(self.agent_runs),
            provider_runs: i64::from(self.provider_runs),
            heartbeat: self.heartbeat,
            ttl: self.lease,
            poll: self.poll,
            max_claims: i16::try_from(self.max_claims).unwrap_or(i16::MAX),
            activity_kept: self.activity_kept,
            journal_partition: self.journal_partition,
            public_url: self.public_url.first().cloned(),
            ..WorkerSettings::default()
        }
    }

    /// For a scheduler.
    pub fn scheduler(&self) -> SchedulerSettings {
        SchedulerSettings {
            ttl: self.lease,
            activity_kept: self.activity_kept,
            journal_partition: self.journal_partition,
            public_url: self.public_url.first().cloned(),
            ..SchedulerSettings::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let worker = WorkerSettings::default();
        Self {
            slots: worker.slots,
            workspace_runs: worker.workspace_runs as u32,
            agent_runs: worker.agent_runs as u32,
            provider_runs: worker.provider_runs as u32,
            heartbeat: worker.heartbeat,
            lease: worker.ttl,
            poll: worker.poll,
            max_claims: worker.max_claims as u16,
            activity_kept: worker.activity_kept,
            journal_partition: worker.journal_partition,
            public_url: Vec::new(),
        }
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        let positive = [
            ("MC_TASKS_SLOTS", self.slots > 0),
            ("MC_TASKS_WORKSPACE_RUNS", self.workspace_runs > 0),
            ("MC_TASKS_AGENT_RUNS", self.agent_runs > 0),
            ("MC_TASKS_PROVIDER_RUNS", self.provider_runs > 0),
            ("MC_TASKS_HEARTBEAT", !self.heartbeat.is_zero()),
            ("MC_TASKS_POLL", !self.poll.is_zero()),
            ("MC_TASKS_MAX_CLAIMS", self.max_claims > 0),
            ("MC_TASKS_ACTIVITY_KEPT", !self.activity_kept.is_zero()),
        ];
        if let Some((setting, _)) = positive.into_iter().find(|(_, ok)| !ok) {
            return Err(Invalid::new(setting, "must be more than 0"));
        }
        if !PARTITION_WIDTHS.contains(&self.journal_partition) {
            return Err(Invalid::new("MC_TASKS_JOURNAL_PARTITION", "must be from 1h to 8784h (366 days)"));
        }
        if let Some(bad) = self.public_url.iter().find(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(Invalid::new("MC_PUBLIC_URL", format!("{bad} must be http:// or https://")));
        }
        if self.heartbeat * 3 > self.lease {
            return Err(Invalid::new(
                "MC_TASKS_HEARTBEAT",
                "must be at most a third of MC_TASKS_LEASE, so that a lost beat or two are no death",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn defaults_of_flags_are_those_of_the_library() {
        let parsed = Program::parse_from(["mc-tasks"]).settings;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
        parsed.validate().expect("defaults work");
    }

    #[test]
    fn heartbeat_is_at_most_a_third_of_the_lease() {
        let with = |heartbeat, lease| Settings {
            heartbeat: Duration::from_millis(heartbeat),
            lease: Duration::from_millis(lease),
            ..Settings::default()
        };
        with(1_000, 3_000).validate().expect("a third");
        let refused = with(1_001, 3_000).validate().expect_err("more than a third");
        assert_eq!(refused.setting, "MC_TASKS_HEARTBEAT");
        let refused = Settings { slots: 0, ..Settings::default() }.validate().expect_err("none");
        assert_eq!(refused.setting, "MC_TASKS_SLOTS");
        for (settings, named) in [
            (Settings { workspace_runs: 0, ..Settings::default() }, "MC_TASKS_WORKSPACE_RUNS"),
            (Settings { agent_runs: 0, ..Settings::default() }, "MC_TASKS_AGENT_RUNS"),
            (Settings { provider_runs: 0, ..Settings::default() }, "MC_TASKS_PROVIDER_RUNS"),
        ] {
            assert_eq!(settings.validate().expect_err("nothing would run").setting, named);
        }
        let forgets = Settings { activity_kept: Duration::ZERO, ..Settings::default() };
        assert_eq!(forgets.validate().expect_err("nothing kept").setting, "MC_TASKS_ACTIVITY_KEPT");
    }

    #[test]
    fn partition_spans_an_hour_to_a_year() {
        let with = |journal_partition| Settings { journal_partition, ..Settings::default() }.validate();
        let (least, most) = (Duration::from_hours(1), Duration::from_hours(366 * 24));
        assert!(with(least).is_ok() && with(most).is_ok());
        for wrong in [Duration::from_secs(3_599), most + Duration::from_secs(1)] {
            assert_eq!(with(wrong).expect_err("too much").setting, "MC_TASKS_JOURNAL_PARTITION");
        }
    }
}
