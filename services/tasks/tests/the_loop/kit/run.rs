//! A run in memory, carried on by doing what `next` says.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use mc_tasks::domain::arguments::Arguments;
use mc_tasks::domain::brief::{RunBrief, RunLimits};
use mc_tasks::domain::conversation::{FinishReason, Message, Usage};
use mc_tasks::domain::decide::{Ask, Delegate, ModelCall, Next, ToolUse, next};
use mc_tasks::domain::event::{
    ArtifactRef, ChildCancelCause, ChildCancelled, ChildStarted, ChildrenCancelled, Event,
    ModelCallCompleted, ModelCallFailed, Queued, Record, RunError,
};
use mc_tasks::domain::fold::{PendingIntent, RunFold, RunState};
use mc_tasks::domain::id::{ArtifactId, CommandId, InboxItemId, RunId, TaskId};
use mc_tasks::domain::mail::{self, Reading};
use mc_tasks::domain::order::{CommandKind, Decision, Letter, LetterContent, RUN_PAUSED, RUN_STEERED};
use mc_tasks::domain::retry::{self, AfterFailure};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{PERSON, START, Turn, agent, brief, task};

/// A run in memory.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// All that is durable.
    pub(crate) journal: Vec<Record>,
    /// What a worker knows.
    pub(crate) fold: RunFold,
    /// The time.
    pub(crate) now: OffsetDateTime,
    /// What the model does next.
    pub(crate) script: VecDeque<Turn>,
    /// Each request that was sent, with its key; an attached call is there again.
    pub(crate) requests: Vec<ModelCall>,
    /// Each tool call that was carried out.
    pub(crate) carried_out: Vec<ToolUse>,
    /// What people were asked, with the items that were opened for it.
    pub(crate) asked: Vec<(InboxItemId, Ask)>,
    /// What was handed to others.
    pub(crate) delegated: Vec<Delegate>,
    /// The model counts tokens as we estimate them; 10 of each prompt else.
    pub(crate) counts: bool,
    letters: i64,
    files: BTreeMap<String, String>,
}

impl Run {
    /// A queued run.
    pub(crate) fn new(brief: RunBrief, script: impl IntoIterator<Item = Turn>) -> Self {
        Self::scheduled(brief, None, script)
    }

    /// A run that is to start then.
    pub(crate) fn scheduled(
        brief: RunBrief,
        start_at: Option<OffsetDateTime>,
        script: impl IntoIterator<Item = Turn>,
    ) -> Self {
        let queued = Queued { brief: brief.into(), start_at };
        let record = Record { seq: 1, at: START, event: Event::Queued(queued) };
        Self {
            fold: RunFold::begin(&record).unwrap(),
            journal: vec![record],
            now: START,
            script: script.into_iter().collect(),
            requests: vec![],
            carried_out: vec![],
            asked: vec![],
            delegated: vec![],
            counts: false,
            letters: 0,
            files: BTreeMap::new(),
        }
    }

    /// A run of the usual task and agent.
    pub(crate) fn usual(script: impl IntoIterator<Item = Turn>) -> Self {
        Self::new(brief(task(), agent()), script)
    }

    /// An artifact is there already.
    pub(crate) fn has_file(&mut self, path: &str, content: &str) {
        self.files.insert(path.into(), content.into());
    }

    /// Commits a record, through its JSON as a database would.
    pub(crate) fn append(&mut self, event: Event) {
        self.now += Duration::milliseconds(10);
        let event = Event::from_json(&event.to_json()).unwrap();
        let record = Record { seq: self.fold.head_seq() + 1, at: self.now, event };
        self.fold.apply(&record).unwrap_or_else(|error| panic!("{error}\n{}", self.story()));
        self.journal.push(record);
    }

    /// Works until the run ends or the script does.
    pub(crate) fn played(mut self) -> Self {
        while self.step() {}
        self
    }

