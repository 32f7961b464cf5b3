//! Where data is kept: PostgreSQL, and Redis for hints.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::{Invalid, Validate, defaults, parse_duration};

/// The URL of a store; printed with its password struck out. `file:/run/secrets/database-url` is read from that file, so
/// that a secret need not stand in the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Url);

impl StoreUrl {
    /// The URL with its password. Whoever asks takes care that it is not printed.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    fn scheme_is(&self, allowed: &[&str]) -> bool {
        allowed.contains(&self.0.scheme())
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read;
        let text = match text.strip_prefix("file:") {
            Some(path) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                read = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot be read from {path}: {error}"))?;
                read.trim()
            }
            None => text,
        };
        // The text stays out of the message: it may hold a password.
        Url::parse(text).map(Self).map_err(|error| format!("is not a URL: {error}"))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        if url.password().is_some() {
            // Only URLs without a host refuse a password, and this one has one already.
            let _ = url.set_password(Some("***"));
        }
        // A password may also stand in the query (`?password=`).
        if url.query().is_some() {
            url.set_query(Some("***"));
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The shared PostgreSQL.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseSettings {
    /// PostgreSQL, as the service's serving role: `postgres://mc_tasks_api:password@host/database`.
    #[arg(long, env = "MC_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<StoreUrl>,
    /// PostgreSQL for migrations: a direct connection (no pooler) as a role that may create the service's own.
    #[arg(long, env = "MC_MIGRATE_URL", hide_env_values = true)]
    pub migrate_url: Option<StoreUrl>,
    /// Connections that the pool may open.
    #[arg(long, env = "MC_DATABASE_CONNECTIONS", default_value_t = 10)]
    pub database_connections: u32,
    /// How long a call waits for a free connection.
    #[arg(long, env = "MC_DATABASE_PATIENCE", default_value = "5s", value_parser = parse_duration)]
    pub database_patience: Duration,
}

impl DatabaseSettings {
    /// The database to serve from.
    ///
    /// # Errors
    /// It is not set.
    pub fn url(&self) -> Result<&StoreUrl, Invalid> {
        self.database_url.as_ref().ok_or_else(|| {
            Invalid::new("MC_DATABASE_URL", "must be set, as in postgres://user:password@host/mc")
        })
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        defaults()
    }
}

impl Validate for DatabaseSettings {
    fn validate(&self) -> Result<(), Invalid> {
        for (setting, url) in [("MC_DATABASE_URL", &self.database_url), ("MC_MIGRATE_URL", &self.migrate_url)]
        {
            if url.as_ref().is_some_and(|url| !url.scheme_is(&["postgres", "postgresql"])) {
                return Err(Invalid::new(setting, "must start with postgres://"));
            }
        }
        if self.database_connections == 0 {
            return Err(Invalid::new("MC_DATABASE_CONNECTIONS", "must be more than 0"));
        }
        self.url().map(drop)
    }
}

/// The live bus.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct BusSettings {
    /// Redis that carries hints; PostgreSQL's NOTIFY does where it is not set.
    #[arg(long, env = "MC_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<StoreUrl>,
}

impl Validate for BusSettings {
    fn validate(&self) -> Result<(), Invalid> {
        match &self.redis_url {
            Some(url) if !url.scheme_is(&["redis", "rediss", "redis-cluster", "rediss-cluster"]) => {
                Err(Invalid::new("MC_REDIS_URL", "must start with redis:// or rediss://"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_scheme_is_refused_without_printing_the_url() {
        let settings = DatabaseSettings {
            database_url: Some("mysql://u:hunter2@h/d".parse().expect("url")),
            ..DatabaseSettings::default()
        };
        assert_eq!(
            settings.validate().expect_err("refused").to_string(),
            "MC_DATABASE_URL: must start with postgres://"
        );
        let message = "hunter2".parse::<StoreUrl>().expect_err("not a url");
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn url_is_read_from_a_secret_file() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "postgres://u:p@h/d\n").expect("write");
        let named = format!("file:{}", file.path().display());
        assert_eq!(named.parse::<StoreUrl>().expect("url").expose(), "postgres://u:p@h/d");
        let missing = "file:/nonexistent/url".parse::<StoreUrl>().expect_err("no file");
        assert!(missing.contains("/nonexistent/url"), "{missing}");
    }

    #[test]
    fn password_is_struck_out_wherever_it_stands() {
        let url: StoreUrl = "postgres://u:hunter2@h:5432/d?password=hunter2".parse().expect("url");
        assert_eq!(format!("{url:?}"), "postgres://u:***@h:5432/d?***");
    }
}
