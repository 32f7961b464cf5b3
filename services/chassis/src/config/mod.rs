//! Settings from flags and environment: typed, checked before a port is bound, printed without their secrets.
//!
//! A program flattens the structs that it needs into its own clap parser, calls [`check`] on them, and logs the result
//! with [`announce`]. Each struct's `Default` is what clap gives without flags or environment.

mod client;
mod duration;
mod server;
mod storage;
mod upstream;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

pub use client::ClientSettings;
pub use duration::parse_duration;
pub use server::{ListenAddress, ServerSettings};
pub use storage::{BusSettings, DatabaseSettings, StoreUrl};
pub use upstream::UpstreamSettings;

/// A value that is never printed: `Debug` and `Display` say `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Whoever asks takes care that it is not printed.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: FromStr> FromStr for Secret<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct Invalid {
    /// The environment variable that holds it.
    pub setting: &'static str,
    /// What is wrong and what is right.
    pub problem: String,
}

impl Invalid {
    /// The setting is wrong in this way.
    pub fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}

/// Settings that can tell whether they can work.
pub trait Validate {
    /// # Errors
    /// The first setting that cannot work.
    fn validate(&self) -> Result<(), Invalid>;
}

/// Checks settings in turn: `config::check(&[&server, &database])?`, before anything is bound or connected.
///
/// # Errors
/// The first setting that cannot work.
pub fn check(settings: &[&dyn Validate]) -> Result<(), Invalid> {
    settings.iter().try_for_each(|settings| settings.validate())
}

/// Logs the settings that a program runs with, on one line.
pub fn announce(service: &'static str, settings: &dyn fmt::Debug) {
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), ?settings, "starting");
}

/// Logs and what is exported.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetrySettings {
    /// What is logged: levels per module, as in `info,mc_tasks=debug`.
    #[arg(long = "log", env = "MC_LOG", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "MC_LOG_FORMAT", value_enum, default_value = "pretty")]
    pub log_format: LogFormat,
    /// OTLP gRPC endpoint of a collector; nothing is exported without one.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Share of traces to keep when the caller has not decided, 0 to 1.
    #[arg(long, env = "MC_TRACE_SHARE", default_value_t = 1.0)]
    pub trace_share: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object per line, for machines.
    Json,
}

impl Validate for TelemetrySettings {
    fn validate(&self) -> Result<(), Invalid> {
        self.log
            .parse::<tracing_subscriber::EnvFilter>()
            .map_err(|error| Invalid::new("MC_LOG", error.to_string()))?;
        if let Some(endpoint) = &self.otlp_endpoint
            && !url::Url::parse(endpoint).is_ok_and(|url| url.scheme() == "http" && url.has_host())
        {
            let problem =
                "must be an http:// URL: a collector beside the service, which speaks TLS to the rest";
            return Err(Invalid::new("OTEL_EXPORTER_OTLP_ENDPOINT", problem));
        }
        if !(0.0..=1.0).contains(&self.trace_share) {
            return Err(Invalid::new("MC_TRACE_SHARE", "must be between 0 and 1"));
        }
        Ok(())
    }
}

/// Who this service is to the others, and whom it trusts.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServiceIdentitySettings {
    /// File with this service's own signing key: base64 of 32 bytes.
    #[arg(long, env = "MC_SERVICE_KEY_FILE")]
    pub service_key_file: Option<PathBuf>,
    /// File with every service's public key: a JSON object from name to base64.
    #[arg(long, env = "MC_SERVICE_TRUST_FILE")]
    pub service_trust_file: Option<PathBuf>,
}

impl ServiceIdentitySettings {
    /// The two files, both of which a service needs.
    ///
    /// # Errors
    /// One is not set.
    pub fn files(&self) -> Result<(&std::path::Path, &std::path::Path), Invalid> {
        let key = self.service_key_file.as_deref();
        let trust = self.service_trust_file.as_deref();
        let missing = |setting| Invalid::new(setting, "must name a file");
        Ok((
            key.ok_or_else(|| missing("MC_SERVICE_KEY_FILE"))?,
            trust.ok_or_else(|| missing("MC_SERVICE_TRUST_FILE"))?,
        ))
    }
}

impl Validate for ServiceIdentitySettings {
    fn validate(&self) -> Result<(), Invalid> {
        self.files().map(drop)
    }
}

/// What clap gives without flags and environment, so that defaults stand in one place.
fn defaults<T: clap::Args + clap::FromArgMatches>() -> T {
    let command = T::augment_args(clap::Command::new("defaults")).mut_args(|arg| arg.env(None::<&str>));
    let matches = command.try_get_matches_from(["defaults"]).expect("no setting of the chassis is mandatory");
    T::from_arg_matches(&matches).expect("no setting of the chassis is mandatory")
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        defaults()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        server: ServerSettings,
        #[command(flatten)]
        client: ClientSettings,
        #[command(flatten)]
        database: DatabaseSettings,
        #[command(flatten)]
        bus: BusSettings,
        #[command(flatten)]
        telemetry: TelemetrySettings,
        #[command(flatten)]
        identity: ServiceIdentitySettings,
    }

    #[test]
    fn settings_fit_into_one_program_and_their_print_holds_no_secret() {
        let program = Program::parse_from([
            "program",
            "--database-url=postgres://mc_tasks_api:hunter2@db.internal/mc",
            "--migrate-url=postgres://mc_tasks_owner:hunter3@db.internal/mc",
            "--redis-url=redis://:hunter4@redis.internal:6379",
        ]);
        let printed = format!("{program:?}");
        assert!(!printed.contains("hunter"), "{printed}");
        assert!(printed.contains("postgres://mc_tasks_api:***@db.internal/mc"), "{printed}");
        let url = program.database.database_url.expect("given");
        assert_eq!(url.expose(), "postgres://mc_tasks_api:hunter2@db.internal/mc");
    }

    #[test]
    fn wrong_setting_is_named() {
        let telemetry = TelemetrySettings { trace_share: 1.5, ..TelemetrySettings::default() };
        let refusal = check(&[&TelemetrySettings::default(), &telemetry]).expect_err("refused");
        assert_eq!(refusal.to_string(), "MC_TRACE_SHARE: must be between 0 and 1");
        let refusal = check(&[&ServiceIdentitySettings::default()]).expect_err("refused");
        assert_eq!(refusal.setting, "MC_SERVICE_KEY_FILE");
    }

    #[test]
    fn secret_is_not_printed() {
        let secret: Secret<String> = "hunter2".parse().expect("infallible");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
        assert_eq!(secret.expose(), "hunter2");
    }
}
