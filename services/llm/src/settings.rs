//! What can be set, with its defaults, and what the service is built from.

use std::sync::Arc;
use std::time::Duration;

use mc_chassis::auth::{ServiceIdentity, Verifier};
use mc_chassis::client::Upstream;
use mc_chassis::config::{Invalid, Validate, parse_duration};
use mc_chassis::db::Database;
use mc_chassis::egress::Egress;
use mc_chassis::{Ambient, Lifecycle};

use crate::generation::Terms;
use crate::provider::openai::Deadlines;
use crate::provider::retry::Policy;

/// How this service treats providers and generations.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// How long a provider may take to the head of its reply. Big models read long prompts in silence.
    #[arg(long, env = "MC_LLM_FIRST_BYTE", default_value = "5m", value_parser = parse_duration)]
    pub first_byte: Duration,
    /// How long a provider's stream may be silent.
    #[arg(id = "llm_idle", long = "llm-idle", env = "MC_LLM_IDLE", default_value = "2m", value_parser = parse_duration)]
    pub idle: Duration,
    /// Longest life of a generation.
    #[arg(long, env = "MC_LLM_TOTAL", default_value = "30m", value_parser = parse_duration)]
    pub total: Duration,
    /// How long a provider may take to list its models.
    #[arg(long, env = "MC_LLM_LIST", default_value = "5s", value_parser = parse_duration)]
    pub list: Duration,
    /// How often a provider is tried for one generation, before its first word.
    #[arg(long, env = "MC_LLM_TRIES", default_value_t = 3)]
    pub tries: u32,
    /// How often this process shows that its generations are alive.
    #[arg(long, env = "MC_LLM_HEARTBEAT", default_value = "3s", value_parser = parse_duration)]
    pub heartbeat: Duration,
    /// How long a process may be silent before its generations are taken for interrupted.
    #[arg(long, env = "MC_LLM_LEASE", default_value = "15s", value_parser = parse_duration)]
    pub lease: Duration,
    /// How often a generation that another process runs is looked at.
    #[arg(long, env = "MC_LLM_POLL", default_value = "250ms", value_parser = parse_duration)]
    pub poll: Duration,
    /// How long a process that is stopping lets its generations come to their end before it cuts them and settles them as
    /// estimates. Each that is cut is paid twice: raise it, up to the grace, where answers are long and stops can wait.
    #[arg(long, env = "MC_LLM_HANDOVER", default_value = "5s", value_parser = parse_duration)]
    pub handover: Duration,
    /// Largest answer, in bytes.
    #[arg(long, env = "MC_LLM_MAX_ANSWER_BYTES", default_value_t = 2 * 1024 * 1024)]
    pub max_answer_bytes: usize,
    /// Speed of the simulator, in per cent of its scripts' delays: 100 is as written, 0 is at once.
    #[arg(long, env = "MC_LLM_SIMULATOR_PACE", default_value_t = 100)]
    pub simulator_pace_percent: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let terms = Terms::default();
        Self {
            first_byte: Duration::from_mins(5),
            idle: Duration::from_mins(2),
            total: terms.total,
            list: Duration::from_secs(5),
            tries: terms.retry.tries,
            heartbeat: terms.heartbeat,
            lease: terms.lease,
            poll: terms.poll,
            handover: terms.handover,
            max_answer_bytes: terms.max_answer_bytes,
            simulator_pace_percent: 100,
        }
    }
}

impl Settings {
    pub(crate) fn deadlines(&self) -> Deadlines {
        Deadlines { first_byte: self.first_byte, idle: self.idle, list: self.list }
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            heartbeat: self.heartbeat,
            lease: self.lease,
            poll: self.poll,
            handover: self.handover,
            total: self.total,
            max_answer_bytes: self.max_answer_bytes,
            retry: Policy { tries: self.tries, ..Policy::default() },
        }
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        let positive = [
            ("MC_LLM_FIRST_BYTE", !self.first_byte.is_zero()),
            ("MC_LLM_IDLE", !self.idle.is_zero()),
            ("MC_LLM_TOTAL", !self.total.is_zero()),
            ("MC_LLM_LIST", !self.list.is_zero()),
            ("MC_LLM_TRIES", self.tries > 0),
            ("MC_LLM_HEARTBEAT", !self.heartbeat.is_zero()),
            ("MC_LLM_POLL", !self.poll.is_zero()),
            ("MC_LLM_MAX_ANSWER_BYTES", self.max_answer_bytes > 0),
        ];
        if let Some((setting, _)) = positive.into_iter().find(|(_, ok)| !ok) {
            return Err(Invalid::new(setting, "must be more than 0"));
        }
        if self.lease < self.heartbeat * 3 {
            return Err(Invalid::new("MC_LLM_LEASE", "must be at least three times MC_LLM_HEARTBEAT"));
        }
        // An answer travels in one message, with room for what is around it.
        if self.max_answer_bytes > mc_chassis::server::MAX_MESSAGE_BYTES / 2 {
            return Err(Invalid::new("MC_LLM_MAX_ANSWER_BYTES", "must be at most 8388608"));
        }
        Ok(())
    }
}

/// What the service is built from.
#[derive(Debug)]
pub struct Dependencies {
    /// The database, as the login `api` of the schema `llm`.
    pub database: Database,
    /// Identity, which holds the providers' keys.
    pub identity: Upstream,
    /// Who this service is to identity.
    pub service: ServiceIdentity,
    /// Knows its callers.
    pub verifier: Arc<Verifier>,
    /// The way out, to providers.
    pub egress: Egress,
    /// Time, ids and jitter.
    pub ambient: Ambient,
    /// Runs its generations.
    pub lifecycle: Lifecycle,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn defaults_are_the_same_with_and_without_a_command_line() {
        let parsed = Program::parse_from(["mc-llm"]).settings;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
        parsed.validate().expect("defaults work");
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let name = |settings: Settings| settings.validate().expect_err("refused").setting;
        let base = Settings::default;
        assert_eq!(name(Settings { tries: 0, ..base() }), "MC_LLM_TRIES");
        assert_eq!(name(Settings { lease: Duration::from_millis(8_999), ..base() }), "MC_LLM_LEASE");
        assert_eq!(
            name(Settings { max_answer_bytes: 8 * 1024 * 1024 + 1, ..base() }),
            "MC_LLM_MAX_ANSWER_BYTES"
        );
        Settings { lease: Duration::from_secs(9), max_answer_bytes: 8 * 1024 * 1024, ..base() }
            .validate()
            .expect("edge");
    }
}