    /// Does the next thing; false when nothing can be done.
    pub(crate) fn step(&mut self) -> bool {
        match next(&self.fold, self.now) {
            Next::Ended | Next::Paused => return false,
            Next::Wait(_) => return self.sleep(),
            Next::Ask(asks) => self.ask(asks),
            Next::RetryAt(at) => self.now = at,
            Next::Append(events) => events.into_iter().for_each(|event| self.append(event)),
            Next::CallModel(call) => return self.call_model(*call),
            Next::Delegate(delegate) => self.delegate(&delegate),
            Next::CancelChildren(runs) => self.cancel_children(&runs),
            Next::UseTools(uses) => {
                for event in uses.iter().filter_map(|used| used.intent.clone()) {
                    self.append(event);
                }
                for used in uses {
                    let event = self.carry_out(&used);
                    self.carried_out.push(used);
                    self.append(event);
                }
            }
        }
        true
    }

    /// Waits for the time that the run waits for; false if there is none.
    fn sleep(&mut self) -> bool {
        let Some(at) = self.fold.wake_at() else { return false };
        assert!(at > self.now, "it waits for what is past");
        self.now = at;
        true
    }

    /// Hands work over; the runs have the numbers behind those that were handed over before.
    pub(crate) fn delegate(&mut self, delegate: &Delegate) {
        let first = 500 + self.delegated.iter().map(|it| it.pieces.len() as u128).sum::<u128>();
        let children = (first..).zip(&delegate.pieces).map(|(number, (agent, piece))| {
            let limits = delegate.ceiling.lower(RunLimits::default());
            ChildStarted {
                run: RunId::new(Uuid::from_u128(number)),
                task: TaskId::new(Uuid::from_u128(number + 1_000)),
                teammate: piece.teammate.clone(),
                title: piece.title.clone(),
                agent: *agent,
                agent_version: 3,
                max_tokens: limits.max_tokens,
                max_cost_nano_usd: limits.max_cost_nano_usd,
            }
        });
        self.append(delegate.started(children.collect()));
        self.delegated.push(delegate.clone());
    }

    fn cancel_children(&mut self, runs: &[RunId]) {
        let order = |run: &RunId| ChildCancelled { run: *run, command: CommandId::new(run.uuid()) };
        let children = runs.iter().map(order).collect();
        let cause = ChildCancelCause::NotNeeded;
        self.append(Event::ChildrenCancelled(ChildrenCancelled { children, cause }));
    }

    /// Opens an inbox item for each.
    pub(crate) fn ask(&mut self, asks: Vec<Ask>) {
        for ask in asks {
            let item = InboxItemId::new(Uuid::from_u128(100 + self.asked.len() as u128));
            self.append(ask.event(item));
            self.asked.push((item, ask));
        }
    }

    /// Puts letters into the mailbox, and reads them as a worker does; what it comes to.
    pub(crate) fn reads(&mut self, contents: Vec<LetterContent>, at_rest: bool) -> Reading {
        let mut letters = Vec::new();
        for content in contents {
            self.letters += 1;
            letters.push(Letter { number: self.letters, sender: PERSON, sent_at: self.now, content });
        }
        let reading = mail::read(&self.fold, &letters, at_rest);
        reading.events.iter().for_each(|event| self.append(event.clone()));
        reading
    }

    /// The model call that is under way is stopped, as a worker does when it is not to be waited for.
    pub(crate) fn interrupt(&mut self) -> bool {
        let stopped = interrupted(&self.fold, self.now);
        stopped.map(|event| self.append(event)).is_some()
    }

    /// A person decides on the first thing that is open.
    pub(crate) fn decided(&mut self, decision: Decision) {
        let item = self.fold.open_items().first().expect("something is open").item;
        let reading = self.reads(vec![LetterContent::Decision { item, decision }], true);
        assert!(reading.stray.is_empty(), "{reading:?}");
    }

