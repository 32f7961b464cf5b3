//! Which processes a system is made of, in which order they start, and how each is told what it needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;
use tokio::time::Instant;

use crate::data_dir::DataDir;
use crate::first_start::Secrets;
use crate::foundation::Foundation;
use crate::health;
use crate::keeper::Unit;
use crate::ports;
use crate::process::{self, Farewell, Running};
use crate::state::{Label, Shape};

/// How long a process may take from its start until it serves.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// A service drains for up to 25 s by itself.
const FAREWELL: Farewell = &[(rustix::process::Signal::TERM, Duration::from_secs(30))];

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// Processes of each service, in a fleet.
    pub(crate) replicas: u16,
    pub(crate) workers: u16,
    /// Port of the edge.
    pub(crate) port: u16,
    /// A build of the web app, for the edge to serve.
    pub(crate) web_dir: Option<PathBuf>,
    /// Hosts that providers may be at although they are private.
    pub(crate) allowed_hosts: Vec<String>,
}

/// Processes that start together.
pub(crate) struct Stage {
    /// What runs once they do, for people.
    pub(crate) what: String,
    pub(crate) units: Vec<Unit>,
}

/// The processes of one system.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    data: &'a DataDir,
    secrets: &'a Secrets,
    foundation: &'a Foundation,
    plan: Plan,
    /// Listening addresses of each gRPC service's replicas, as MC_LISTEN takes them.
    listen: BTreeMap<&'static str, Vec<String>>,
    folder: PathBuf,
}

/// One process to be.
struct Spec {
    name: String,
    program: PathBuf,
    words: Vec<String>,
    env: Vec<(&'static str, String)>,
    /// As `health` asks; empty if it cannot be asked.
    address: String,
}

/// gRPC services in the order in which they need each other.
const SERVICES: [&str; 4] = ["identity", "registry", "llm", "tasks"];

impl<'a> Layout<'a> {
    /// Gives every process its place.
    pub(crate) fn new(
        data: &'a DataDir,
        secrets: &'a Secrets,
        foundation: &'a Foundation,
        plan: Plan,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let folder = program.parent().context("this program is in a folder")?.to_owned();
        let mut listen = BTreeMap::new();
        for service in SERVICES {
            let addresses = match plan.shape {
                Shape::Single => {
                    vec![format!("unix:{}", data.sockets().join(format!("{service}.sock")).display())]
                }
                Shape::Fleet => (0..plan.replicas)
                    .map(|_| Ok(format!("127.0.0.1:{}", ports::free()?)))
                    .collect::<anyhow::Result<_>>()?,
            };
            listen.insert(service, addresses);
        }
        Ok(Self { data, secrets, foundation, plan, listen, folder })
    }

    /// Address of the edge.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plan.port)
    }

