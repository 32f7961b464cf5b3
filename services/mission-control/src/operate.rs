//! What an operator does once for a system whose processes somebody else runs: a compose file, a cluster.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use mc_chassis::Ambient;
use mc_chassis::config::StoreUrl;

use crate::console::Console;
use crate::first_start::{self, LOGINS};
use crate::{bootstrap, foundation, secrets};

#[derive(Debug, Args)]
pub(crate) struct Secrets {
    /// Folder for the files; those that are there are kept.
    #[arg(long, default_value = ".secrets")]
    out: PathBuf,
    /// PostgreSQL as the services will find it.
    #[arg(long, default_value = "postgres:5432/mission_control", value_name = "HOST:PORT/DATABASE")]
    database: String,
    /// Redis as the services will find it.
    #[arg(long, default_value = "redis:6379", value_name = "HOST:PORT")]
    redis: String,
}

/// Makes one file per secret, so that each container is given its own and no others.
pub(crate) fn secrets(args: &Secrets, ambient: &Ambient) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let shown = args.out.display();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.out)
        .with_context(|| format!("make {shown}"))?;
    let made = first_start::Secrets::ensure(&args.out, &ambient.ids)?;
    let write = |name: &str, text: &str| secrets::write(&args.out.join(name), text);
    let admin = format!("postgres://postgres:{}@{}", made.superuser(), args.database);
    write("postgres-password", made.superuser())?;
    write("admin-url", &admin)?;
    for name in LOGINS {
        let Some((schema, login)) = name.split_once('.') else { bail!("{name} is no login") };
        write(&format!("{schema}-{login}-url"), &foundation::login_url(&admin, &made, schema, login)?)?;
    }
    let redis = args.out.join("redis-password");
    let password = if redis.exists() {
        std::fs::read_to_string(&redis).context("read the password of Redis")?
    } else {
        ambient.ids.secret("")
    };
    write("redis-password", &password)?;
    write("redis-url", &format!("redis://:{password}@{}", args.redis))?;
    console.line(format_args!(
        "Keys and passwords are in {shown}. Keep a copy of vault.key: what it encrypts cannot be read without it."
    ));
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// PostgreSQL, directly (no pooler), as a role that may create roles and schemas; `file:/path` reads it from a file.
    #[arg(long, env = "MC_MIGRATE_URL", hide_env_values = true)]
    migrate_url: StoreUrl,
    /// Folder that `secrets` made.
    #[arg(long)]
    secrets: PathBuf,
    /// Makes no account; the folder is only read.
    #[arg(long)]
    migrate_only: bool,
}

/// Migrates every schema, then makes the first account if there is none. Running it again changes nothing.
pub(crate) async fn prepare(args: &Prepare, ambient: &Ambient) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let shown = args.secrets.display();
    let made = first_start::Secrets::read(&args.secrets)
        .with_context(|| format!("{shown} must be a folder that `mission-control secrets` made"))?;
    bootstrap::migrate(args.migrate_url.expose(), &made).await?;
    console.line("The database is up to date.");
    if !args.migrate_only {
        let account = bootstrap::first_account(args.migrate_url.expose(), &made, ambient).await?;
        let was = if account.made { "is ready" } else { "was there already" };
        console.line(format_args!(
            "{} {was}; its token is in {}.",
            account.workspace,
            made.token().display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
