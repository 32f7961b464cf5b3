//! `up`: starts everything in order, keeps it running, and stops it in the opposite order.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use mc_chassis::Ambient;
use mc_chassis::lifecycle::Lifecycle;
use tokio::sync::mpsc;

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::first_start::Secrets;
use crate::foundation::{Foundation, Redises};
use crate::keeper::{Keepers, Kept, Patience};
use crate::layout::{Layout, Plan};
use crate::state::{Ledger, Shape};
use crate::{bootstrap, detached, link, ports};

/// The port that people expect.
const PORT: u16 = 8080;

#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    /// Every service its own process over TCP, with Redis: the shape of production.
    #[arg(long)]
    fleet: bool,
    /// Processes of each service.
    #[arg(long, default_value_t = 1, requires = "fleet", value_parser = clap::value_parser!(u16).range(1..=8))]
    replicas: u16,
    /// Worker processes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Port of the edge on 127.0.0.1; 8080 or the next free one when left out, 0 for any.
    #[arg(long)]
    port: Option<u16>,
    /// Folder with a build of the web app; `./mc` names desktop/dist when it is there.
    #[arg(long, env = "MC_WEB_DIR", value_name = "FOLDER", value_parser = web_dir)]
    web_dir: Option<PathBuf>,
    /// Host on this machine or in a private network that model providers may be at; may be given more than once.
    #[arg(long = "allow-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// Goes on in the background once everything runs.
    #[arg(short, long)]
    detach: bool,
    /// Set by `--detach` for the process in the background.
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
    /// Set by `demo` for a system of its own, which nobody else needs to be told about.
    #[arg(long, hide = true)]
    temporary: bool,
}

/// A build of the web app, by its absolute path: the edge may run elsewhere.
fn web_dir(text: &str) -> Result<PathBuf, String> {
    let folder = std::path::absolute(text).map_err(|error| error.to_string())?;
    let index = folder.join("index.html");
    if index.is_file() { Ok(folder) } else { Err(format!("there is no {}", index.display())) }
}

