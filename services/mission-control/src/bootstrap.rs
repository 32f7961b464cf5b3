//! Brings the database up to date and makes the first account, so that somebody can sign in.

use anyhow::Context;
use mc_chassis::Ambient;
use mc_chassis::db::{self, Database, Passwords, Schema};
use mc_identity::bootstrap::{Bootstrapped, First};

use crate::first_start::Secrets;
use crate::foundation;
use crate::secrets;

/// Every service's schema.
fn schemas() -> [&'static Schema; 4] {
    [&mc_identity::SCHEMA, &mc_registry::SCHEMA, &mc_llm::SCHEMA, &mc_tasks::SCHEMA]
}

/// Makes roles, schemas and tables that are missing, and gives the logins their passwords.
pub(crate) async fn migrate(admin_url: &str, secrets: &Secrets) -> anyhow::Result<()> {
    for schema in schemas() {
        let mut passwords = Passwords::unchanged();
        for login in schema.logins() {
            passwords = passwords.set(*login, secrets.password(schema.name(), login)?);
        }
        let migrated = db::migrate(admin_url, schema, &passwords).await;
        migrated.with_context(|| format!("bring the schema {} up to date", schema.name()))?;
    }
    Ok(())
}

/// The first account.
#[derive(Debug)]
pub(crate) struct Account {
    /// `workspaces/{workspace}`.
    pub(crate) workspace: String,
    /// True if it was made now.
    pub(crate) made: bool,
}

/// The account that was made on the first start, or makes it.
pub(crate) async fn first_account(
    admin_url: &str,
    secrets: &Secrets,
    ambient: &Ambient,
) -> anyhow::Result<Account> {
    let path = secrets.account();
    let (account, made) = if path.exists() {
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let account: Bootstrapped =
            serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        (account, false)
    } else {
        let url = foundation::login_url(admin_url, secrets, "identity", "api")?;
        let settings = db::Settings { max_connections: 2, ..db::Settings::new(url, "bootstrap") };
        let database = Database::connect(&settings).await.context("connect to make the first account")?;
        let first =
            First { email: "me@localhost.localdomain".into(), password: None, workspace_name: "Home".into() };
        let account = mc_identity::bootstrap::bootstrap(&database, ambient, &first, &path).await;
        database.close().await;
        (account.context("make the first account")?, true)
    };
    secrets::write(&secrets.token(), &format!("{}\n", account.token))?;
    Ok(Account { workspace: account.workspace, made })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_of_every_schema_has_a_password() {
        let folder = tempfile::tempdir().expect("folder");
        let secrets = Secrets::ensure(folder.path(), &Ambient::system().ids).expect("secrets");
        for schema in schemas() {
            for login in schema.logins() {
                secrets.password(schema.name(), login).expect("a new login needs a line in first_start.rs");
            }
        }
    }
}
