//! `up --detach`: the same program in the background, with the start shown here.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use mc_chassis::ids::Ids;
use tokio::process::Command;
use tokio::time::Instant;

use crate::console::Console;
use crate::data_dir::DataDir;
use crate::{link, state};

const PATIENCE: Duration = Duration::from_mins(5);

/// Starts this program again in the background, waits until everything runs, and says how to get in: the background
/// process must not, because what it prints is kept as its log.
pub(crate) async fn start(data: &DataDir, has_web: bool, ids: &Ids) -> anyhow::Result<ExitCode> {
    data.create()?;
    if let Some(holder) = data.holder()? {
        bail!("Mission Control already runs on {} (pid {holder}); see `./mc status`", data.root().display());
    }
    let path = data.log("up");
    let mut options = OpenOptions::new();
    let log = options.create(true).write(true).truncate(true).mode(0o600).open(&path);
    let log = log.with_context(|| format!("open {}", path.display()))?;
    let copy = log.try_clone().context("open the log twice")?;
    // The same words, but for the one that made this start a background one.
    let words = std::env::args_os().skip(1).filter(|word| word != "-d" && word != "--detach");
    let mut child = Command::new(std::env::current_exe().context("find this program")?)
        .args(words)
        .arg("--detached")
        .env_remove("MC_STOP_WITH_STDIN")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(copy)
        .spawn()
        .context("start in the background")?;
    let (console, deadline, mut shown) = (Console::stdout(), Instant::now() + PATIENCE, 0);
    loop {
        let ready = state::read(data).ok().flatten().filter(|state| state.ready);
        let ended = child.try_wait().context("look at the background process")?;
        // Read after the looks above, so that nothing it said before them is missed.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        console.write(&text[shown..]);
        shown = text.len();
        match ended {
            Some(status) => bail!("it ended with {status}; its log is {}", path.display()),
            None if let Some(state) = &ready => {
                let way_in = link::line(data, &state.url, has_web, console, ids).await;
                // What it said since then.
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                console.write(text.get(shown..).unwrap_or_default());
                console.line(way_in);
                return Ok(ExitCode::SUCCESS);
            }
            None if Instant::now() > deadline => {
                bail!("it is not ready after {} s; see {}", PATIENCE.as_secs(), path.display())
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Makes this process leader of a session of its own, so that a closed terminal does not end it.
pub(crate) fn leave_the_terminal() -> anyhow::Result<()> {
    rustix::process::setsid().map(drop).context("leave the terminal")
}
