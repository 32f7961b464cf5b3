//! `demo`: an agent carries out a real task end to end, through REST and the WebSocket as any client would use them.

mod checks;
pub(crate) mod client;
mod director;
mod follow;
mod letterbox;
mod proofs;
mod timeline;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use mc_chassis::Lifecycle;
use mc_chassis::ids::Ids;
use mc_proto::llm::v1::UsageTotal;
use mc_proto::tasks::v1::{ListRunEventsResponse, Run, RunState};
use serde_json::{Value, json};

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::state::{self, Shape};
use crate::temporary::Temporary;
use checks::{Check, Seen, equal, holds};
use client::{Client, text};
use director::{Accidents, Director};
use letterbox::Letterbox;
use timeline::{Timeline, dollars};

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Uses a system whose services are processes of their own.
    #[arg(long)]
    fleet: bool,
    /// Starts a system of its own, where workers are killed, even if one runs that could be used.
    #[arg(long, conflicts_with = "url")]
    own: bool,
    /// Edge of a system that runs elsewhere; its API token is read from MC_DEMO_TOKEN.
    #[arg(long, env = "MC_DEMO_URL")]
    url: Option<String>,
    /// An OpenAI-compatible server to use instead of the simulator: `https://host/v1`.
    #[arg(long, env = "MC_DEMO_BASE_URL")]
    base_url: Option<String>,
    /// A model of that server.
    #[arg(long, env = "MC_DEMO_MODEL", requires = "base_url")]
    model: Option<String>,
}

const INSTRUCTIONS: &str = "You are a careful writer on a small team. Write what is asked for as a file with \
    write_artifact, read it back with read_artifact, and then call finish with a one-sentence summary and the \
    file's name as evidence.";
const TITLE: &str = "Say what Mission Control is";
const BRIEF: &str = "Write a short report.md that tells a new colleague what Mission Control does: agents that carry out \
    long-running tasks, a journal that loses nothing, and costs that everybody can see. Three short paragraphs.";

const ERRAND_INSTRUCTIONS: &str = "You are a careful writer on a small team. Write what is asked for as a file with \
    write_artifact, post word of it with http_request to the address in the brief, and then call finish with a \
    one-sentence summary and the file's name as evidence.";
const ERRAND_TITLE: &str = "Report, and send word";

/// Runs the demo; the code is 1 if a check does not hold.
pub(crate) async fn run(data: &DataDir, args: Demo, ids: &Ids) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let shape = if args.fleet { Shape::Fleet } else { Shape::Single };
    let running =
        state::read(data)?.filter(|state| state.ready && !args.own && (state.shape == shape || !args.fleet));
    if let Some(url) = &args.url {
        let token =
            std::env::var("MC_DEMO_TOKEN").context("set MC_DEMO_TOKEN to an API token of that system")?;
        return play(console, &Client::new(url, &token), &args, ids, None).await;
    }
    if let Some(state) = running {
        console.line(format_args!(
            "Using the system that runs at {}. It is left in peace: to see workers killed, add --own.",
            state.url
        ));
        let token = std::fs::read_to_string(data.secrets().join("token")).context("read the API token")?;
        return play(console, &Client::new(&state.url, token.trim()), &args, ids, None).await;
    }
    console.line("Starting a system for this demo alone.");
    let lifecycle = Lifecycle::new();
    let letterbox = Letterbox::open(&lifecycle).await?;
    let outside = args.base_url.clone().unwrap_or_else(|| letterbox.url());
    let temporary = Temporary::start(shape, Some(&outside)).await?;
    let token = temporary.token()?;
    // What a real model does cannot be foretold, so the accidents are for the script alone.
    let accidents = args.base_url.is_none().then(|| Accidents::planned(temporary.data(), &letterbox));
    let played = play(console, &Client::new(temporary.url(), &token), &args, ids, accidents).await;
    lifecycle.shutdown(Duration::from_secs(1)).await;
    if played.as_ref().is_ok_and(|code| *code == ExitCode::SUCCESS) {
        temporary.stop().await?;
    } else {
        temporary.keep(console).await?;
    }
    played
}

