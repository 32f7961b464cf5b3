//! What an operator does with identity besides serving it.

use std::path::PathBuf;

use anyhow::Context;
use mc_chassis::Ambient;
use mc_chassis::config::{Secret, StoreUrl};
use mc_chassis::db::{self, Database, Passwords};
use mc_identity::bootstrap::First;
use mc_identity::{KeyRing, SCHEMA};

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// PostgreSQL, directly (no pooler), as a role that may create roles and schemas.
    #[arg(long = "migrate-url", env = "MC_MIGRATE_URL", hide_env_values = true)]
    url: StoreUrl,
    /// Password to give the login mc_identity_api; it keeps what it has when absent.
    #[arg(long, env = "MC_API_PASSWORD", hide_env_values = true)]
    api_password: Option<Secret<String>>,
    /// Password to give the login mc_identity_relay; it keeps what it has when absent.
    #[arg(long, env = "MC_RELAY_PASSWORD", hide_env_values = true)]
    relay_password: Option<Secret<String>>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bootstrap {
    /// PostgreSQL, as the login mc_identity_api.
    #[arg(long, env = "MC_DATABASE_URL", hide_env_values = true)]
    database_url: StoreUrl,
    /// Address of the first account.
    #[arg(long)]
    email: String,
    /// Its password, 15 characters or more; a random one when absent. Better in the environment than on the command line.
    #[arg(long, env = "MC_BOOTSTRAP_PASSWORD", hide_env_values = true)]
    password: Option<Secret<String>>,
    /// Name of its workspace.
    #[arg(long, default_value = "Home")]
    workspace_name: String,
    /// Where to write {email, password, workspace, token} as JSON, for its owner alone.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewKey {
    /// Where to write the key; an existing file is refused.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateCallerKey {
    /// PostgreSQL, as the login mc_identity_api.
    #[arg(long, env = "MC_DATABASE_URL", hide_env_values = true)]
    database_url: StoreUrl,
    /// File with the keys that stored secrets are encrypted under.
    #[arg(long, env = "MC_KEY_FILE")]
    key_file: PathBuf,
}

pub(crate) async fn migrate(settings: Migrate) -> anyhow::Result<()> {
    let given = [("api", &settings.api_password), ("relay", &settings.relay_password)];
    let passwords = given.into_iter().fold(Passwords::unchanged(), |all, (login, password)| match password {
        Some(password) => all.set(login, password.expose()),
        None => all,
    });
    db::migrate(settings.url.expose(), &SCHEMA, &passwords).await.context("migrate the schema identity")
}

#[expect(clippy::print_stdout, reason = "what the command did, for the person who ran it")]
pub(crate) async fn bootstrap(settings: Bootstrap) -> anyhow::Result<()> {
    let database = connect(&settings.database_url).await?;
    let first = First {
        email: settings.email,
        password: settings.password.map(|password| password.expose().clone()),
        workspace_name: settings.workspace_name,
    };
    let made =
        mc_identity::bootstrap::bootstrap(&database, &Ambient::system(), &first, &settings.out).await?;
    println!("{} is ready; password and API token are in {}", made.workspace, settings.out.display());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the command did, for the person who ran it")]
pub(crate) fn new_key(settings: NewKey) -> anyhow::Result<()> {
    let shown = settings.out.display();
    KeyRing::create_file(&settings.out, &Ambient::system().ids).with_context(|| format!("write {shown}"))?;
    println!("A new key is in {shown}. Keep a copy: what it encrypts cannot be read without it.");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the command did, for the person who ran it")]
pub(crate) async fn rotate_caller_key(settings: RotateCallerKey) -> anyhow::Result<()> {
    let keys = KeyRing::read(&settings.key_file)?;
    let database = connect(&settings.database_url).await?;
    let kid = mc_identity::rotate_caller_key(database, keys, Ambient::system()).await?;
    println!("Caller tokens are signed with {kid} from now on; other replicas follow within 30 seconds.");
    Ok(())
}

async fn connect(url: &StoreUrl) -> anyhow::Result<Database> {
    Ok(Database::connect(&db::Settings::new(url.expose(), "mc-identity")).await?)
}