    fn call_model(&mut self, call: ModelCall) -> bool {
        if let Some(intent) = call.intent.clone() {
            self.append(intent);
        }
        self.requests.push(call.clone());
        match self.script.pop_front() {
            None => return false,
            Some(Turn::Answers(message, finish_reason)) => {
                let mut event = answered(&call, message, finish_reason);
                if let (true, Event::ModelCallCompleted(completed)) = (self.counts, &mut event) {
                    completed.usage.input_tokens = self.fold.prompt_tokens();
                }
                self.append(event);
            }
            Some(turn) => {
                let failure = turn.failure().expect("it is no answer");
                match retry::after(&self.fold, &failure, 0, self.now).unwrap() {
                    AfterFailure::Append(event) => self.append(event),
                    AfterFailure::AskAgain { at } => self.now = at,
                }
            }
        }
        true
    }

    /// The tools, without a network.
    pub(crate) fn carry_out(&mut self, used: &ToolUse) -> Event {
        match &used.arguments {
            Arguments::WriteArtifact { path, content, .. } => {
                self.files.insert(path.clone(), content.clone());
                let artifact = ArtifactId::new(Uuid::from_u128(self.files.len() as u128));
                let artifact = ArtifactRef { artifact, path: path.clone() };
                used.completed(format!("Wrote {path}."), false, Some(artifact), 1)
            }
            Arguments::ReadArtifact { path, .. } => match self.files.get(path) {
                Some(content) => used.completed(content.clone(), false, None, 1),
                None => used.completed(format!("There is no {path}."), true, None, 1),
            },
            Arguments::HttpFetch { url } if url.path() == "/long" => {
                used.completed("A long page. ".repeat(300), false, None, 1)
            }
            Arguments::HttpFetch { url } => used.completed(format!("Page of {url}"), false, None, 1),
            Arguments::HttpRequest(request) => {
                used.completed(format!("{} {}", request.method.as_str(), request.url), false, None, 1)
            }
            Arguments::AskHuman(_) | Arguments::Wait(_) | Arguments::Delegate(_) | Arguments::Finish(_) => {
                panic!("the engine itself sees to it")
            }
        }
    }

    /// Loses all that is not durable.
    pub(crate) fn crash(&mut self) {
        self.fold = RunFold::replay(&self.journal).unwrap();
    }

    /// Why it failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.fold.error().map(|error| error.reason.as_str())
    }

    /// True when it ended well.
    pub(crate) fn succeeded(&self) -> bool {
        self.fold.state() == RunState::Succeeded
    }

    /// The reasons of the notes, in order.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        self.journal
            .iter()
            .filter_map(|record| match &record.event {
                Event::EngineNote(note) => Some(note.reason.as_str()),
                _ => None,
            })
            .collect()
    }

    /// What the tools answered, in order, errors marked.
    pub(crate) fn results(&self) -> Vec<String> {
        self.journal
            .iter()
            .filter_map(|record| match &record.event {
                Event::ToolCallCompleted(done) if done.is_error => Some(format!("! {}", done.content)),
                Event::ToolCallCompleted(done) => Some(done.content.clone()),
                _ => None,
            })
            .collect()
    }

    /// The journal in one line per record.
    pub(crate) fn story(&self) -> String {
        self.journal.iter().fold(String::new(), |mut story, record| {
            let _ = writeln!(story, "{} {}", record.seq, told(&record.event));
            story
        })
    }
}

/// The record of the open model call if it is to be stopped, booked at 40 tokens and 700 nano dollars.
pub(crate) fn interrupted(fold: &RunFold, now: OffsetDateTime) -> Option<Event> {
    let reason = if fold.interruption()? == CommandKind::Pause { RUN_PAUSED } else { RUN_STEERED };
    match fold.pending().into_iter().next()? {
        PendingIntent::Model { step, attempt, .. } => Some(Event::ModelCallFailed(ModelCallFailed {
            step,
            attempt,
            error: RunError::new(reason, "The call was stopped because a person interrupted it."),
            retry_at: Some(now),
            generation: String::new(),
            maybe_billed: true,
            cost_nano_usd: Some(700),
            cost_estimated: true,
            total_tokens: 40,
        })),
        PendingIntent::Tool { .. } => None,
    }
}

