//! The first account, its workspace and an API token, for a system that nobody can sign in to yet.
//!
//! The secrets are written to a draft beside the file before the database hears of them, and the draft becomes the file
//! afterwards: a crash in between is made good by running it again, with the same secrets.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mc_chassis::Ambient;
use mc_chassis::auth::Role;
use mc_chassis::db::Database;
use mc_chassis::names;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::account::{Account, Email, MIN_PASSWORD, may_choose};
use crate::domain::api_token::{ApiToken, MAX_TTL};
use crate::domain::bearer::{Bearer, Kind};
use crate::domain::text::display_name;
use crate::passwords::{Passwords, Verdict};
use crate::store::{accounts, api_tokens, scope, workspaces};

/// What the first token is called.
const TOKEN_NAME: &str = "bootstrap";

/// Whom to make.
#[derive(Clone)]
pub struct First {
    /// Address of the account.
    pub email: String,
    /// Its password, 15 characters or more; a random one when absent.
    pub password: Option<String>,
    /// Name of the workspace, 1 to 80 characters.
    pub workspace_name: String,
}

/// What was made, as it stands in the file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrapped {
    /// Address of the account.
    pub email: String,
    /// Its password; absent if the account was there before with a password that was not given.
    pub password: Option<String>,
    /// `workspaces/{workspace}`.
    pub workspace: String,
    /// An API token of the account in the workspace; it ends after 366 days.
    pub token: String,
}

/// What is about to be made; as JSON it is the draft.
#[derive(Serialize, Deserialize)]
struct Plan {
    email: String,
    password: Zeroizing<String>,
    workspace_name: String,
    user: Uuid,
    workspace: Uuid,
    token_id: Uuid,
    token: Zeroizing<String>,
}