/// Starts everything and stays until it is told to stop, or until something cannot be kept running.
pub(crate) async fn run(data: &DataDir, args: Up, ambient: &Ambient) -> anyhow::Result<ExitCode> {
    if args.detach {
        return detached::start(data, args.web_dir.is_some(), &ambient.ids).await;
    }
    if args.detached {
        detached::leave_the_terminal()?;
    }
    data.create()?;
    let mut lock = data.lock()?;
    let console = Console::stdout();
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals().context("listen for signals")?;
    let shape = if args.fleet { Shape::Fleet } else { Shape::Single };
    let (fatal, mut given_up) = mpsc::channel(8);
    let ledger = Ledger::begin(data, shape)?;
    let keepers = Keepers {
        console,
        ledger: ledger.clone(),
        lifecycle: lifecycle.clone(),
        patience: Patience::default(),
        fatal,
    };

    console.line(console.paint(Style::Bold, format_args!("Mission Control {}", env!("CARGO_PKG_VERSION"))));
    let mut system = System { foundation: None, services: Vec::new() };
    let draining = lifecycle.draining();
    // A signal while starting stops the start.
    let outcome = tokio::select! {
        started = system.start(data, &args, shape, &keepers, ambient) => started,
        () = draining.cancelled() => Err(anyhow::anyhow!("stopped while starting")),
    };
    let outcome = match outcome {
        Ok(ready) => {
            lock.say(&format!("at {}", ready.url))?;
            if !args.temporary {
                // What a background process prints is its log; who started it is told by the process in the foreground.
                let way_in = if args.detached {
                    None
                } else {
                    let has_web = args.web_dir.is_some();
                    Some(link::line(data, &ready.url, has_web, console, &ambient.ids).await)
                };
                ready.announce(console, data, way_in);
            }
            tokio::select! {
                () = draining.cancelled() => Ok(()),
                Some(error) = given_up.recv() => Err(error.context("Mission Control cannot go on")),
            }
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        console.bad(format_args!("{error:#}"));
    }
    console.line("Stopping.");
    let started = Instant::now();
    system.stop().await;
    ledger.end()?;
    lifecycle.shutdown(Duration::from_secs(5)).await;
    console.done("everything is stopped", started.elapsed());
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was started, in order.
struct System {
    foundation: Option<Foundation>,
    /// Stages; the processes of one do not need each other.
    services: Vec<Vec<Kept>>,
}

/// What a person is told once everything runs.
struct Ready {
    url: String,
    workspace: String,
}

impl System {
    async fn start(
        &mut self,
        data: &DataDir,
        args: &Up,
        shape: Shape,
        keepers: &Keepers,
        ambient: &Ambient,
    ) -> anyhow::Result<Ready> {
        let console = keepers.console;
        let secrets = Secrets::ensure(&data.secrets(), &ambient.ids)?;
        let redises = if args.fleet { Redises::Always } else { Redises::IfNamed };
        let foundation =
            self.foundation.insert(Foundation::lay(data, &secrets, keepers, redises, &ambient.ids).await?);

        let started = Instant::now();
        bootstrap::migrate(&foundation.admin_url, &secrets).await?;
        console.done("database is up to date", started.elapsed());
        let started = Instant::now();
        let first = bootstrap::first_account(&foundation.admin_url, &secrets, ambient).await?;
        if first.made {
            console.done("first account, workspace and API token made", started.elapsed());
        }

        let port = match args.port {
            Some(0) => ports::free()?,
            Some(port) => ports::must_be_free(port)?,
            None => ports::next_free(PORT)?,
        };
        let plan = Plan {
            shape,
            replicas: args.replicas,
            workers: args.workers,
            port,
            web_dir: args.web_dir.clone(),
            allowed_hosts: args.allowed_hosts.clone(),
        };
        let layout = Layout::new(data, &secrets, foundation, plan)?;
        for stage in layout.stages()? {
            let started = Instant::now();
            // Processes of a stage do not need each other, so they start together.
            let units = stage.units.into_iter().map(|unit| keepers.keep(unit));
            let (kept, failed): (Vec<_>, Vec<_>) =
                futures::future::join_all(units).await.into_iter().partition(Result::is_ok);
            // What did start is stopped with the rest.
            self.services.push(kept.into_iter().flatten().collect());
            if let Some(Err(error)) = failed.into_iter().next() {
                return Err(error);
            }
            console.done(stage.what, started.elapsed());
        }
        let ready = Ready { url: layout.url(), workspace: first.workspace };
        keepers.ledger.change(|state| {
            state.url.clone_from(&ready.url);
            state.workspace.clone_from(&ready.workspace);
            state.ready = true;
        })?;
        Ok(ready)
    }

    /// Stops the services, last started first, then what they stand on.
    async fn stop(&mut self) {
        while let Some(stage) = self.services.pop() {
            futures::future::join_all(stage.into_iter().map(Kept::stop)).await;
        }
        if let Some(foundation) = self.foundation.take() {
            foundation.stop().await;
        }
    }
}

impl Ready {
    /// `way_in` is a secret: nobody is given it whose output is kept.
    fn announce(&self, console: Console, data: &DataDir, way_in: Option<String>) {
        let stop = if way_in.is_some() { "Ctrl-C, or ./mc down" } else { "./mc down" };
        console.line("");
        if let Some(way_in) = way_in {
            console.line(way_in);
        }
        for (what, text) in [
            ("Edge", self.url.as_str()),
            ("API", &format!("{}/openapi.json", self.url)),
            ("Workspace", &self.workspace),
            ("Token", &format!("./mc token   (kept in {})", data.secrets().join("token").display())),
            ("Try", "./mc demo    ./mc status    ./mc logs -f    ./mc link --open"),
            ("Stop", stop),
        ] {
            console.line(format_args!("  {} {text}", console.paint(Style::Bold, format_args!("{what:<10}"))));
        }
        console.line("");
    }
}
