//! `link`: a link that signs a browser in, once.
//!
//! The code stands behind the `#`: browsers send that part to nobody, so it is in no log and no Referer.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use mc_chassis::ids::Ids;
use serde_json::json;
use tokio::process::Command;

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::demo::client::{Client, text};
use crate::state;

/// How long a link works, as identity has it, for people.
const TERMS: &str = "works once, for 10 minutes";

#[derive(Debug, Args)]
pub(crate) struct Link {
    /// Opens it in this machine's browser instead of printing it.
    #[arg(long)]
    open: bool,
}

/// Prints a link to the Mission Control that runs, and nothing else on standard output; or opens it.
pub(crate) async fn run(data: &DataDir, args: &Link, ids: &Ids) -> anyhow::Result<ExitCode> {
    let Some(state) = state::read(data)?.filter(|state| state.ready) else {
        bail!(
            "nothing runs on {} that could be signed in to; start it with `./mc up`",
            data.root().display()
        );
    };
    let link = make(data, &state.url, ids).await?;
    if !args.open {
        Console::stdout().line(link);
        return Ok(ExitCode::SUCCESS);
    }
    open(&link).await?;
    Console::stdout().line(format_args!("Opened in the browser; the link {TERMS}."));
    Ok(ExitCode::SUCCESS)
}

/// A fresh link to the edge at `url`, for the first account.
pub(crate) async fn make(data: &DataDir, url: &str, ids: &Ids) -> anyhow::Result<String> {
    let path = data.secrets().join("token");
    let token = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let client = Client::new(url, token.trim());
    // Each call makes another code; the key only says so to whatever stands in between.
    let reply = client.post("v1/auth:createSignInCode", &json!({}), &ids.uuid().to_string()).await;
    let code = text(&reply.context("make a link to sign in with")?, "/code")?;
    Ok(format!("{}/sign-in#code={code}", client.url()))
}

/// The line that `up` ends with: how to get in.
pub(crate) async fn line(data: &DataDir, url: &str, has_web: bool, console: Console, ids: &Ids) -> String {
    let (label, text) = if has_web {
        match make(data, url, ids).await {
            Ok(link) => ("Open", format!("{link}  ({TERMS}; ./mc link prints another)")),
            Err(error) => ("Open", format!("{url}  (no link to sign in with: {error:#})")),
        }
    } else {
        ("Web app", "not built: ./mc up builds it where Node.js 20.19 or newer is, or npm install && npm run build in desktop/".to_owned())
    };
    format!("  {} {text}", console.paint(Style::Bold, format_args!("{label:<10}")))
}

/// Hands the link to the browser of whoever sits here.
async fn open(link: &str) -> anyhow::Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = match command.status().await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("there is no {opener} here: run `./mc link` and open what it prints")
        }
        outcome => outcome.with_context(|| format!("start {opener}"))?,
    };
    if !status.success() {
        bail!("{opener} found no browser ({status}): run `./mc link` and open what it prints");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mc_chassis::Ambient;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with `status` and `body`; gives back the address and, later, the request.
    async fn edge(
        status: &'static str,
        body: &'static str,
    ) -> (String, tokio::sync::oneshot::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let (seen, request) = tokio::sync::oneshot::channel();
        mc_chassis::Lifecycle::new().spawn("edge of a test", async move {
            let (mut stream, _) = listener.accept().await.expect("accept");
            let mut bytes = vec![0; 4_096];
            let length = stream.read(&mut bytes).await.expect("read");
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.expect("write");
            seen.send(String::from_utf8_lossy(&bytes[..length]).into_owned()).expect("heard");
        });
        (url, request)
    }

    fn data() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().join("data"))).expect("locate");
        data.create().expect("create");
        std::fs::write(data.secrets().join("token"), "mc_pat_x\n").expect("token");
        (folder, data)
    }

    #[tokio::test]
    async fn code_stands_where_browsers_send_it_to_nobody() {
        mc_chassis::install_crypto();
        let (_folder, data) = data();
        let (url, request) = edge("200 OK", r#"{"code":"mc_otc_abc"}"#).await;
        let link = make(&data, &url, &Ambient::system().ids).await.expect("link");
        assert_eq!(link, format!("{url}/sign-in#code=mc_otc_abc"));
        let request = request.await.expect("request").to_lowercase();
        assert!(request.starts_with("post /v1/auth:createsignincode http/1.1"), "{request}");
        assert!(request.contains("authorization: bearer mc_pat_x\r\n"), "{request}");
    }

    #[tokio::test]
    async fn start_goes_on_without_a_link_and_says_why() {
        mc_chassis::install_crypto();
        let (_folder, data) = data();
        let problem = r#"{"reason":"TOKEN_REVOKED","detail":"the token was revoked"}"#;
        let (url, _request) = edge("401 Unauthorized", problem).await;
        let (console, ids) = (Console::stdout(), Ambient::system().ids);
        let said = line(&data, &url, true, console, &ids).await;
        assert!(said.contains("TOKEN_REVOKED") && !said.contains("#code"), "{said}");
        let said = line(&data, &url, false, console, &ids).await;
        assert!(said.contains("npm run build"), "{said}");
    }

    #[tokio::test]
    async fn nothing_that_runs_is_no_link() {
        let (_folder, data) = data();
        let refused = run(&data, &Link { open: false }, &Ambient::system().ids).await.expect_err("nothing");
        assert!(refused.to_string().contains("./mc up"), "{refused}");
    }
}