    /// What is started, stage by stage.
    pub(crate) fn stages(&self) -> anyhow::Result<Vec<Stage>> {
        let workers =
            (1..=self.plan.workers).map(|number| self.worker(number)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut workers = (format!("{} workers", self.plan.workers), workers);
        let stages = match self.plan.shape {
            Shape::Single => {
                vec![
                    (
                        "identity, registry, llm, tasks and the edge, in one process".to_owned(),
                        vec![self.core()],
                    ),
                    workers,
                ]
            }
            Shape::Fleet => {
                let mut services = Vec::new();
                for service in SERVICES {
                    for (index, address) in self.listen[service].iter().enumerate() {
                        services.push(self.service(service, index, address)?);
                    }
                }
                workers.0 += " and the scheduler";
                workers.1.push(self.scheduler()?);
                let each = if self.plan.replicas == 1 { "one process" } else { "several processes" };
                vec![
                    (format!("identity, registry, llm and tasks, {each} each"), services),
                    ("the edge".to_owned(), vec![self.edge()]),
                    workers,
                ]
            }
        };
        Ok(stages
            .into_iter()
            .map(|(what, specs)| Stage {
                what,
                units: specs.into_iter().map(|spec| self.unit(spec)).collect(),
            })
            .collect())
    }

    fn core(&self) -> Spec {
        let mut env = self.at_the_edge();
        env.push(("MC_ADMIN_URL", self.foundation.admin_url.clone()));
        Spec {
            name: "core".into(),
            program: self.folder.join("mission-control"),
            words: vec!["--data-dir".into(), self.data.root().display().to_string(), "core".into()],
            env,
            address: self.url(),
        }
    }

    fn service(&self, service: &'static str, index: usize, address: &str) -> anyhow::Result<Spec> {
        let mut env = self.shared(service);
        env.push(("MC_LISTEN", address.to_owned()));
        env.push(("MC_DATABASE_URL", self.foundation.login_url(self.secrets, service, "api")?));
        if service == "identity" {
            env.push(("MC_RELAY_DATABASE_URL", self.foundation.login_url(self.secrets, service, "relay")?));
        }
        let name =
            if self.plan.replicas == 1 { service.to_owned() } else { format!("{service}-{}", index + 1) };
        let program = self.binary(&format!("mc-{service}"))?;
        Ok(Spec { name, program, words: vec!["serve".into()], env, address: format!("grpc:{address}") })
    }

    fn edge(&self) -> Spec {
        let env = self.at_the_edge();
        let program = self.folder.join("mc-gateway");
        Spec { name: "gateway".into(), program, words: vec!["serve".into()], env, address: self.url() }
    }

    /// What the process that holds the edge is told.
    fn at_the_edge(&self) -> Vec<(&'static str, String)> {
        let mut env = self.shared("gateway");
        env.push(("MC_LISTEN", format!("127.0.0.1:{}", self.plan.port)));
        env.extend(self.plan.web_dir.as_ref().map(|folder| ("MC_WEB_DIR", folder.display().to_string())));
        env
    }

    fn worker(&self, number: u16) -> anyhow::Result<Spec> {
        let mut env = self.shared("tasks");
        env.push(("MC_DATABASE_URL", self.foundation.login_url(self.secrets, "tasks", "engine")?));
        if std::env::var_os("MC_PUBLIC_URL").is_none() {
            env.push(("MC_PUBLIC_URL", self.url()));
        }
        let (program, words) = match self.plan.shape {
            Shape::Single => (self.folder.join("mission-control"), vec!["worker".to_owned()]),
            Shape::Fleet => {
                (self.binary("mc-tasks")?, ["serve", "--role", "worker"].map(str::to_owned).to_vec())
            }
        };
        Ok(Spec { name: format!("worker-{number}"), program, words, env, address: String::new() })
    }

    fn scheduler(&self) -> anyhow::Result<Spec> {
        let worker = self.worker(0)?;
        let words = ["serve", "--role", "scheduler"].map(str::to_owned).to_vec();
        Ok(Spec { name: "scheduler".into(), words, ..worker })
    }

    /// What every process is told.
    fn shared(&self, service: &str) -> Vec<(&'static str, String)> {
        let mut env = vec![
            ("MC_SERVICE_KEY_FILE", self.secrets.service_key(service).display().to_string()),
            ("MC_SERVICE_TRUST_FILE", self.secrets.trust().display().to_string()),
            ("MC_KEY_FILE", self.secrets.kek().display().to_string()),
            ("MC_EGRESS_ALLOW", self.plan.allowed_hosts.join(",")),
            ("MC_IDENTITY_URL", self.target("identity")),
            ("MC_REGISTRY_URL", self.target("registry")),
            ("MC_LLM_URL", self.target("llm")),
            ("MC_TASKS_URL", self.target("tasks")),
        ];
        env.extend(self.foundation.redis_url.clone().map(|url| ("MC_REDIS_URL", url)));
        env
    }

    /// Where clients find a service: all its replicas.
    fn target(&self, service: &str) -> String {
        let url = |address: &String| match address.strip_prefix("unix:") {
            Some(path) => format!("unix://{path}"),
            None => format!("http://{address}"),
        };
        self.listen[service].iter().map(url).collect::<Vec<_>>().join(",")
    }

    fn binary(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        if !path.is_file() {
            bail!("{} is not built: start with `./mc up --fleet`, which builds it", path.display());
        }
        Ok(path)
    }

    fn unit(&self, spec: Spec) -> Unit {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let label = Label { name: spec.name.clone(), address: spec.address.clone(), version };
        let log = self.data.log(&spec.name);
        let start = Box::new(move || {
            let mut command = Command::new(&spec.program);
            command.args(&spec.words).envs(spec.env.iter().map(|(name, value)| (*name, value)));
            // Ours are in the address list; what the machine's owner set for other programs stays out.
            command.env_remove("PORT");
            let (name, address, log) = (spec.name.clone(), spec.address.clone(), log.clone());
            Box::pin(async move {
                process::supervise(&mut command, &log)?;
                let running = Running::spawn(&name, command)?;
                until_it_serves(&name, running, &address, &log).await
            }) as _
        });
        Unit { label, start, farewell: FAREWELL }
    }
}

async fn until_it_serves(
    name: &str,
    mut running: Running,
    address: &str,
    log: &std::path::Path,
) -> anyhow::Result<Running> {
    let deadline = Instant::now() + START_PATIENCE;
    while !address.is_empty() {
        let Err(unwell) = health::check(address).await else { break };
        if let Some(status) = running.ended()? {
            bail!("{name} ended with {status} while it started:\n{}", process::tail(log, 12));
        }
        if Instant::now() > deadline {
            bail!("{name} does not serve ({unwell:#}); the end of its log:\n{}", process::tail(log, 12));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(running)
}