/// Makes what is missing and writes the outcome to `out`, readable by its owner alone. `database` is the login `api`.
///
/// An account that is there keeps its password, and its workspace of that name is taken. Run again after a success it
/// refuses, because `out` is there; with another `out` it adds a token and changes nothing else.
///
/// # Errors
/// `out` is there; the account has another password than the one given; the database fails.
pub async fn bootstrap(
    database: &Database,
    ambient: &Ambient,
    first: &First,
    out: &Path,
) -> anyhow::Result<Bootstrapped> {
    let email = Email::parse(&first.email)
        .with_context(|| format!("{:?} is not an address like ada@example.com", first.email))?;
    if first.password.as_deref().is_some_and(|password| !may_choose(password)) {
        bail!("the password must have {MIN_PASSWORD} characters or more, and at most 1024 bytes");
    }
    if display_name("workspace name", &first.workspace_name).is_err() {
        bail!("the workspace's name must have 1 to 80 characters, on one line");
    }
    let shown = out.display();
    if out.exists() {
        bail!("{shown} is there already and is not overwritten: name another file, or remove it first");
    }
    let draft = draft_path(out);
    let plan = match fs::read(&draft) {
        Ok(text) => resume(&text, &email, first)
            .with_context(|| format!("take up {}; remove it to start afresh", draft.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let plan = plan(&email, first, ambient);
            write(&draft, &plan)?;
            plan
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", draft.display())),
    };
    let made = carry_out(database, ambient, &email, &plan, first.password.is_some()).await?;
    let finished = out.with_extension("done");
    let _ = fs::remove_file(&finished);
    write(&finished, &made)?;
    // A link refuses to replace what came in between, which a rename would not.
    fs::hard_link(&finished, out).with_context(|| format!("put {shown} in place"))?;
    let _ = fs::remove_file(&finished);
    let _ = fs::remove_file(&draft);
    Ok(made)
}

fn plan(email: &Email, first: &First, ambient: &Ambient) -> Plan {
    let ids = &ambient.ids;
    Plan {
        email: email.as_str().to_owned(),
        password: Zeroizing::new(first.password.clone().unwrap_or_else(|| ids.secret(""))),
        workspace_name: first.workspace_name.clone(),
        user: ids.uuid(),
        workspace: ids.uuid(),
        token_id: ids.uuid(),
        token: Zeroizing::new(Bearer::issue(Kind::ApiToken, ids).reveal().to_owned()),
    }
}

/// A draft that a crash left behind, if it is about the same thing.
fn resume(text: &[u8], email: &Email, first: &First) -> anyhow::Result<Plan> {
    let plan: Plan = serde_json::from_slice(text).context("the draft is cut off")?;
    let same_password = first.password.as_deref().is_none_or(|password| password == plan.password.as_str());
    if plan.email != email.as_str() || plan.workspace_name != first.workspace_name || !same_password {
        bail!("the draft is about another account, workspace or password");
    }
    Ok(plan)
}

async fn carry_out(
    database: &Database,
    ambient: &Ambient,
    email: &Email,
    plan: &Plan,
    password_given: bool,
) -> anyhow::Result<Bootstrapped> {
    let passwords = Passwords::new(1);
    let now = ambient.clock.now();
    let hash = passwords.hash(plan.password.clone(), &ambient.ids).await?;
    let bearer = Bearer::parse(&plan.token).context("the draft's token is malformed")?;

    let mut tx = database.begin_open().await.context("begin")?;
    scope::email(&mut tx, email).await.context("look for the account")?;
    let (user, known_password) = match accounts::by_email(&mut tx, email).await? {
        None => {
            let display_name = email.as_str().split('@').next().unwrap_or_default().to_owned();
            let account = Account { user: plan.user, email: email.clone(), display_name, create_time: now };
            scope::user(&mut tx, account.user).await.context("make the account")?;
            accounts::insert(&mut tx, &account, &hash).await.context("make the account")?;
            (account.user, true)
        }
        Some((account, stored)) => {
            scope::user(&mut tx, account.user).await.context("take up the account")?;
            let right = passwords.check(plan.password.clone(), Some(stored)).await? != Verdict::Wrong;
            if password_given && !right {
                bail!(
                    "{} has an account with another password: leave the password out to keep it",
                    email.as_str()
                );
            }
            (account.user, right)
        }
    };
    let owned = workspaces::memberships(&mut tx, user, None).await?;
    let there =
        owned.iter().find(|it| it.role == Role::Owner && it.workspace_display_name == plan.workspace_name);
    let workspace = there.map_or(plan.workspace, |membership| membership.workspace);
    scope::workspace(&mut tx, Some(workspace)).await.context("enter the workspace")?;
    if there.is_none() {
        workspaces::insert(&mut tx, workspace, &plan.workspace_name, now)
            .await
            .context("make the workspace")?;
        workspaces::insert_member(&mut tx, workspace, user, Role::Owner, now)
            .await
            .context("make the owner")?;
    }
    if api_tokens::find(&mut tx, &bearer).await.context("look for the token")?.is_none() {
        let token = ApiToken {
            workspace,
            id: plan.token_id,
            user,
            display_name: TOKEN_NAME.to_owned(),
            scopes: Vec::new(),
            hint: bearer.hint(),
            create_time: now,
            expire_time: now + MAX_TTL,
            revoke_time: None,
        };
        api_tokens::insert(&mut tx, &token, &bearer).await.context("make the token")?;
    }
    tx.commit().await.context("commit")?;
    Ok(Bootstrapped {
        email: email.as_str().to_owned(),
        password: known_password.then(|| plan.password.to_string()),
        workspace: names::workspace(workspace),
        token: bearer.reveal().to_owned(),
    })
}

fn draft_path(out: &Path) -> PathBuf {
    out.with_extension("draft")
}

/// Writes JSON with mode 0600, on the disk before this returns.
fn write(path: &Path, content: &impl Serialize) -> anyhow::Result<()> {
    let shown = path.display();
    let text = Zeroizing::new(serde_json::to_string_pretty(content).context("write JSON")?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("write {shown}"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("write {shown}"))
}

impl std::fmt::Debug for First {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("First").field("workspace_name", &self.workspace_name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bootstrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrapped").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::Fixture;

    fn first(password: Option<&str>) -> First {
        First {
            email: "Ada@Example.com".into(),
            password: password.map(Into::into),
            workspace_name: "Home".into(),
        }
    }

    #[tokio::test]
    async fn first_account_can_sign_in_and_its_token_works() {
        let fixture = Fixture::start().await;
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("account.json");
        let made =
            bootstrap(&fixture.database, &fixture.ambient, &first(None), &out).await.expect("bootstrap");
        let read: Bootstrapped = serde_json::from_slice(&fs::read(&out).expect("file")).expect("JSON");
        assert!(read == made);
        assert_eq!(fs::metadata(&out).expect("file").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1, "no draft is left");

        let password = made.password.clone().expect("made");
        fixture.sign_in("ada@example.com", &password).await.expect("sign in");
        let caller = fixture.exchange(&made.token, &made.workspace).await.expect("exchange");
        assert!(!caller.is_empty());

        let again =
            bootstrap(&fixture.database, &fixture.ambient, &first(None), &out).await.expect_err("there");
        assert!(again.to_string().contains("not overwritten"), "{again}");
    }

    #[tokio::test]
    async fn second_run_takes_up_account_and_workspace() {
        let fixture = Fixture::start().await;
        let folder = tempfile::tempdir().expect("folder");
        let run = async |name: &str, password: Option<&str>| {
            let out = folder.path().join(name);
            bootstrap(&fixture.database, &fixture.ambient, &first(password), &out).await
        };
        let one = run("one.json", Some("correct horse battery")).await.expect("one");
        let two = run("two.json", None).await.expect("two");
        assert_eq!((two.workspace.as_str(), two.password), (one.workspace.as_str(), None));
        assert_ne!(two.token, one.token);
        let three = run("three.json", Some("correct horse battery")).await.expect("three");
        assert_eq!(three.password.as_deref(), Some("correct horse battery"));
        assert!(run("four.json", Some("another password!")).await.is_err());
        assert!(run("five.json", Some("too short")).await.is_err());
    }

    #[tokio::test]
    async fn crash_between_the_draft_and_the_file_is_made_good() {
        let fixture = Fixture::start().await;
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("account.json");
        let email = Email::parse("ada@example.com").expect("address");
        // What a crash right after the commit leaves: the draft, and everything in the database.
        let plan = plan(&email, &first(None), &fixture.ambient);
        write(&draft_path(&out), &plan).expect("draft");
        carry_out(&fixture.database, &fixture.ambient, &email, &plan, false).await.expect("carry out");
        let made = bootstrap(&fixture.database, &fixture.ambient, &first(None), &out).await.expect("again");
        assert_eq!(made.password.as_deref(), Some(plan.password.as_str()));
        assert_eq!(made.token, plan.token.as_str());
        let tokens: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.api_token")
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("count");
        assert_eq!(tokens, 1);
    }
}