/// The record of an answer, at 10 tokens in, 5 out and 1,000 nano dollars.
pub(crate) fn answered(call: &ModelCall, message: Message, finish_reason: FinishReason) -> Event {
    Event::ModelCallCompleted(ModelCallCompleted {
        step: call.step,
        attempt: call.attempt,
        message,
        finish_reason,
        usage: Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() },
        cost_nano_usd: Some(1_000),
        generation: format!("workspaces/w/generations/{}-{}", call.step, call.attempt),
        duration_ms: 10,
    })
}

fn told(event: &Event) -> String {
    match event {
        Event::Queued(_)
        | Event::Started(_)
        | Event::TakenOver(_)
        | Event::Paused(_)
        | Event::Resumed(_)
        | Event::Cancelled(_)
        | Event::Retried(_) => event.kind().to_owned(),
        Event::ModelCallStarted(call) => {
            let what = if call.compacts_through.is_some() { "summary" } else { "?" };
            format!("model {}/{} {what}", call.step, call.attempt)
        }
        Event::ModelCallCompleted(call) => format!("model {}/{} ok", call.step, call.attempt),
        Event::ModelCallFailed(call) => {
            let after = if call.retry_at.is_some() { "tried again" } else { "given up" };
            format!("model {}/{} {} {after}", call.step, call.attempt, call.error.reason)
        }
        Event::ToolCallStarted(call) => format!("tool {}/{} {} ?", call.step, call.call_id, call.tool),
        Event::ToolCallCompleted(call) => {
            let how = if call.is_error { "error" } else { "ok" };
            format!("tool {}/{} {} {how}", call.step, call.call_id, call.tool)
        }
        Event::EngineNote(note) => format!("note {} {}", note.step, note.reason.as_str()),
        Event::Succeeded(_) => "succeeded".to_owned(),
        Event::Failed(failed) => format!("failed {}", failed.error.reason),
        Event::CommandDelivered(order) => format!("ordered {:?}", order.kind),
        Event::Steered(steered) => format!("told {}", steered.text),
        Event::ApprovalRequested(asked) => {
            format!("approve {}/{} {} ?", asked.step, asked.call_id, asked.tool)
        }
        Event::ChildrenStarted(started) => {
            format!("delegate {}/{} {}", started.step, started.call_id, started.children.len())
        }
        Event::ChildEnded(ended) => format!("child {:?}", ended.end),
        Event::ChildrenCancelled(cancelled) => {
            format!("cancel {} {:?}", cancelled.children.len(), cancelled.cause)
        }
        Event::QuotaAwaited(awaited) => format!("quota of {} ?", awaited.provider),
        Event::TimerSet(set) => format!("wait {}/{} ?", set.step, set.call_id),
        Event::QuestionAsked(asked) => format!("answer {}/{} ?", asked.step, asked.call_id),
        Event::OutcomeUnknown(asked) => {
            format!("outcome {}/{} {} attempt {} ?", asked.step, asked.call_id, asked.tool, asked.attempt)
        }
        Event::ApprovedByRule(allowed) => {
            format!("rule {}/{} {}", allowed.step, allowed.call_id, allowed.tool)
        }
        Event::ContextCompacted(compacted) => {
            let (first, last, shortened) =
                (compacted.first_seq, compacted.last_seq, compacted.shortened.len());
            format!("compacted {first}..{last}, {shortened} shortened")
        }
        Event::ItemDecided(decided) => {
            let how = format!("{:?}", decided.decision);
            let how = how.split([' ', '{']).next().unwrap_or_default();
            format!("decided {}/{} {how}", decided.step, decided.call_id)
        }
    }
}