async fn play(
    console: Console,
    client: &Client,
    args: &Demo,
    ids: &Ids,
    accidents: Option<Accidents<'_>>,
) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let me = client.get("v1/me").await?;
    let workspace = text(&me, "/memberships/0/workspace")?;
    let model = match &args.base_url {
        Some(base_url) => {
            let model = args.model.as_deref().context("name a model of that server: MC_DEMO_MODEL")?;
            format!("{}/{model}", add_provider(client, &workspace, base_url, model, ids).await?)
        }
        None if accidents.is_some() => "simulator/errand".to_owned(),
        None => "simulator/demo".to_owned(),
    };
    let letters = accidents.as_ref().map(|accidents| accidents.letterbox.url());
    let run = start_run(console, client, &workspace, &model, letters.as_deref(), ids).await?;
    let mut timeline = Timeline::new(console);
    let mut director = Director::new(console, client, ids, accidents);
    let seen = follow::follow(client, &run, &mut timeline, &mut director).await?;
    let mut checks = conclude(console, client, &workspace, &run, &seen, args.base_url.is_none()).await?;
    checks.extend(proofs::of_the_accidents(&seen.events, &director));

    console.line(console.paint(Style::Bold, "\nChecked"));
    for check in &checks {
        match &check.problem {
            None => console.line(format_args!("  {} {}", console.paint(Style::Good, "✓"), check.what)),
            Some(problem) => console.bad(format_args!("{}: {problem}", check.what)),
        }
    }
    let failed = checks.iter().filter(|check| check.problem.is_some()).count();
    let took = started.elapsed().as_secs_f64();
    if failed > 0 {
        console.line(
            console.paint(Style::Bad, format_args!("\n{failed} of {} checks do not hold.", checks.len())),
        );
        return Ok(ExitCode::FAILURE);
    }
    console.line(
        console.paint(Style::Good, format_args!("\nAll {} checks hold, in {took:.1} s.", checks.len())),
    );
    Ok(ExitCode::SUCCESS)
}

/// Adds the server as a provider, with its key in the vault if it needs one; gives back the provider's id.
async fn add_provider(
    client: &Client,
    workspace: &str,
    base_url: &str,
    model: &str,
    ids: &Ids,
) -> anyhow::Result<String> {
    let credential = match std::env::var("MC_DEMO_API_KEY").ok().filter(|key| !key.is_empty()) {
        None => String::new(),
        Some(key) => {
            let body = json!({"credential": {"displayName": "Key of the demo's provider"}, "secret": key});
            let made =
                client.post(&format!("v1/{workspace}/credentials"), &body, &ids.uuid().to_string()).await?;
            text(&made, "/credential/name")?
        }
    };
    // A provider cannot be changed, so each demo adds its own.
    let id = format!("demo-{}", &ids.uuid().simple().to_string()[20..]);
    let provider = json!({
        "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE",
        "displayName": "The demo's provider",
        "baseUrl": base_url,
        "credential": credential,
        "models": [model],
    });
    let path = format!("v1/{workspace}/providers?providerId={id}");
    client.post(&path, &provider, &ids.uuid().to_string()).await?;
    Ok(id)
}

/// Makes agent, version, task and run; gives back the run's name.
async fn start_run(
    console: Console,
    client: &Client,
    workspace: &str,
    model: &str,
    letters: Option<&str>,
    ids: &Ids,
) -> anyhow::Result<String> {
    let mut tools = vec![json!({"tool": "write_artifact"}), json!({"tool": "read_artifact"})];
    let (mut title, mut brief) = (TITLE, BRIEF.to_owned());
    if let Some(letters) = letters {
        // The letterbox promises nothing about letters that come twice, as most servers do not.
        tools.push(
            json!({"tool": "http_request", "policy": "TOOL_POLICY_ASK", "allowedHosts": ["127.0.0.1"]}),
        );
        title = ERRAND_TITLE;
        brief = format!("{BRIEF} Then post one letter to {letters} that says that the report is ready.");
    }
    let agent = json!({
        "displayName": "Ada",
        "role": "Writer",
        "avatar": "✍️",
        "spec": {
            "instructions": if letters.is_some() { ERRAND_INSTRUCTIONS } else { INSTRUCTIONS },
            "model": model,
            "tools": tools,
            "limits": {"maxSteps": 20},
        },
    });
    let key = || ids.uuid().to_string();
    let made = client.post(&format!("v1/{workspace}/agents"), &agent, &key()).await?;
    let agent = text(&made, "/agent/name")?;
    let published =
        client.post(&format!("v1/{agent}:publish"), &json!({"note": "For the demo"}), &key()).await?;
    let version = text(&published, "/agentVersion/name")?;
    let task = json!({"title": title, "brief": brief, "assignee": agent, "acceptanceChecks": ["report.md exists and is not empty"]});
    let made = client.post(&format!("v1/{workspace}/tasks"), &task, &key()).await?;
    let task = text(&made, "/task/name")?;
    let run = text(&client.post(&format!("v1/{task}:start"), &json!({}), &key()).await?, "/run/name")?;
    for (what, name) in [("Agent", &version), ("Task", &task), ("Run", &run)] {
        console.line(format_args!("{} {name}", console.paint(Style::Bold, format_args!("{what:<6}"))));
    }
    console.line("");
    Ok(run)
}

