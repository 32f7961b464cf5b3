//! What the edge is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use mc_chassis::config::{Invalid, Validate, parse_duration};

use crate::auth::STREAM_RECHECK;
use crate::http::{BODY_PATIENCE, HEAD_PATIENCE, INDEX, Origin, Origins};
use crate::ws::Limits;

/// Settings of the edge, with defaults that fit a desktop and a fleet alike.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Origins of the pages that may call it, with commas between; the desktop's own by default.
    #[arg(long, env = "MC_GATEWAY_ORIGINS", default_value_t)]
    pub origins: Origins,
    /// Where people find this edge, as `https://host`, with commas between; needed only where it has a name of its own.
    /// Addresses and localhost are known without it.
    #[arg(long, env = "MC_PUBLIC_URL", value_delimiter = ',')]
    pub public_url: Vec<Origin>,
    /// Folder with a build of the web app, served at `/`.
    #[arg(long, env = "MC_WEB_DIR")]
    pub web_dir: Option<PathBuf>,
    /// Proxies of ours in front, each of which adds whom it heard to `X-Forwarded-For`. With 0 the header is not believed.
    #[arg(long, env = "MC_TRUSTED_HOPS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub trusted_hops: u8,
    /// How long a unary call may take.
    #[arg(long, env = "MC_CALL_DEADLINE", default_value = "30s", value_parser = parse_duration)]
    pub call_deadline: Duration,
    /// How often a silent stream or socket shows a sign of life.
    #[arg(long, env = "MC_GATEWAY_HEARTBEAT", default_value = "15s", value_parser = parse_duration)]
    pub heartbeat: Duration,
    /// Connections at a time; more wait until one ends.
    #[arg(long, env = "MC_GATEWAY_CONNECTIONS", default_value_t = 20_000)]
    pub connections: usize,
    /// Calls in progress; one more is refused with OVERLOADED. A stream counts until it is open.
    #[arg(long, env = "MC_GATEWAY_REQUESTS", default_value_t = 4_096)]
    pub requests: usize,
    /// How long a client may take to send the head of a request.
    #[arg(skip = HEAD_PATIENCE)]
    pub head_patience: Duration,
    /// How long a body may take to arrive.
    #[arg(skip = BODY_PATIENCE)]
    pub body_patience: Duration,
    /// How often a stream or a socket asks whether its caller may still watch. No setting: the revocation bound follows
    /// from it.
    #[arg(skip = STREAM_RECHECK.unsigned_abs())]
    pub recheck: Duration,
    /// Limits of a WebSocket.
    #[arg(skip)]
    pub ws: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            origins: Origins::default(),
            public_url: Vec::new(),
            web_dir: None,
            trusted_hops: 0,
            call_deadline: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            connections: 20_000,
            requests: 4_096,
            head_patience: HEAD_PATIENCE,
            body_patience: BODY_PATIENCE,
            recheck: STREAM_RECHECK.unsigned_abs(),
            ws: Limits::default(),
        }
    }
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), Invalid> {
        let zero = |setting| Err(Invalid::new(setting, "must be more than 0"));
        if self.call_deadline.is_zero() {
            return zero("MC_CALL_DEADLINE");
        }
        if self.connections == 0 {
            return zero("MC_GATEWAY_CONNECTIONS");
        }
        if self.requests == 0 {
            return zero("MC_GATEWAY_REQUESTS");
        }
        if self.heartbeat.is_zero() {
            return zero("MC_GATEWAY_HEARTBEAT");
        }
        if let Some(bad) = self.public_url.iter().find(|url| !url.as_str().starts_with("http")) {
            return Err(Invalid::new("MC_PUBLIC_URL", format!("{bad} must be http:// or https://")));
        }
        if let Some(folder) = self.web_dir.as_ref().filter(|folder| !folder.join(INDEX).is_file()) {
            let text =
                format!("{} has no {INDEX}: name the folder of a build, or leave it unset", folder.display());
            return Err(Invalid::new("MC_WEB_DIR", text));
        }
        // A client that answers every ping must not be taken for idle.
        if self.heartbeat * 2 > self.ws.idle {
            let most = self.ws.idle.as_secs() / 2;
            return Err(Invalid::new("MC_GATEWAY_HEARTBEAT", format!("must be at most {most}s")));
        }
        Ok(())
    }
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
        let parsed = Program::parse_from(["mc-gateway"]).settings;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Settings::default()));
        parsed.validate().expect("defaults work");
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let name = |settings: Settings| settings.validate().expect_err("refused").setting;
        assert_eq!(
            name(Settings { call_deadline: Duration::ZERO, ..Settings::default() }),
            "MC_CALL_DEADLINE"
        );
        assert_eq!(
            name(Settings { heartbeat: Duration::ZERO, ..Settings::default() }),
            "MC_GATEWAY_HEARTBEAT"
        );
        assert_eq!(name(Settings { connections: 0, ..Settings::default() }), "MC_GATEWAY_CONNECTIONS");
        assert_eq!(name(Settings { requests: 0, ..Settings::default() }), "MC_GATEWAY_REQUESTS");
        let nowhere = Some("/nonexistent".into());
        assert_eq!(name(Settings { web_dir: nowhere, ..Settings::default() }), "MC_WEB_DIR");
        let public_url = vec!["tauri://localhost".parse().expect("origin")];
        assert_eq!(name(Settings { public_url, ..Settings::default() }), "MC_PUBLIC_URL");
        let rare = Settings { heartbeat: Duration::from_millis(30_001), ..Settings::default() };
        assert_eq!(name(rare), "MC_GATEWAY_HEARTBEAT");
        Settings { heartbeat: Duration::from_secs(30), ..Settings::default() }.validate().expect("edge");
    }
}
