//! What happens to the run while it is watched: a person decides what it asks, and workers are killed at the worst moments.

use std::time::Duration;

use anyhow::{Context, bail};
use mc_chassis::ids::Ids;
use mc_proto::tasks::v1::{RunEvent, run_event::Kind};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::Client;
use super::follow::LiveText;
use super::letterbox::Letterbox;
use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::state;

/// Live text of the first answer after which its worker is killed: well inside it, and far from its end.
const BYTES_BEFORE_THE_KILL: usize = 60;
/// How long killed workers may take to be there again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the people and the accidents.
#[derive(Debug)]
pub(super) struct Director<'a> {
    console: Console,
    client: &'a Client,
    ids: &'a Ids,
    accidents: Option<Accidents<'a>>,
    /// Approvals that were given.
    pub(super) approved: u32,
    /// Unknown outcomes that were settled.
    pub(super) settled: u32,
}

/// What goes wrong, on a system of our own.
#[derive(Debug)]
pub(super) struct Accidents<'a> {
    /// The system whose workers are killed.
    pub(super) data: &'a DataDir,
    /// The outside world.
    pub(super) letterbox: &'a Letterbox,
    /// Worker processes killed in the middle of a model call.
    pub(super) killed_in_call: usize,
    /// Worker processes killed between a tool's intent and its result.
    pub(super) killed_in_tool: usize,
}

impl<'a> Accidents<'a> {
    /// Accidents that are still to happen.
    pub(super) fn planned(data: &'a DataDir, letterbox: &'a Letterbox) -> Self {
        Self { data, letterbox, killed_in_call: 0, killed_in_tool: 0 }
    }
}

impl<'a> Director<'a> {
    pub(super) fn new(
        console: Console,
        client: &'a Client,
        ids: &'a Ids,
        accidents: Option<Accidents<'a>>,
    ) -> Self {
        Self { console, client, ids, accidents, approved: 0, settled: 0 }
    }

    /// The accidents, as far as they have happened.
    pub(super) fn accidents(&self) -> Option<&Accidents<'a>> {
        self.accidents.as_ref()
    }

    /// Comes back when something happened outside that calls for [`Director::outside`]; never where nothing is planned.
    pub(super) async fn awaits(&self) {
        match &self.accidents {
            Some(accidents) if accidents.killed_in_tool == 0 => accidents.letterbox.arrival().await,
            _ => std::future::pending().await,
        }
    }

    /// The letter has arrived and its sender waits for the answer: its worker dies before it hears it.
    pub(super) async fn outside(&mut self) -> anyhow::Result<()> {
        let Some(accidents) = &mut self.accidents else { return Ok(()) };
        self.console.warn(self.console.paint(
            Style::Warn,
            "The letter has arrived. Killing the workers with SIGKILL before they hear of it.",
        ));
        accidents.killed_in_tool = kill_workers(accidents.data).await?;
        accidents.letterbox.answer();
        Ok(())
    }

    /// Live text flows.
    pub(super) async fn live(&mut self, text: &LiveText, bytes_so_far: usize) -> anyhow::Result<()> {
        let Some(accidents) = &mut self.accidents else { return Ok(()) };
        if accidents.killed_in_call > 0 || text.step != 1 || bytes_so_far < BYTES_BEFORE_THE_KILL {
            return Ok(());
        }
        self.console.line("");
        self.console.warn(
            self.console
                .paint(Style::Warn, "Killing the workers with SIGKILL in the middle of this model call."),
        );
        accidents.killed_in_call = kill_workers(accidents.data).await?;
        Ok(())
    }

    /// The journal has grown; each event comes once, whatever connections are lost.
    pub(super) async fn event(&mut self, event: &RunEvent) -> anyhow::Result<()> {
        match &event.kind {
            Some(Kind::ApprovalRequested(asked)) => {
                self.decide(&asked.inbox_item, json!({"approve": {}})).await?;
                self.approved += 1;
            }
            Some(Kind::OutcomeUnknown(asked)) => {
                let letters =
                    self.accidents.as_ref().map_or(0, |accidents| accidents.letterbox.letters().len());
                let decision = match letters {
                    0 => json!({"retry": {}}),
                    _ => json!({"markDone": {"result": "I looked: the letter is in the letterbox."}}),
                };
                self.decide(&asked.inbox_item, decision).await?;
                self.settled += 1;
            }
            Some(Kind::QuestionAsked(asked)) => {
                let text = asked.choices.first().map_or("Do as you think best.", String::as_str).to_owned();
                self.decide(&asked.inbox_item, json!({"answer": {"text": text}})).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn decide(&self, item: &str, decision: Value) -> anyhow::Result<()> {
        let listed = self.client.get(&format!("v1/{item}")).await?;
        let state = listed.pointer("/inboxItem/state").and_then(Value::as_str).unwrap_or_default();
        if state != "INBOX_ITEM_STATE_OPEN" {
            bail!("the inbox has {item} as {state}, though the run asks");
        }
        let key = self.ids.uuid().to_string();
        self.client.post(&format!("v1/{item}:decide"), &json!({"decision": decision}), &key).await?;
        Ok(())
    }
}

/// Kills every worker process, and comes back when all of them are there again; says how many there were.
async fn kill_workers(data: &DataDir) -> anyhow::Result<usize> {
    let workers = |state: state::State| -> Vec<(String, Option<i32>)> {
        let all = state.processes.into_iter().filter(|process| process.name.starts_with("worker"));
        all.map(|process| (process.name, process.pid)).collect()
    };
    let read = || state::read(data)?.context("the system that the demo started is gone");
    let before = workers(read()?);
    let victims: Vec<Pid> = before.iter().filter_map(|(_, pid)| Pid::from_raw((*pid)?)).collect();
    if victims.is_empty() {
        bail!("there is no worker process to kill");
    }
    for victim in &victims {
        // One that has just died by itself is as dead as we want it.
        let _ = kill_process(*victim, Signal::KILL);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = workers(read()?);
        let back = now.iter().zip(&before).all(|(now, before)| now.1.is_some() && now.1 != before.1);
        if back {
            return Ok(victims.len());
        }
        if Instant::now() > deadline {
            bail!("the killed workers were not started again within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