/// Reads what the run left behind, shows it, and checks it against what was seen.
async fn conclude(
    console: Console,
    client: &Client,
    workspace: &str,
    run_name: &str,
    seen: &Seen,
    priced: bool,
) -> anyhow::Result<Vec<Check>> {
    let reply = client.get(&format!("v1/{run_name}")).await?;
    let run: Run = mc_proto::json::from_value(&reply["run"]).context("read the run")?;
    let usage = client.get(&format!("v1/{workspace}/usage?run={run_name}")).await?;
    let total: UsageTotal = mc_proto::json::from_value(&usage["total"]).context("read the usage")?;
    console.line(format_args!(
        "\n{} {} for {} model calls, {} tokens",
        console.paint(Style::Bold, "Cost"),
        dollars(run.cost_nano_usd),
        run.steps,
        run.total_tokens
    ));

    let mut checks = seen.checks();
    let journal = client.get(&format!("v1/{run_name}/events?pageSize=1000")).await?;
    let journal: ListRunEventsResponse = mc_proto::json::from_value(&journal).context("read the journal")?;
    checks.push(holds(
        format!("the journal has the same {} events, read again over REST", seen.events.len()),
        journal.events == seen.events && journal.head_seq == run.head_seq,
        format!("{} events, head {}", journal.events.len(), journal.head_seq),
    ));
    checks.push(equal("the run's state is SUCCEEDED", &run.state(), &RunState::Succeeded));
    checks.push(equal("the ledger's total is the run's cost", &total.cost_nano_usd, &run.cost_nano_usd));
    checks.extend(proofs::of_the_journal(&seen.events, &total));
    if priced {
        checks.push(holds("the run cost something", run.cost_nano_usd > 0, "it was free"));
    }
    let artifacts = client.get(&format!("v1/{workspace}/artifacts?run={run_name}")).await?;
    checks.push(show_artifact(console, client, &artifacts).await?);
    Ok(checks)
}

async fn show_artifact(console: Console, client: &Client, artifacts: &Value) -> anyhow::Result<Check> {
    let what = "the artifact has the content that was promised";
    let Some(artifact) = artifacts.pointer("/artifacts/0") else {
        return Ok(holds(what, false, "the run left no artifact"));
    };
    let name = text(artifact, "/name")?;
    let (media_type, content) = client.download(&format!("v1/{name}:download")).await?;
    let title = format!("{} ({media_type}, {} bytes)", text(artifact, "/path")?, content.len());
    console.line(format_args!("{} {title}", console.paint(Style::Bold, "File")));
    for line in String::from_utf8_lossy(&content).lines().take(40) {
        console.line(format_args!("  {} {line}", console.paint(Style::Dim, "│")));
    }
    let promised = text(artifact, "/sizeBytes")?;
    Ok(holds(
        what,
        !content.is_empty() && promised == content.len().to_string(),
        format!("{promised} bytes promised, {} came", content.len()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        demo: Demo,
    }

    #[test]
    fn system_of_its_own_is_not_elsewhere() {
        let error = Line::try_parse_from(["demo", "--own", "--url", "http://127.0.0.1:1"]).expect_err("both");
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }

    #[test]
    fn model_without_a_server_is_refused() {
        let error = Line::try_parse_from(["demo", "--model", "llama"]).expect_err("no server").to_string();
        assert!(error.contains("--base-url"), "{error}");
    }
}
